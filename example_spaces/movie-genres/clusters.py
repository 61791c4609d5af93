"""Groups of vectors, and where they lie on a plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

GOLDEN = np.pi * (3 - np.sqrt(5))  # radians; a sunflower's angle: points around one place never line up
FAN = 0.006  # how far apart points at one place are drawn, as a part of the picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """labels: 0 is the largest cluster. points: (n, 2). kept: the part of the variance that the plane shows, 0..1."""

    labels: np.ndarray
    points: np.ndarray
    kept: float


def cluster(vectors: np.ndarray, count: int) -> Clustering:
    """k-means on directions (length carries no meaning in these encoders). The same input gives the same answer."""
    from sklearn.cluster import KMeans

    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = KMeans(count, n_init=10, random_state=0).fit_predict(units)
    by_size = np.argsort(-np.bincount(labels, minlength=count), kind="stable")
    points, kept = project(units)
    return Clustering(labels=np.argsort(by_size)[labels], points=points, kept=kept)


def project(vectors: np.ndarray) -> tuple[np.ndarray, float]:
    """The two principal components, and the part of the variance in them. Signs are fixed: a sign means nothing."""
    centred = vectors - vectors.mean(axis=0)
    left, strengths, _ = np.linalg.svd(centred, full_matrices=False)
    points = left[:, :2] * strengths[:2]
    points *= np.where(points[np.abs(points).argmax(axis=0), [0, 1]] < 0, -1, 1)
    return points, float((strengths[:2] ** 2).sum() / (strengths**2).sum())


def fan_out(points: np.ndarray, texts: Sequence[str]) -> np.ndarray:
    """Points of equal texts lie on one spot; they are drawn around it, so that each can be pointed at."""
    step = FAN * np.ptp(points, axis=0)
    seen: dict[str, int] = {}
    spread = np.empty_like(points)
    for row, text in enumerate(texts):
        nth = seen[text] = seen.get(text, -1) + 1
        spread[row] = points[row] + step * np.sqrt(nth) * [np.cos(nth * GOLDEN), np.sin(nth * GOLDEN)]
    return spread


def agreement(labels: np.ndarray, genres: Sequence[str]) -> float:
    """Normalised mutual information of clusters and genres: 0 none, 1 the same partition."""
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(genres, labels))
