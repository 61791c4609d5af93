"""A folder with a model, as `save_pretrained` leaves it or a download of a model repo."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.ids import Sha256

WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
READERS = (  # one of these turns input into numbers: a tokenizer's files, or an image or sound processor's
    *("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model"),
    *("preprocessor_config.json", "processor_config.json"),
)
POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file, open for reading. path: in the repo. size: bytes."""

    path: str
    file: BufferedReader
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """parts: hidden files are left out, links are followed (a download cache is made of them)."""

    architecture: str
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(part.size for part in self.parts)


@contextmanager
def opened(folder: Path) -> Iterator[Checkpoint]:
    """Check that `AutoModel` and `AutoTokenizer` will find what they need here, and hold its files open.

    Open, because whoever stores them may have given up the right to open them: safetensors writes weights that only
    their owner may read.

    Raises:
        Fault: names the file that is missing or of the wrong kind, and what to do.
    """
    folder = folder.expanduser()
    if not folder.is_dir():
        raise _no_checkpoint(folder, "there is no such folder", "Give the folder that holds config.json.")
    files = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    shown = {name: path for name, path in files.items() if not any(part.startswith(".") for part in Path(name).parts)}
    architecture = _architecture(folder, shown)
    _check_weights(folder, shown)
    if not any(reader in shown for reader in READERS):
        raise _no_checkpoint(
            folder, "it has no tokenizer", "Save it there too: AutoTokenizer.from_pretrained(...).save_pretrained(DIR)."
        )
    with ExitStack() as stack:
        parts = []
        for name, path in shown.items():
            file = stack.enter_context(path.open("rb"))
            if file.read(len(POINTER)) == POINTER:
                why = f"{name} is a git-lfs pointer, not the file itself"
                raise _no_checkpoint(folder, why, "Run `git lfs pull` there.")
            parts.append(Part(path=name, file=file, size=path.stat().st_size))
        yield Checkpoint(architecture=architecture, parts=tuple(parts))


def sha256_of(file: BufferedReader) -> Sha256:
    """Of all of it."""
    file.seek(0)
    return Sha256(hashlib.file_digest(file, "sha256").hexdigest())


def content_of(file: BufferedReader) -> bytes:
    """All of it."""
    file.seek(0)
    return file.read()


def _architecture(folder: Path, files: dict[str, Path]) -> str:
    if "config.json" not in files:
        nested = next((name for name in files if name.endswith("/config.json")), "")
        hint = f"There is one in {folder / Path(nested).parent}." if nested else "save_pretrained writes one."
        raise _no_checkpoint(folder, "it has no config.json", hint)
    try:
        config = json.loads(files["config.json"].read_bytes())
    except ValueError as error:
        raise _no_checkpoint(folder, f"its config.json is not JSON: {error}", "Write it again.") from error
    architecture = config.get("model_type") if isinstance(config, dict) else None
    if not isinstance(architecture, str):
        raise _no_checkpoint(
            folder, "its config.json names no model_type", 'AutoModel chooses by it, e.g. "model_type": "bert".'
        )
    return architecture


def _check_weights(folder: Path, files: dict[str, Path]) -> None:
    top = [Path(name) for name in files if "/" not in name]
    if not any(name.match(pattern) for name in top for pattern in WEIGHTS):
        others = [name.name for name in top if name.suffix in (".h5", ".msgpack", ".ckpt")]
        why = f"its weights are in another format ({others[0]})" if others else "it has no weights"
        raise _no_checkpoint(folder, why, "Save it as PyTorch's: model.safetensors or pytorch_model.bin.")
    for name in (name for name in files if name.endswith(".index.json")):
        shards = set(json.loads(files[name].read_bytes()).get("weight_map", {}).values())
        if absent := sorted(shards - set(files)):
            raise _no_checkpoint(
                folder, f"{name} names {absent[0]}, which is not there", "Copy all parts of the weights."
            )


def _no_checkpoint(folder: Path, why: str, then: str) -> Fault:
    return Fault(what=f"import {folder}", why=why, then=then)
