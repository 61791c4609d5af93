"""A bucket: what is in it, folder by folder, and how it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

from fastapi import Request, Response

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.bucket import BucketFile, BucketFolder
from spaces_runtime.domain.errors import EntryMissing
from spaces_runtime.domain.operations.find import find_repo
from spaces_runtime.domain.repo import Kind
from spaces_runtime.web.site import Site, spoken_bytes, spoken_moment

PAGE: Final = 500  # entries


async def tree(site: Site, request: Request) -> Response:
    """One folder; `?after=` is the next page of it."""
    who = await site.identify(request)
    namespace, name = (unquote(request.path_params[key]) for key in ("ns", "name"))
    bucket = await find_repo(site.desk, who, Kind.BUCKET, namespace, name, Verb.READ)
    path = unquote(request.path_params.get("path", "")).strip("/")
    prefix = f"{path}/" if path else ""
    entries, after = await site.desk.buckets.listing(
        bucket.id, prefix, recursive=False, after=request.query_params.get("after", ""), limit=PAGE
    )
    if path and not entries:
        raise EntryMissing(path, f"{bucket.full} has no folder {path}")
    size = (await site.desk.buckets.size([bucket.id]))[bucket.id]
    page = f"/buckets/{bucket.full}"
    parts = path.split("/") if path else []
    crumbs = [(part, f"{page}/tree/{quote('/'.join(parts[:n]))}") for n, part in enumerate(parts, 1)]
    return await site.page(
        request, "bucket.html",
        bucket=bucket, page=page, crumbs=crumbs, rows=[_row(page, prefix, entry) for entry in entries],
        summary=f"{size.files} {'file' if size.files == 1 else 'files'}, {spoken_bytes(size.size)}",
        more=f"?after={quote(after)}" if after else "",
    )  # fmt: skip


def _row(page: str, prefix: str, entry: BucketFile | BucketFolder) -> Mapping[str, Any]:
    shown = {"name": entry.path[len(prefix) :], "when": spoken_moment(entry.uploaded_at)}
    if isinstance(entry, BucketFolder):
        return {**shown, "href": f"{page}/tree/{quote(entry.path)}", "folder": True, "size": ""}
    return {**shown, "href": f"{page}/resolve/{quote(entry.path)}", "folder": False, "size": spoken_bytes(entry.size)}
