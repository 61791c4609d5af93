"""The five classic architectures with random weights: two layers, a vocabulary made here. For tests only."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    PretrainedConfig,
    PreTrainedModel,
    RobertaConfig,
    RobertaForMaskedLM,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

TEXTS = (
    "Drama film, Historical Fiction, Based on Book",
    "Comedy",
    "Thriller/Suspense film, Contemporary Fiction, Original Screenplay, Remake",
)
HIDDEN = 32
SMALL = {"hidden_size": HIDDEN, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
MARKS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


def _wordpiece(folder: Path, *, cased: bool) -> int:
    text = " ".join(TEXTS) if cased else " ".join(TEXTS).lower()
    words = sorted(set(text.replace(",", " , ").replace("/", " / ").split()))
    letters = sorted(set(text) - {" "})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters), *words]
    vocabulary = list(dict.fromkeys(pieces))
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    config = {"tokenizer_class": "BertTokenizer", "do_lower_case": not cased, "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return len(vocabulary)


def _save(made: Tokenizer, folder: Path, kind: str) -> int:
    made.save(str(folder / "tokenizer.json"))
    names = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>"}
    rest = {"pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>", "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind, **names, **rest}))
    return made.get_vocab_size()


def _byte_pairs(folder: Path) -> int:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=list(MARKS), initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(TEXTS, trainer)
    made.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return _save(made, folder, "RobertaTokenizer")


def _unigram(folder: Path) -> int:
    letters = sorted(set("".join(TEXTS)) - {" "})
    vocabulary = [(mark, 0.0) for mark in MARKS[:4]] + [("▁", -2.0)] + [(letter, -3.0) for letter in letters]
    made = Tokenizer(models.Unigram([*vocabulary, ("▁film", -1.0), ("<mask>", 0.0)], unk_id=3))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    made.add_special_tokens(list(MARKS))
    made.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return _save(made, folder, "XLMRobertaTokenizer")


def _bert(words: int) -> PreTrainedModel:
    return BertForMaskedLM(BertConfig(vocab_size=words, **SMALL))


def _distilbert(words: int) -> PreTrainedModel:
    config = DistilBertConfig(vocab_size=words, dim=HIDDEN, n_layers=2, n_heads=4, hidden_dim=64)
    return DistilBertForMaskedLM(config)


def _like_roberta(config: type[PretrainedConfig], model: type[PreTrainedModel]) -> Callable[[int], PreTrainedModel]:
    marks = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "max_position_embeddings": 514}
    return lambda words: model(config(vocab_size=words, type_vocab_size=1, **SMALL, **marks))


MAKERS: dict[str, tuple[Callable[[Path], int], Callable[[int], PreTrainedModel]]] = {
    "distilbert-base-uncased": (lambda folder: _wordpiece(folder, cased=False), _distilbert),
    "bert-base-uncased": (lambda folder: _wordpiece(folder, cased=False), _bert),
    "bert-base-cased": (lambda folder: _wordpiece(folder, cased=True), _bert),
    "roberta-base": (_byte_pairs, _like_roberta(RobertaConfig, RobertaForMaskedLM)),
    "xlm-roberta-base": (_unigram, _like_roberta(XLMRobertaConfig, XLMRobertaForMaskedLM)),
}


def make(name: str, folder: Path) -> Path:
    """A checkpoint as these five are published: with the head they were trained with. Always the same weights."""
    folder.mkdir()
    write_vocabulary, model = MAKERS[name]
    torch.manual_seed(0)
    model(write_vocabulary(folder)).save_pretrained(folder)
    return folder
