from __future__ import annotations

import pytest

from spaces_runtime.domain.card import read_facts
from spaces_runtime.domain.lineage import Relation, relation
from spaces_runtime.domain.repo import Kind
from spaces_runtime.domain.results import filed, shown

CARD = b"""---
license: apache-2.0
language: [en, de]
library_name: transformers
pipeline_tag: text-classification
tags: [tickets, tickets, 7]
datasets: ann/tickets
metrics: [accuracy]
base_model: ann/base
model-index:
- name: triage
  results:
  - task: {type: text-classification, name: Text classification}
    dataset: {type: ann/tickets, name: Tickets, split: test}
    metrics:
    - {type: accuracy, value: 0.93125, name: Accuracy}
    - {type: f1, value: 1}
    - broken
---
See https://arxiv.org/abs/2101.00001 and https://arxiv.org/pdf/2101.00001.
"""


def test_a_model_card_is_read_into_facts_and_tags():
    facts = read_facts(Kind.MODEL, "ann/triage", CARD, ["model.safetensors", "README.md"])
    assert facts.tags == (
        "safetensors", "transformers", "text-classification", "tickets", "7", "dataset:ann/tickets",
        "license:apache-2.0", "en", "de", "arxiv:2101.00001", "base_model:ann/base", "base_model:finetune:ann/base",
    )  # fmt: skip
    assert (facts.licence, facts.library, facts.pipeline) == ("apache-2.0", "transformers", "text-classification")
    assert (facts.base_models, facts.relation) == (("ann/base",), Relation.FINETUNE)
    assert [(row.dataset, row.split, row.metric, row.value) for row in facts.results] == [
        ("Tickets", "test", "Accuracy", "0.9313"),
        ("Tickets", "test", "f1", "1"),
    ]


def test_a_dataset_has_its_languages_and_formats_with_a_prefix_and_no_lineage():
    facts = read_facts(Kind.DATASET, "ann/set", CARD, ["data/train.parquet"])
    assert {"language:en", "language:de", "format:parquet"} <= set(facts.tags)
    assert not any(tag.startswith("base_model:") for tag in facts.tags)


def test_a_space_has_its_sdk_as_a_tag_and_not_the_formats_of_its_files():
    facts = read_facts(Kind.SPACE, "ann/app", b"---\nsdk: gradio\nmodels: [ann/m]\n---\n", ["weights.safetensors"])
    assert (facts.tags, facts.models) == (("gradio",), ("ann/m",))


@pytest.mark.parametrize(
    ("card", "files", "expected"),
    [
        ({"base_model_relation": "merge", "library_name": "peft"}, ["x.gguf"], Relation.MERGE),
        ({"base_model_relation": "nonsense"}, [], Relation.FINETUNE),
        ({}, ["adapter_config.json", "adapter_model.safetensors"], Relation.ADAPTER),
        ({"tags": ["LoRA"]}, [], Relation.ADAPTER),
        ({}, ["model-q4_k.gguf"], Relation.QUANTIZED),
        ({"tags": ["merge", "awq"]}, [], Relation.QUANTIZED),
        ({"base_model": ["a/x", "a/y"]}, [], Relation.MERGE),
        ({"base_model": ["a/x"], "tags": ["mergekit"]}, [], Relation.MERGE),
        ({"base_model": "a/x"}, ["model.safetensors"], Relation.FINETUNE),
    ],
)
def test_how_a_model_came_of_its_base_is_said_or_shown(card, files, expected):
    assert relation(card, files) is expected


def test_a_model_is_not_its_own_base():
    facts = read_facts(Kind.MODEL, "ann/a", b"---\nbase_model: [Ann/A, b/c]\n---\n")
    assert facts.base_models == ("b/c",)


@pytest.mark.parametrize(
    "block",
    ["tags: {a: b}", "license: [[mit]]", "model-index: 7", "model-index: [{results: {a: 1}}]", "base_model: {x: y}",
     "language: true", "tags: ['a\\u0000b', '']", "not yaml: ["],
)  # fmt: skip
def test_what_an_author_wrote_wrongly_is_left_out(block):
    facts = read_facts(Kind.MODEL, "ann/a", f"---\n{block}\n---\n".encode())
    assert all(tag.isprintable() and tag for tag in facts.tags)
    assert facts.results == ()
    assert facts.base_models == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"- dataset: {id: a/b, task_id: t}\n  value: 0.5\n", [None]),
        (b"dataset: {id: a/b, task_id: t}\nvalue: 0\n", [None]),
        (b"- value: 1\n- dataset: {id: a/b, task_id: t}\n  value: x\n", ["an entry needs dataset.id, ...", None]),
        (b"[", ["it is not YAML: ..."]),
        (b"\xff", ["'utf-8' codec ..."]),
        (b"a: &a [1]\n" + b"b: [" + b"*a," * 21_000 + b"1]", ["it is too large or nested too deep"]),
        (b"x" * 300_000, ["it is larger than 256 KiB"]),
    ],
)
def test_result_files_are_read_or_say_what_is_wrong(content, said):
    found = filed(".eval_results/x.yaml", content)
    assert [entry["filename"] for entry in found] == [".eval_results/x.yaml"] * len(said)
    for entry, wrong in zip(found, said, strict=True):
        assert ("data" in entry) is (wrong is None)
        assert wrong is None or str(entry["error"]).startswith(wrong.removesuffix("..."))


def test_a_filed_result_is_shown_as_the_cards_are():
    (entry,) = filed("x.yaml", b"- dataset: {id: a/b, task_id: hard}\n  value: 0.41234567\n  notes: no-tools\n")
    row = shown(entry)
    assert (row.dataset, row.task, row.metric, row.value) == ("a/b", "hard", "no-tools", "0.4123")
