"""From which models a model was made, and how: what its card says, else what its files show. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from typing import Final

from spaces_runtime.domain.plain import Plain, words


class Relation(Enum):
    """How a model came of its base; the values are the clients' words."""

    FINETUNE = "finetune"
    ADAPTER = "adapter"
    MERGE = "merge"
    QUANTIZED = "quantized"


ADAPTER_FILES: Final = ("adapter_config.json", "adapter_model.safetensors", "pytorch_lora_weights.safetensors")
QUANTIZED_FILES: Final = ("quantize_config.json", "quant_config.json")
QUANTIZED_ENDS: Final = (".gguf", ".ggml")
ADAPTER_WORDS: Final = frozenset({"peft", "lora", "adapter", "adapter-transformers"})
QUANTIZED_WORDS: Final = frozenset(
    "gguf ggml awq gptq exl2 exl3 hqq eetq aqlm bitsandbytes 4-bit 8-bit quantized quantization".split()  # noqa: SIM905
)
MERGE_WORDS: Final = frozenset({"merge", "mergekit"})


def bases(card: Mapping[str, Plain], own: str = "") -> tuple[str, ...]:
    """The models it was made from, in the card's order. own: its own name, which is nobody's base."""
    named = (name for name in words(card.get("base_model")) if name.lower() != own.lower())
    return tuple(dict.fromkeys(named))


def relation(card: Mapping[str, Plain], files: Collection[str] = ()) -> Relation:
    """How it came of its bases. What the author says wins.

    Else an adapter shows in its files; a quantized copy, too, and it often repeats the tags of a merge it is made
    from, so it is looked for first; several bases are a merge; all else is taken for a fine-tuned model.
    """
    said = card.get("base_model_relation")
    for each in Relation:
        if said == each.value:
            return each
    told = {word.lower() for key in ("tags", "library_name") for word in words(card.get(key))}
    names = {path.rpartition("/")[2] for path in files}
    if told & ADAPTER_WORDS or names & {*ADAPTER_FILES}:
        return Relation.ADAPTER
    if told & QUANTIZED_WORDS or names & {*QUANTIZED_FILES} or any(name.endswith(QUANTIZED_ENDS) for name in names):
        return Relation.QUANTIZED
    if told & MERGE_WORDS or len(bases(card)) > 1:
        return Relation.MERGE
    return Relation.FINETUNE


def base_tag(base: str, relation: Relation | None = None) -> str:
    """The tag by which listings find what was made from a model: in any way, or in this one."""
    return f"base_model:{relation.value}:{base}" if relation else f"base_model:{base}"
