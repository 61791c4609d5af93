"""A model repo on disk, in the layout that `from_pretrained` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file


def write_config(folder: Path, *, layers: int, vocabulary: int, dtype: str, specials: Mapping[str, int]) -> None:
    """config.json of a BERT with 384 units and 12 heads: the shape all three encoders share."""
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": 384,
        "num_hidden_layers": layers,
        "num_attention_heads": 12,
        "intermediate_size": 1536,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
        "vocab_size": vocabulary,
        "dtype": dtype,
        **specials,
    }
    write_json(folder / "config.json", config)


def write_weights(folder: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """model.safetensors. Tensors must lie in memory as they are indexed, else safetensors writes another order."""
    save_file(
        {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )


def write_json(path: Path, content: Any) -> None:
    """Indented, as people and diffs read it."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
