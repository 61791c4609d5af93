"""Text encoders: which there are, which of them this hub has, and the vectors they give.

torch and transformers are imported when a text is first embedded: the page of a Space that was just woken does not
wait for them.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError

BATCH = 64
LONGEST = 128  # tokens; a genre text has about 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """prefix: what its authors want before each text. classic: lives under a name of one word, made by import."""

    name: str
    about: str
    prefix: str = ""
    classic: bool = False

    def repo(self, namespace: str) -> str:
        """Where `from_pretrained` finds it on this hub."""
        return self.name if self.classic else f"{namespace}/{self.name}"

    def command(self, namespace: str) -> str:
        """What brings it here; DIR is a folder with the checkpoint, as `save_pretrained` leaves it."""
        alias = f" --alias {self.name}" if self.classic else ""
        return f"spaces import-model DIR {namespace}/{self.name}{alias}"


ENCODERS = (
    Encoder(name="all-MiniLM-L6-v2", about="English, 6 layers"),
    Encoder(name="paraphrase-MiniLM-L3-v2", about="English, 3 layers"),
    Encoder(name="multilingual-e5-small", about="100 languages, 12 layers", prefix="query: "),
    Encoder(name="distilbert-base-uncased", about="English, 6 layers", classic=True),
    Encoder(name="bert-base-uncased", about="English, 12 layers", classic=True),
    Encoder(name="bert-base-cased", about="English with capitals, 12 layers", classic=True),
    Encoder(name="roberta-base", about="English, 12 layers", classic=True),
    Encoder(name="xlm-roberta-base", about="100 languages, 12 layers", classic=True),
)


class NotHereError(Exception):
    """This hub has no such encoder. The message names the command that brings it."""


class Shelf:
    """The encoders of one hub, and the vectors they gave. folder: where vectors are kept between starts."""

    def __init__(self, namespace: str, folder: Path) -> None:
        self.namespace = namespace
        self._folder = folder
        self._hub = HfApi()
        self._one_at_a_time = threading.Lock()

    def revision(self, encoder: Encoder) -> str | None:
        """The commit this hub has of it; None: it has none."""
        try:
            return self._hub.model_info(encoder.repo(self.namespace)).sha
        except RepositoryNotFoundError:
            return None

    def vectors(self, name: str, texts: Sequence[str]) -> tuple[np.ndarray, str]:
        """One row a text, in single precision, and the commit that made them. Raises NotHereError, KeyError."""
        encoder = {each.name: each for each in ENCODERS}[name]
        revision = self.revision(encoder)
        if revision is None:
            command = encoder.command(self.namespace)
            raise NotHereError(f"{name} is not on this hub. Whoever runs it brings it here with: `{command}`")
        prefixed = [encoder.prefix + text for text in texts]
        content = hashlib.sha256("\n".join(prefixed).encode()).hexdigest()
        kept = self._folder / f"{name}-{revision[:12]}-{content[:12]}.npy"
        with self._one_at_a_time:
            if not kept.is_file():
                save(embed(encoder.repo(self.namespace), prefixed, revision), kept)
        return np.load(kept), revision


def save(vectors: np.ndarray, path: Path) -> None:
    """Whole or not at all: a Space may be stopped at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    with draft.open("wb") as file:
        np.save(file, vectors)
    draft.replace(path)


def embed(repo: str, texts: Sequence[str], revision: str | None = None) -> np.ndarray:
    """The mean of the last layer's vectors over each text's own tokens; shape (texts, hidden size).

    AutoModel, not AutoModelForMaskedLM: with the masked-LM head a model answers one number per word of its
    vocabulary (250,002 for xlm-roberta) where the hidden vector is meant. The encoder is let go afterwards: the texts
    are always the same, so only their vectors are needed again.
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = AutoTokenizer.from_pretrained(repo, revision=revision)
    model = AutoModel.from_pretrained(repo, revision=revision, dtype=torch.float32).to(device).eval()
    rows = []
    for start in range(0, len(texts), BATCH):
        some = list(texts[start : start + BATCH])
        tokens = tokenizer(some, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt").to(device)
        mask = tokens["attention_mask"]  # with the ids all that the five architectures have in common
        with torch.inference_mode():
            hidden = model(input_ids=tokens["input_ids"], attention_mask=mask).last_hidden_state
        weight = mask.unsqueeze(-1).to(hidden.dtype)
        rows.append((hidden * weight).sum(1) / weight.sum(1))
    return torch.cat(rows).cpu().numpy()
