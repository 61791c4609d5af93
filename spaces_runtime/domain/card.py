"""What a README's front matter and the names of the files say about a repo: the facts that hub, index and pages show.

Pure. Nothing here refuses: a wrong value is left out (builder.card says what is wrong with it).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from builder.frontmatter import front_matter
from spaces_runtime.domain.lineage import Relation, base_tag, bases, relation
from spaces_runtime.domain.plain import Plain, text, words
from spaces_runtime.domain.repo import Kind
from spaces_runtime.domain.results import Result, results

README: Final = "README.md"
LONGEST: Final = 512 * 1024  # bytes of a README that are read
PAPER: Final = re.compile(r"\barxiv\.org/(?:abs|pdf)/(\d{4}\.\d{4,5})", re.IGNORECASE)
PAPERS: Final = 20
TAGGED: Final = (  # key of the front matter, prefix of its tags
    ("tags", ""),
    ("datasets", "dataset:"),
    ("license", "license:"),
    ("task_categories", "task_categories:"),
    ("task_ids", "task_ids:"),
    ("size_categories", "size_categories:"),
    ("annotations_creators", "annotations_creators:"),
    ("language_creators", "language_creators:"),
    ("multilinguality", "multilinguality:"),
    ("source_datasets", "source_datasets:"),
)
FORMATS: Final = (  # end of a file's name, the tag of its format
    (".safetensors", "safetensors"),
    (".gguf", "gguf"),
    (".onnx", "onnx"),
    (".h5", "tf"),
    (".msgpack", "jax"),
    (".tflite", "tflite"),
    ("pytorch_model.bin", "pytorch"),
    (".pt", "pytorch"),
    (".pth", "pytorch"),
)
DATA: Final = ((".parquet", "parquet"), (".csv", "csv"), (".jsonl", "json"), (".json", "json"), (".arrow", "arrow"))
LIBRARIES: Final = (  # a file that only this library writes; the first that is there wins
    ("adapter_config.json", "peft"),
    ("model_index.json", "diffusers"),
    ("config_sentence_transformers.json", "sentence-transformers"),
    ("tokenizer_config.json", "transformers"),
    ("preprocessor_config.json", "transformers"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """tags: what filters of listings match. base_models: as the card names them; relation: None without any."""

    card: Mapping[str, Plain]
    tags: tuple[str, ...]
    library: str = ""
    pipeline: str = ""
    licence: str = ""
    languages: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    base_models: tuple[str, ...] = ()
    relation: Relation | None = None
    results: tuple[Result, ...] = ()


def read_facts(kind: Kind, full: str, readme: bytes, files: Collection[str] = ()) -> Facts:
    """The facts of a repo at a revision. full: namespace/name. readme: empty when there is none."""
    body = readme[:LONGEST].decode(errors="replace")
    card = front_matter(body).plain() if body else {}
    papers = tuple(dict.fromkeys(PAPER.findall(body)))[:PAPERS]
    return facts_of(kind, full, card, files, papers)


def facts_of(
    kind: Kind, full: str, card: Mapping[str, Plain], files: Collection[str] = (), papers: Collection[str] = ()
) -> Facts:
    """The same from a card that was read. papers: arXiv ids that its text names."""
    model = kind is Kind.MODEL
    found = bases(card, full) if model else ()
    how = relation(card, files) if found else None
    library = text(card.get("library_name")) or (_library(files) if model else "")
    pipeline = text(card.get("pipeline_tag")) if model else ""
    parts: list[str] = [*_formats(kind, files), library, pipeline]
    parts += [f"{prefix}{word}" for key, prefix in TAGGED for word in words(card.get(key))]
    parts += _languages(kind, words(card.get("language")))
    parts += [f"arxiv:{paper}" for paper in papers]
    if kind is Kind.SPACE:
        parts.append(text(card.get("sdk")))
    for base in found:
        parts += [base_tag(base), base_tag(base, how)]
    return Facts(
        card=card,
        tags=tuple(dict.fromkeys(part for part in parts if part)),
        library=library,
        pipeline=pipeline,
        licence=text(card.get("license")),
        languages=words(card.get("language")),
        datasets=words(card.get("datasets")),
        models=words(card.get("models")),
        metrics=words(card.get("metrics")),
        base_models=found,
        relation=how,
        results=results(card.get("model-index")) if model else (),
    )


def _languages(kind: Kind, languages: Collection[str]) -> Iterator[str]:
    """Clients ask for models by `en`, for datasets by `language:en`."""
    for language in languages:
        yield f"language:{language}" if kind is Kind.DATASET else language


def _formats(kind: Kind, files: Collection[str]) -> Iterator[str]:
    """What the files are written in. A Space's files are an app's, whatever they are."""
    if kind is Kind.SPACE:
        return
    table, prefix = (FORMATS, "") if kind is Kind.MODEL else (DATA, "format:")
    for end, name in table:
        if any(path.endswith(end) for path in files):
            yield f"{prefix}{name}"


def _library(files: Collection[str]) -> str:
    return next((library for name, library in LIBRARIES if name in files), "")
