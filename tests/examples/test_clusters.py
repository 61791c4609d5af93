"""Grouping and drawing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.examples.example import module

clusters, films = module("clusters"), module("films")


@pytest.fixture(scope="module")
def heaps():
    """Three heaps of 40, 20 and 10 vectors in 16 dimensions."""
    chance = np.random.default_rng(0)
    centres = chance.normal(size=(3, 16))
    return np.concatenate(
        [centre + 0.05 * chance.normal(size=(n, 16)) for centre, n in zip(centres, (40, 20, 10), strict=True)]
    )


def test_heaps_are_found_and_the_largest_comes_first(heaps):
    found = clusters.cluster(heaps, 3)
    assert np.bincount(found.labels).tolist() == [40, 20, 10]


def test_the_same_vectors_give_the_same_answer(heaps):
    first, second = clusters.cluster(heaps, 5), clusters.cluster(heaps, 5)
    np.testing.assert_array_equal(first.labels, second.labels)
    np.testing.assert_array_equal(first.points, second.points)


@pytest.mark.parametrize("count", [2, 7, 12])
def test_there_are_as_many_clusters_as_asked_for(heaps, count):
    assert len(set(clusters.cluster(heaps, count).labels)) == count


def test_the_length_of_a_vector_does_not_matter(heaps):
    longer = heaps * np.linspace(1, 9, len(heaps))[:, None]
    np.testing.assert_array_equal(clusters.cluster(heaps, 3).labels, clusters.cluster(longer, 3).labels)


def test_the_plane_keeps_the_most_of_the_variance_there_is(heaps):
    points, kept = clusters.project(heaps)
    centred = heaps - heaps.mean(axis=0)
    assert points.shape == (len(heaps), 2)
    assert kept == pytest.approx(points.var(axis=0).sum() / centred.var(axis=0).sum())
    assert kept >= centred[:, :2].var(axis=0).sum() / centred.var(axis=0).sum()


def test_points_of_equal_texts_are_drawn_apart_and_others_stay_where_they_are():
    points = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    drawn = clusters.fan_out(points, ["a", "b", "a", "a"])
    assert len({tuple(place) for place in drawn}) == 4
    np.testing.assert_array_equal(drawn[:2], points[:2])
    assert np.abs(drawn - points).max() < 0.02


def test_agreement_is_one_for_the_same_partition_and_near_none_for_chance():
    genres = ["a", "b", "c"] * 100
    assert clusters.agreement(np.array([0, 1, 2] * 100), genres) == pytest.approx(1)
    assert clusters.agreement(np.random.default_rng(0).integers(0, 3, 300), genres) < 0.05


def test_films_are_read_best_known_first_and_incomplete_ones_left_out(tmp_path):
    whole = {"Release Date": "Mar 09 2007", "Major Genre": "Action", "Creative Type": "Fantasy", "Source": "Remake"}
    rows = [
        {**whole, "Title": "Little known", "IMDB Votes": 5},
        {**whole, "Title": 300, "IMDB Votes": 900},
        {**whole, "Title": "No genre", "Major Genre": None, "IMDB Votes": 7000},
    ]
    (tmp_path / "movies.json").write_text(json.dumps(rows))
    read = films.read(tmp_path / "movies.json")
    assert [(film.title, film.year) for film in read] == [("300", 2007), ("Little known", 2007)]
    assert read[0].text == "Action film, Fantasy, Remake"
