"""Films grouped by what a text encoder makes of their genre."""

from __future__ import annotations

import os
from collections import Counter
from functools import cache
from pathlib import Path

import clusters
import encoders
import films
import gradio as gr
import numpy as np
import pandas as pd

NAMESPACE = os.environ.get("ENCODERS_NAMESPACE") or os.environ.get("SPACE_AUTHOR_NAME", "demo")
DATASET = os.environ.get("FILMS_DATASET") or f"{NAMESPACE}/films"
KEPT = Path("/data") if os.access("/data", os.W_OK) else Path.home() / ".cache" / "movie-genres"
ABSENT = "not on this hub"
COLOURS = (
    *("#e4572e", "#2e86ab", "#76b041", "#8e5ea2", "#f2b134", "#17a398"),
    *("#d1495b", "#5c7cfa", "#9c6644", "#f78fb3", "#495057", "#a8c256"),
)
CSS = f"""
label[data-testid$="{ABSENT}-radio-label"] {{ opacity: .45 }}
.gradio-container {{ max-width: 1180px !important; margin: auto }}
"""
INTRO = """# What films have in common
A text encoder reads the genre of 600 well-known films (*"Drama film, Historical Fiction, Based on Book/Short Story"*)
and k-means groups the vectors. Switch the encoder or the number of clusters and see the groups change."""

shelf = encoders.Shelf(NAMESPACE, KEPT / "vectors")


@cache
def all_films() -> tuple[films.Film, ...]:
    """Downloaded once a start."""
    return films.load(DATASET)


def cluster(encoder: str, count: float) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, str]:
    """Group the films. Returns points of the plot, clusters, films, and a sentence about the result."""
    shown = all_films()
    texts = [film.text for film in shown]
    different = sorted(set(texts))
    try:
        rows, revision = shelf.vectors(encoder, different)
    except encoders.NotHereError as absent:
        raise gr.Error(str(absent), duration=None, title="Not on this hub", print_exception=False) from absent
    vectors = rows[np.searchsorted(different, texts)]
    found = clusters.cluster(vectors, int(count))
    genres = [film.genre for film in shown]
    agreed = clusters.agreement(found.labels, genres)
    words = (
        f"**{len(shown)} films, {int(count)} clusters** by {encoder} (commit {revision[:7]}, "
        f"{vectors.shape[1]} numbers a film). Agreement with the genre column: {agreed:.2f} of 1. "
        f"The plane shows {found.kept:.0%} of the variance; films with one genre text are fanned out around its spot."
    )
    listed = film_table(shown, found.labels)
    return points_table(found, texts, listed), cluster_table(listed), listed, words


def show(encoder: str, count: float) -> tuple[object, object, object, str]:
    """The same for the page: an encoder that is not here leaves the picture as it is, and says so."""
    try:
        return cluster(encoder, count)
    except gr.Error as absent:
        return gr.skip(), gr.skip(), gr.skip(), f"**{absent.message}** The picture above is still the one before."


def film_table(shown: tuple[films.Film, ...], labels: np.ndarray) -> pd.DataFrame:
    """A row a film, the best known first. Clusters are counted from 1 here, as people count."""
    return pd.DataFrame(
        [
            (str(label + 1), film.title, film.year, film.genre, film.kind, film.source)
            for film, label in zip(shown, labels, strict=True)
        ],
        columns=["cluster", "film", "year", "genre", "kind", "source"],
    )


def points_table(found: clusters.Clustering, texts: list[str], listed: pd.DataFrame) -> pd.DataFrame:
    """What the plot draws; sorted, so that its legend is."""
    spread = clusters.fan_out(found.points, texts).round(4)
    placed = listed.assign(x=spread[:, 0], y=spread[:, 1])
    return placed.sort_values("cluster", key=lambda labels: labels.astype(int), kind="stable")


def cluster_table(listed: pd.DataFrame) -> pd.DataFrame:
    """A row a cluster, the largest first."""
    rows = []
    for label, group in listed.groupby(listed["cluster"].astype(int)):
        genres = Counter(group["genre"]).most_common(3)
        mostly = ", ".join(f"{genre} {count}" for genre, count in genres)
        rows.append((str(label), len(group), mostly, ", ".join(group["film"][:4])))
    return pd.DataFrame(rows, columns=["cluster", "films", "mostly", "best known"])


def listing() -> list[dict[str, str | bool]]:
    """Every encoder: whether this hub has it, and the command that brings it."""
    return [
        {
            "name": encoder.name,
            "about": encoder.about,
            "here": shelf.revision(encoder) is not None,
            "command": encoder.command(NAMESPACE),
        }
        for encoder in encoders.ENCODERS
    ]


def offer() -> tuple[gr.Radio, str]:
    """The choices as this hub is now: an import shows at the next visit."""
    found = listing()
    choices = [
        (f"{each['name']} · {each['about']}" if each["here"] else f"{each['name']} · {ABSENT}", each["name"])
        for each in found
    ]
    absent = [each for each in found if not each["here"]]
    lines = [f"- **{each['name']}**: `{each['command']}`" for each in absent]
    return gr.Radio(choices=choices), "\n".join(lines) or "All of them are here."


with gr.Blocks(title="What films have in common") as demo:
    gr.Markdown(INTRO)
    with gr.Row():
        with gr.Column(scale=1, min_width=345):
            encoder = gr.Radio(
                [each.name for each in encoders.ENCODERS], value=encoders.ENCODERS[0].name, label="Encoder"
            )
            count = gr.Slider(2, len(COLOURS), value=8, step=1, label="Clusters")
            with gr.Accordion("Encoders that are not on this hub", open=False):
                absent = gr.Markdown()
        with gr.Column(scale=2):
            plot = gr.ScatterPlot(
                x="x",
                y="y",
                color="cluster",
                color_map={str(place + 1): colour for place, colour in enumerate(COLOURS)},
                tooltip=["film", "year", "genre", "kind", "source", "cluster"],
                x_axis_labels_visible=False,
                x_title="first principal component",
                y_title="second",
                height=500,
                label="Plot",
                show_label=False,
            )
            words = gr.Markdown(label="Result")
    with gr.Tab("Clusters"):
        groups = gr.Dataframe(label="Clusters", interactive=False, wrap=True, column_widths=["8%", "8%", "34%", "50%"])
    with gr.Tab("Films"):
        table = gr.Dataframe(label="Films", interactive=False, show_search="search", max_height=420)
    demo.load(offer, None, [encoder, absent], api_visibility="private")
    inputs, outputs = [encoder, count], [plot, groups, table, words]
    gr.on([demo.load, encoder.input, count.release], show, inputs, outputs, api_visibility="private")
    gr.Button(visible=False).click(cluster, inputs, outputs, api_name="cluster")  # programs get an error as an error
    gr.api(listing, api_name="encoders")

if __name__ == "__main__":
    demo.launch(css=CSS, theme=gr.themes.Soft(primary_hue="orange"))
