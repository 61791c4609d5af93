"""What repo info and listings show of a repo beside its row: kept in the index, so that a listing reads no files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from spaces_runtime.domain.card import Facts
from spaces_runtime.domain.ids import RevisionId
from spaces_runtime.domain.plain import Plain

USES: Final = "uses:"  # before the names of models and datasets in the tags of a Space that only filters see
TASKS: Final = {  # the end of an architecture's name → (the class that loads it, its task)
    "ForSequenceClassification": ("AutoModelForSequenceClassification", "text-classification"),
    "ForTokenClassification": ("AutoModelForTokenClassification", "token-classification"),
    "ForQuestionAnswering": ("AutoModelForQuestionAnswering", "question-answering"),
    "ForMaskedLM": ("AutoModelForMaskedLM", "fill-mask"),
    "ForCausalLM": ("AutoModelForCausalLM", "text-generation"),
    "LMHeadModel": ("AutoModelForCausalLM", "text-generation"),
    "ForImageClassification": ("AutoModelForImageClassification", "image-classification"),
    "ForObjectDetection": ("AutoModelForObjectDetection", "object-detection"),
    "ForAudioClassification": ("AutoModelForAudioClassification", "audio-classification"),
    "ForSpeechSeq2Seq": ("AutoModelForSpeechSeq2Seq", "automatic-speech-recognition"),
    "ForCTC": ("AutoModelForCTC", "automatic-speech-recognition"),
    "ForConditionalGeneration": ("AutoModelForSeq2SeqLM", ""),  # text, pictures or speech: the card has to say
    "Model": ("AutoModel", "feature-extraction"),
}
CONFIG: Final = ("architectures", "model_type", "auto_map", "quantization_config")


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """At one revision. weights: parameters by dtype, from the headers of safetensors. config: of config.json, a part.

    uses: models and datasets that a Space names; kept for filters, shown in fields of their own.
    """

    head: RevisionId
    tags: tuple[str, ...] = ()
    library: str = ""
    pipeline: str = ""
    models: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    base_models: tuple[str, ...] = ()
    relation: str = ""
    weights: Mapping[str, int] = field(default_factory=dict)
    config: Mapping[str, Plain] = field(default_factory=dict)
    card: Mapping[str, Plain] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """In all; 0: not known."""
        return sum(self.weights.values())

    @property
    def filtered(self) -> frozenset[str]:
        """What filters match."""
        used = [f"{USES}model:{name.lower()}" for name in self.models]
        used += [f"{USES}dataset:{name.lower()}" for name in self.datasets]
        return frozenset((*self.tags, *used))


def summary_of(head: RevisionId, facts: Facts, weights: Mapping[str, int], config: Mapping[str, Plain]) -> Summary:
    """Put together what card, names of files, weights and config.json say; the card's own word goes first."""
    kept = {key: config[key] for key in CONFIG if key in config}
    library = facts.library or ("transformers" if kept.get("model_type") else "")
    guessed = transformers_info(kept)[1] if library in ("transformers", "") else ""
    pipeline = facts.pipeline or guessed
    model_type = kept.get("model_type")
    more = [library, pipeline, model_type if isinstance(model_type, str) else ""]
    return Summary(
        head=head,
        tags=tuple(dict.fromkeys(tag for tag in (*facts.tags, *more) if tag)),
        library=library,
        pipeline=pipeline,
        models=facts.models,
        datasets=facts.datasets,
        base_models=facts.base_models,
        relation=facts.relation.value if facts.relation else "",
        weights=weights,
        config=kept,
        card=facts.card,
    )


def transformers_info(config: Mapping[str, Plain]) -> tuple[str, str]:
    """(the class that loads a model of this config.json, its task); both empty when that is not known."""
    named = config.get("architectures")
    first = named[0] if isinstance(named, list) and named else ""
    return next((known for end, known in TASKS.items() if isinstance(first, str) and first.endswith(end)), ("", ""))


def dumps(summary: Summary) -> tuple[str, str]:
    """As the database keeps it: (the summary, its card)."""
    shown = {
        "tags": summary.tags,
        "library": summary.library,
        "pipeline": summary.pipeline,
        "models": summary.models,
        "datasets": summary.datasets,
        "base_models": summary.base_models,
        "relation": summary.relation,
        "weights": dict(summary.weights),
        "config": dict(summary.config),
    }
    short = {key: value for key, value in shown.items() if value}
    return json.dumps(short, separators=(",", ":"), default=str), json.dumps(dict(summary.card), default=str)


def loads(head: RevisionId, shown: str, card: str | None) -> Summary:
    """Back again. card: None when it was not read."""
    found: dict[str, Any] = json.loads(shown)
    return Summary(
        head=head,
        tags=tuple(found.get("tags", ())),
        library=found.get("library", ""),
        pipeline=found.get("pipeline", ""),
        models=tuple(found.get("models", ())),
        datasets=tuple(found.get("datasets", ())),
        base_models=tuple(found.get("base_models", ())),
        relation=found.get("relation", ""),
        weights=found.get("weights", {}),
        config=found.get("config", {}),
        card=json.loads(card) if card else {},
    )
