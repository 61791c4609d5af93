"""transformers and datasets against the hub."""

from __future__ import annotations

import pytest

from tests.clients.conftest import Run


@pytest.mark.client("AutoModel.from_pretrained", "PreTrainedModel.push_to_hub")
def test_a_model_is_pushed_and_loaded(run: Run) -> None:
    run("""
        import torch
        from transformers import AutoConfig, AutoModel, BertConfig, BertModel
        model = BertModel(BertConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
                                     vocab_size=1000))
        model.push_to_hub("ann/tiny-bert")
        loaded = AutoModel.from_pretrained("ann/tiny-bert")
        for name, value in model.state_dict().items():
            assert torch.equal(value, loaded.state_dict()[name]), name
        assert AutoConfig.from_pretrained("ann/tiny-bert", revision="main").hidden_size == 32
    """)


@pytest.mark.client("datasets.load_dataset", "Dataset.push_to_hub")
def test_a_dataset_is_pushed_and_loaded(run: Run) -> None:
    run("""
        from datasets import Dataset, load_dataset
        rows = Dataset.from_dict({"text": ["a", "b", "c"], "number": [1, 2, 3]})
        rows.push_to_hub("ann/rows")
        back = load_dataset("ann/rows", split="train")
        assert back["text"] == ["a", "b", "c"] and back["number"] == [1, 2, 3]
        streamed = load_dataset("ann/rows", split="train", streaming=True)
        assert [row["number"] for row in streamed] == [1, 2, 3]
        rows.push_to_hub("ann/rows", split="test")
        assert set(load_dataset("ann/rows")) == {"train", "test"}
    """)
