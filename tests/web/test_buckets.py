"""The page of a bucket."""

from __future__ import annotations

import re

from spaces_runtime.domain.repo import Kind, Visibility


def test_a_bucket_is_shown_folder_by_folder(client, make, api):
    bucket = make(Kind.BUCKET)
    page = f"/buckets/{bucket.full}"
    assert "Nothing yet" in client.get(page).text
    api.batch_bucket_files(bucket.full, add=[(b"x" * 2000, "a b/ü#1.txt"), (b"", "<b>.txt")])
    top = client.get(page).text
    assert "2 files, " in top
    assert f'href="{page}/tree/a%20b"' in top
    assert "&lt;b&gt;.txt" in top
    below = client.get(f"{page}/tree/a%20b").text
    file = f"{page}/resolve/a%20b/%C3%BC%231.txt"
    assert f'href="{file}"' in below
    assert client.get(file).content == b"x" * 2000
    assert client.get(f"{page}/tree/nope").status_code == 404


def test_a_long_folder_has_more_pages(client, make, api, monkeypatch):
    monkeypatch.setattr("spaces_runtime.web.bucket.PAGE", 2)
    bucket = make(Kind.BUCKET)
    api.batch_bucket_files(bucket.full, add=[(b"", name) for name in "abc"])
    first = client.get(f"/buckets/{bucket.full}").text
    assert ">c</a>" not in first
    [more] = re.findall(r'href="(\?after=[^"]+)"', first)
    rest = client.get(f"/buckets/{bucket.full}{more}").text
    assert ">c</a>" in rest
    assert "?after=" not in rest


def test_a_private_bucket_looks_missing_to_others(client, make, ann):
    bucket = make(Kind.BUCKET, visibility=Visibility.PRIVATE)
    hidden, missing = (client.get(f"/buckets/{name}") for name in (bucket.full, "ann/none"))
    assert (hidden.status_code, bucket.id in hidden.text) == (missing.status_code, False)
    headers = {"Authorization": f"Bearer {ann.write}"}
    assert "private" in client.get(f"/buckets/{bucket.full}", headers=headers).text
