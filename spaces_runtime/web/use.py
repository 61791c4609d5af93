"""How to use a model or dataset from here: what to type, with this hub's address in it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from spaces_runtime.domain.card import Facts
from spaces_runtime.domain.repo import Kind

ENDPOINT: Final = 'import os\nos.environ["HF_ENDPOINT"] = "{hub}"  # before the imports below\n\n'
BY_LIBRARY: Final = {
    "transformers": "from transformers import {made}\n\n{call}",
    "sentence-transformers": (
        "from sentence_transformers import SentenceTransformer\n\n"
        'model = SentenceTransformer("{repo}")\nmodel.encode(["A sentence."])'
    ),
    "peft": 'from peft import AutoPeftModel\n\nmodel = AutoPeftModel.from_pretrained("{repo}")',
    "diffusers": ('from diffusers import DiffusionPipeline\n\npipeline = DiffusionPipeline.from_pretrained("{repo}")'),
    "timm": 'import timm\n\nmodel = timm.create_model("hf-hub:{repo}", pretrained=True)',
}
DATASET: Final = 'from datasets import load_dataset\n\ndataset = load_dataset("{repo}")'
FILES: Final = 'from huggingface_hub import snapshot_download\n\nfolder = snapshot_download("{repo}")'


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way. label: for the page and for screen readers; text: what to type."""

    label: str
    text: str


def ways(kind: Kind, repo: str, facts: Facts, hub: str) -> tuple[Way, ...]:
    """In Python by its own library, on the command line, with git."""
    typed = "" if kind is Kind.MODEL else f" --repo-type {kind.value}"
    return (
        Way(label="Python", text=ENDPOINT.format(hub=hub) + _python(kind, repo, facts)),
        Way(label="Command line", text=f"HF_ENDPOINT={hub} hf download {repo}{typed}"),
        Way(label="Git", text=f"git clone {hub}/{kind.prefix}{repo}"),
    )


def _python(kind: Kind, repo: str, facts: Facts) -> str:
    if kind is Kind.DATASET:
        return DATASET.format(repo=repo)
    task = facts.pipeline
    made, call = "AutoModel", f'model = AutoModel.from_pretrained("{repo}")'
    if task and task.replace("-", "").isalnum():  # it stands in a line of code
        made, call = "pipeline", f'run = pipeline("{task}", model="{repo}")'
    return BY_LIBRARY.get(facts.library, FILES).format(repo=repo, made=made, call=call)
