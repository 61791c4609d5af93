from __future__ import annotations

import pytest

from spaces_runtime.domain.repo import Kind
from spaces_runtime.hub.aliases import OneSegment, one_segment


@pytest.mark.parametrize(
    ("path", "kind", "before", "name", "after"),
    [
        (
            "/bert-base-uncased/resolve/main/config.json",
            Kind.MODEL,
            "",
            "bert-base-uncased",
            "/resolve/main/config.json",
        ),
        ("/api/models/bert", Kind.MODEL, "/api/models", "bert", ""),
        ("/api/models/bert/revision/refs%2Fpr%2F1", Kind.MODEL, "/api/models", "bert", "/revision/refs%2Fpr%2F1"),
        ("/api/models/bert/tree/main/a%2Fb", Kind.MODEL, "/api/models", "bert", "/tree/main/a%2Fb"),
        ("/datasets/squad/resolve/main/x", Kind.DATASET, "/datasets", "squad", "/resolve/main/x"),
        ("/bert.git/info/refs", Kind.MODEL, "", "bert", "/info/refs"),
        ("/bert", Kind.MODEL, "", "bert", ""),
    ],
)
def test_an_address_with_a_one_segment_id_is_split_around_it(path, kind, before, name, after):
    assert one_segment(path) == OneSegment(kind, before, name, after)


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/api", "/api/", "/api/models", "/api/whoami-v2", "/api/repos/create", "/datasets", "/spaces/"),
        *("/ann/bert", "/ann/bert/resolve/main/x", "/api/models/ann/bert", "/api/models/ann/bert/tree/main"),
        "/static/style.css",
    ],
)
def test_an_address_with_namespace_and_name_or_none_is_left_alone(path):
    assert one_segment(path) is None
