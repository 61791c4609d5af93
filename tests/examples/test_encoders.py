"""The example's one way from text to vector, for each of the five classic architectures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from tests.examples import tiny
from tests.examples.example import module

encoders = module("encoders")
CLASSIC = [encoder.name for encoder in encoders.ENCODERS if encoder.classic]


@pytest.fixture(scope="module", params=tiny.MAKERS)
def checkpoint(request, tmp_path_factory):
    return str(tiny.make(request.param, tmp_path_factory.mktemp("tiny") / request.param))


def test_the_five_classic_encoders_stand_in_the_list():
    assert set(CLASSIC) == set(tiny.MAKERS)


def test_every_text_becomes_one_vector_of_the_hidden_size(checkpoint):
    vectors = encoders.embed(checkpoint, tiny.TEXTS)
    assert vectors.shape == (len(tiny.TEXTS), tiny.HIDDEN)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert len({tuple(vector) for vector in vectors}) == len(tiny.TEXTS)


def test_a_longer_neighbour_does_not_change_a_vector(checkpoint):
    alone = encoders.embed(checkpoint, ["Comedy"])
    beside = encoders.embed(checkpoint, ["Comedy", tiny.TEXTS[2]])
    np.testing.assert_allclose(beside[0], alone[0], atol=1e-5)


def test_a_vector_is_the_mean_over_the_texts_own_tokens(checkpoint):
    model, tokenizer = AutoModel.from_pretrained(checkpoint).eval(), AutoTokenizer.from_pretrained(checkpoint)
    with torch.no_grad():
        ids = torch.tensor([tokenizer(tiny.TEXTS[0])["input_ids"]])
        expected = model(input_ids=ids).last_hidden_state[0].mean(0).numpy()
    np.testing.assert_allclose(encoders.embed(checkpoint, tiny.TEXTS)[0], expected, atol=1e-5)


def test_more_texts_than_one_batch_keep_their_order(checkpoint):
    many = [tiny.TEXTS[place % 3] for place in range(encoders.BATCH + 5)]
    vectors = encoders.embed(checkpoint, many)
    np.testing.assert_allclose(vectors, vectors[np.arange(len(many)) % 3], atol=1e-5)


def test_a_text_longer_than_the_model_reads_is_cut(checkpoint):
    assert encoders.embed(checkpoint, ["film " * 2000]).shape == (1, tiny.HIDDEN)


def test_a_masked_lm_checkpoint_of_xlm_roberta_gives_hidden_vectors_and_no_vocabulary(tmp_path):
    """The known bug of this demo: the head's answer, a number per word, was averaged and clustered."""
    checkpoint = tiny.make("xlm-roberta-base", tmp_path / "xlm-roberta-base")
    words = len(AutoTokenizer.from_pretrained(checkpoint))
    assert words != tiny.HIDDEN
    assert encoders.embed(str(checkpoint), tiny.TEXTS).shape[1] == tiny.HIDDEN


def test_one_that_is_not_here_names_the_command_that_brings_it():
    missing = next(encoder for encoder in encoders.ENCODERS if encoder.name == "bert-base-uncased")
    assert missing.command("ann") == "spaces import-model DIR ann/bert-base-uncased --alias bert-base-uncased"
    assert missing.repo("ann") == "bert-base-uncased"


def test_real_encoders_live_under_their_own_names():
    own = [encoder for encoder in encoders.ENCODERS if not encoder.classic]
    assert [encoder.repo("ann") for encoder in own] == [f"ann/{encoder.name}" for encoder in own]
    assert len(own) >= 2


def test_vectors_are_written_whole_or_not_at_all(tmp_path):
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3)
    encoders.save(vectors, tmp_path / "new" / "kept.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "new" / "kept.npy"), vectors)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["kept.npy"]
