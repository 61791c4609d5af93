"""huggingface_hub, unmodified, in a process of its own: lines of JSON in, each carried out; lines of JSON out.

In:  {"call": "commit", "about": "bench/x", "add": {path: base64}, "remove": [path]}
Out: {"error": ""} once the client has returned, else what it raised.
"""

from __future__ import annotations

import json
import sys
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

Add = Mapping[str, bytes]
Call = Callable[[HfApi, str, Add, Sequence[str]], object]


def commit(api: HfApi, repo: str, add: Add, remove: Sequence[str]) -> None:
    operations = [CommitOperationAdd(path, content) for path, content in add.items()]
    operations += [CommitOperationDelete(path) for path in remove]
    api.create_commit(repo, operations=operations, commit_message="work")


def batch(api: HfApi, bucket: str, add: Add, remove: Sequence[str]) -> None:
    api.batch_bucket_files(bucket, add=[(content, path) for path, content in add.items()], delete=list(remove))


CALLS: dict[str, Call] = {
    "commit": commit,
    "batch": batch,
    "branch": lambda api, repo, add, _: [api.create_branch(repo, branch=name) for name in add],
    "unbranch": lambda api, repo, _, remove: [api.delete_branch(repo, branch=name) for name in remove],
    "tag": lambda api, repo, add, _: [api.create_tag(repo, tag=name, tag_message="of work") for name in add],
    "untag": lambda api, repo, _, remove: [api.delete_tag(repo, tag=name) for name in remove],
    "create": lambda api, repo, _, __: api.create_repo(repo, exist_ok=True),
    "delete": lambda api, repo, _, __: api.delete_repo(repo),
    "bucket": lambda api, bucket, _, __: api.create_bucket(bucket),
}


def serve() -> None:
    api = HfApi()
    for line in sys.stdin:
        asked = json.loads(line)
        add = {path: b64decode(content) for path, content in asked["add"].items()}
        try:
            CALLS[asked["call"]](api, asked["about"], add, asked["remove"])
            error = ""
        except Exception as raised:  # noqa: BLE001 - told to whoever asked
            error = f"{raised!r}"
        print(json.dumps({"error": error}), flush=True)


if __name__ == "__main__":
    serve()
