from __future__ import annotations

import pytest

from builder.card import check_card

RESULT = "  - task: {type: a}\n    dataset: {type: b, name: c}\n    metrics: [{type: acc, value: 0}]\n"


@pytest.mark.parametrize(
    ("kind", "block", "rule"),
    [
        ("model", "tags: one", '"tags" must be an array of strings.'),
        ("model", "tags: [a, [b]]", '"tags[1]" must be a string.'),
        ("model", "base_model: ./out/checkpoint-3", '"base_model" must be the id of a model'),
        ("model", "base_model: [a/b, {c: d}]", '"base_model[1]" must be a string.'),
        ("model", "base_model_relation: child", '"base_model_relation" must be one of [finetune, adapter'),
        ("model", "pipeline_tag: [a]", '"pipeline_tag" must be a string.'),
        ("model", "language: true", '"language" must be a string.'),
        ("model", "model-index: x", '"model-index" must be an array.'),
        ("model", "model-index:\n- results: []", '"model-index[0].name" is required.'),
        ("model", "model-index:\n- name: m\n  results:\n  - 3", '"model-index[0].results[0]" must be an object.'),
        (
            "model",
            "model-index:\n- name: m\n  results:\n  - task: {type: a}\n    dataset: {type: b}\n    metrics: []",
            '"model-index[0].results[0].dataset.name" is required.',
        ),
        (
            "model",
            f"model-index:\n- name: m\n  results:\n{RESULT.replace(', value: 0', '')}",
            '"model-index[0].results[0].metrics[0].value" is required.',
        ),
        ("dataset", "task_categories: {a: b}", '"task_categories" must be a string.'),
        ("dataset", "license: free", '"license" must be one of'),
    ],
)
def test_what_clients_could_not_read_is_an_error_with_its_rule(kind, block, rule):
    errors, _ = check_card(f"---\n{block}\n---\n", kind)
    assert len(errors) == 1
    assert rule in errors[0]
    assert errors[0].startswith("README.md line ")


@pytest.mark.parametrize(
    ("kind", "block"),
    [
        ("model", f"model-index:\n- name: m\n  results:\n{RESULT}"),
        ("model", "base_model: [a/b, gpt2]\ntags: [1, b]\nlanguage: no\nlicense:\nmine: {x: [1]}"),
        ("dataset", "configs:\n- config_name: default\nsize_categories:\n- 1K<n<10K\nlanguage: [en-US, zh_Hans, code]"),
    ],
)
def test_a_card_that_clients_read_is_fine(kind, block):
    assert check_card(f"---\n{block}\n---\n", kind) == ((), ())


def test_a_language_in_words_is_a_warning():
    assert check_card("---\nlanguage: [en, English]\n---\n", "dataset") == (
        (),
        ('README.md line 2: language is "English". It is looked for by codes such as en or deu.',),
    )
