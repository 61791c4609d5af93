"""Volumes of a Space: set and shown by the client, made ready for a start; what it wrote is taken into its bucket."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi, Volume
from huggingface_hub.errors import BadRequestError, HfHubHTTPError

from spaces_runtime.domain.errors import Missing
from spaces_runtime.domain.instance import Mount
from spaces_runtime.domain.kept import About, Sent, Written
from spaces_runtime.domain.operations.mounting import make_ready
from spaces_runtime.domain.operations.written import take_written
from spaces_runtime.domain.repo import Kind, Repo, Visibility
from spaces_runtime.domain.space import Space
from spaces_runtime.store.mounts import Mounts
from spaces_runtime.store.written import WrittenFolder
from tests.hub.conftest import Account
from tests.hub.serving import Hub

BIG = os.urandom(300_000)
Make = Callable[..., Repo]


@pytest.fixture
def space(make: Make) -> Repo:
    return make(Kind.SPACE)


@pytest.fixture
def pail(make: Make, api: HfApi) -> Repo:
    made: Repo = make(Kind.BUCKET)
    api.batch_bucket_files(made.full, add=[(b"one", "data/one.txt"), (BIG, "data/deep/big.bin"), (b"", "empty")])
    return made


@pytest.fixture
def model(make: Make, api: HfApi) -> Repo:
    made: Repo = make(Kind.MODEL)
    api.upload_file(path_or_fileobj=BIG, path_in_repo="weights/big.bin", repo_id=made.full)
    api.upload_file(path_or_fileobj=b"{}", path_in_repo="weights/config.json", repo_id=made.full)
    return made


def snapshot(hub: Hub, repo: Repo) -> Space:
    async def look(desk) -> Space:
        address = await desk.spaces.of_repo(repo.id)
        return (await desk.spaces.snapshot([address.space]))[0]

    return hub.do(look)


def ready(hub: Hub, repo: Repo) -> tuple[Mount, ...]:
    space = snapshot(hub, repo)
    return hub.do(lambda desk: make_ready(desk, Mounts(desk.layout), space, time.time()))


def below(folder: str) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


def write(hub: Hub, about: About, *, files: dict[str, bytes], removed: dict[str, str] | None = None) -> str:
    """As the node leaves it."""
    name = f"{about.space}@key@{time.time_ns():020d}"
    folder = hub.desk.layout.written / name
    folder.mkdir(parents=True)
    sent = []
    for number, (path, content) in enumerate(files.items()):
        (folder / str(number)).write_bytes(content)
        sent.append(Sent(path=path, file=str(number), sha256=sha256(content).hexdigest(), modified_at=7.0))
    told = Written(about=about, sent=tuple(sent), removed=removed or {})
    (folder / "changes.json").write_text(json.dumps(asdict(told)))
    return name


def take(hub: Hub, said: dict[str, str] | None = None) -> None:
    outbox = WrittenFolder(hub.desk.layout.written)
    hub.do(lambda desk: take_written(desk, outbox, {} if said is None else said, time.time()))


def test_the_client_sets_shows_and_removes_volumes(api: HfApi, space: Repo, pail: Repo, model: Repo) -> None:
    api.set_space_volumes(
        space.full,
        [
            Volume(type="bucket", source=pail.full, mount_path="/data", path="data"),
            Volume(type="model", source=model.full, mount_path="/models/", revision="main"),
        ],
    )
    shown = api.get_space_runtime(space.full).volumes
    assert [each.to_dict() for each in shown] == [
        {"type": "bucket", "source": pail.full, "mountPath": "/data", "readOnly": False, "path": "data"},
        {"type": "model", "source": model.full, "mountPath": "/models", "readOnly": True, "revision": "main"},
    ]
    assert api.space_info(space.full).runtime.volumes == shown
    api.delete_space_volumes(space.full)
    assert api.get_space_runtime(space.full).volumes is None
    with pytest.raises(BadRequestError, match="has none"):
        api.delete_space_volumes(space.full)


def test_a_space_is_made_with_volumes(api: HfApi, pail: Repo) -> None:
    volumes = [Volume(type="bucket", source=pail.full, mount_path="/data", read_only=True)]
    api.create_repo("ann/with-volumes", repo_type="space", space_sdk="gradio", space_volumes=volumes)
    assert api.get_space_runtime("ann/with-volumes").volumes == [
        Volume(type="bucket", source=pail.full, mount_path="/data", read_only=True)
    ]


def test_a_change_of_volumes_starts_the_space_anew(hub: Hub, api: HfApi, space: Repo, pail: Repo) -> None:
    before = snapshot(hub, space).setup
    api.set_space_volumes(space.full, [Volume(type="bucket", source=pail.full, mount_path="/data")])
    assert snapshot(hub, space).setup != before


@pytest.mark.parametrize(
    ("volume", "said"),
    [
        (Volume(type="bucket", source="ann/none", mount_path="/data"), "no such bucket"),
        (Volume(type="dance", source="ann/none", mount_path="/data"), "no type 'dance'"),
        (Volume(type="model", source="MODEL", mount_path="/data", revision="nope"), "Invalid rev id"),
        (Volume(type="model", source="MODEL", mount_path="data"), "a path from the root"),
        (Volume(type="model", source="MODEL", mount_path="/data/../etc"), "has . or .. in it"),
        (Volume(type="model", source="MODEL", mount_path="/etc/ssl"), "the system is there"),
        (Volume(type="model", source="MODEL", mount_path="/app"), "the system is there"),
        (Volume(type="model", source="MODEL", mount_path="/"), "a path from the root"),
        (Volume(type="model", source="MODEL", mount_path="/data", path="../x"), "has . or .. in it"),
        (Volume(type="bucket", source="PAIL", mount_path="/data", revision="main"), "no revisions"),
    ],
)
def test_a_volume_that_cannot_be_is_refused_in_words(
    api: HfApi, space: Repo, pail: Repo, model: Repo, volume: Volume, said: str
) -> None:
    volume.source = {"MODEL": model.full, "PAIL": pail.full}.get(volume.source, volume.source)
    with pytest.raises(HfHubHTTPError) as caught:
        api.set_space_volumes(space.full, [volume])
    assert said in str(caught.value)
    assert caught.value.response.status_code < 500


def test_two_volumes_are_not_at_one_place(api: HfApi, space: Repo, pail: Repo) -> None:
    volume = Volume(type="bucket", source=pail.full, mount_path="/data")
    with pytest.raises(BadRequestError, match="two of them"):
        api.set_space_volumes(space.full, [volume, volume])


def test_a_static_space_has_none(api: HfApi, make: Make, pail: Repo) -> None:
    static = make(Kind.SPACE, sdk="static")
    with pytest.raises(BadRequestError, match="static"):
        api.set_space_volumes(static.full, [Volume(type="bucket", source=pail.full, mount_path="/data")])


def test_a_source_that_one_may_not_use_looks_missing(
    hub: Hub, make: Make, bob: Account, api: HfApi, space: Repo
) -> None:
    secret = make(Kind.BUCKET, visibility=Visibility.PRIVATE)
    public = make(Kind.BUCKET)
    theirs = HfApi(endpoint=hub.url, token=bob.write)
    theirs.create_repo("bob/app", repo_type="space", space_sdk="gradio", exist_ok=True)
    with pytest.raises(BadRequestError, match="no such bucket"):
        theirs.set_space_volumes(
            "bob/app", [Volume(type="bucket", source=secret.full, mount_path="/d", read_only=True)]
        )
    with pytest.raises(HfHubHTTPError, match="not its owner"):
        theirs.set_space_volumes("bob/app", [Volume(type="bucket", source=public.full, mount_path="/d")])
    theirs.set_space_volumes("bob/app", [Volume(type="bucket", source=public.full, mount_path="/d", read_only=True)])
    api.set_space_volumes(space.full, [Volume(type="bucket", source=secret.full, mount_path="/d")])
    [masked] = theirs.get_space_runtime(space.full).volumes
    assert (masked.source, masked.mount_path) == ("private/private", "/d")


def test_what_is_mounted_read_only_is_made_once_and_shared(
    hub: Hub, api: HfApi, space: Repo, pail: Repo, model: Repo
) -> None:
    volumes = [
        Volume(type="bucket", source=pail.full, mount_path="/a", read_only=True),
        Volume(type="bucket", source=pail.full, mount_path="/b", read_only=True, path="data"),
        Volume(type="model", source=model.full, mount_path="/c", path="weights"),
    ]
    api.set_space_volumes(space.full, volumes)
    whole, part, weights = ready(hub, space)
    assert below(whole.folder) == {"data/deep/big.bin": BIG, "data/one.txt": b"one", "empty": b""}
    assert below(part.folder) == {"deep/big.bin": BIG, "one.txt": b"one"}
    assert below(weights.folder) == {"big.bin": BIG, "config.json": b"{}"}
    assert [mount.key for mount in (whole, part, weights)] == ["", "", ""]
    assert ready(hub, space) == (whole, part, weights)
    for path in Path(whole.folder).rglob("*"):
        assert path.stat().st_nlink == 1 or path.is_dir(), "no link into the store"
        assert path.stat().st_mode & 0o044 == 0o044
    api.batch_bucket_files(pail.full, delete=["empty"])
    assert "empty" not in below(ready(hub, space)[0].folder)


def test_a_link_in_a_repo_mounts_nothing_from_outside(hub: Hub, api: HfApi, space: Repo, model: Repo) -> None:
    import pygit2

    git = pygit2.Repository(str(hub.desk.repos.path(model.id)))
    tree = git.TreeBuilder(git.head.peel(pygit2.Tree))
    tree.insert("out", git.create_blob(b"/etc"), pygit2.enums.FileMode.LINK)
    who = pygit2.Signature("ann", "ann@example.org")
    git.create_commit("refs/heads/main", who, who, "a link", tree.write(), [git.head.target])
    api.set_space_volumes(space.full, [Volume(type="model", source=model.full, mount_path="/m", path="out")])
    with pytest.raises(Missing, match="no folder out"):
        ready(hub, space)


def test_a_source_that_is_gone_or_closed_by_then_is_said(hub: Hub, api: HfApi, make: Make, space: Repo) -> None:
    bucket = make(Kind.BUCKET)
    api.set_space_volumes(space.full, [Volume(type="bucket", source=bucket.full, mount_path="/d", read_only=True)])
    api.delete_bucket(bucket.full)
    with pytest.raises(Missing, match="the bucket is gone"):
        ready(hub, space)
    assert api.get_space_runtime(space.full).volumes[0].source == bucket.full


def test_a_writable_bucket_comes_as_a_listing(hub: Hub, api: HfApi, space: Repo, pail: Repo) -> None:
    api.set_space_volumes(space.full, [Volume(type="bucket", source=pail.full, mount_path="/d", path="data")])
    [mount] = ready(hub, space)
    told = json.loads((Path(mount.folder) / "files.json").read_text())
    assert told["files"] == {
        "deep/big.bin": sha256(BIG).hexdigest(),
        "one.txt": sha256(b"one").hexdigest(),
    }
    assert (told["about"]["prefix"], told["about"]["bucket"], told["waiting"]) == ("data/", pail.id, False)
    [again] = ready(hub, space)
    assert mount.key == again.key


def test_what_a_space_wrote_is_in_its_bucket(hub: Hub, api: HfApi, ann: Account, pail: Repo, tmp_path: Path) -> None:
    about = About(space="s1", bucket=pail.id, prefix="data/", by=ann.person.id)
    gone = {"one.txt": sha256(b"one").hexdigest(), "deep/big.bin": "0" * 64}
    write(hub, about, files={}, removed=gone)
    write(hub, about, files={"new.bin": BIG[1:], "none": b"", "deep": b"x"})
    take(hub)
    assert sorted(f.path for f in api.list_bucket_tree(pail.full, recursive=True)) == [
        "data/deep/big.bin",
        "data/new.bin",
        "data/none",
        "empty",
    ], "what somebody else changed is not removed"
    api.download_bucket_files(pail.full, [("data/new.bin", tmp_path / "new.bin")])
    assert (tmp_path / "new.bin").read_bytes() == BIG[1:]
    assert "data/deep: There is a folder of this name" in (hub.desk.layout.logs / "s1" / "run.log").read_text()
    assert list(hub.desk.layout.written.iterdir()) == []


def test_what_cannot_be_taken_now_waits_in_its_order_and_is_told_once(
    hub: Hub, api: HfApi, ann: Account, pail: Repo
) -> None:
    about = About(space="s2", bucket=pail.id, prefix="", by=ann.person.id)
    broken = write(hub, about, files={"first": b"1"})
    (hub.desk.layout.written / broken / "0").write_bytes(b"damaged")
    later = write(hub, about, files={"second": b"2"})
    said: dict[str, str] = {}
    take(hub, said)
    take(hub, said)
    log = (hub.desk.layout.logs / "s2" / "run.log").read_text()
    assert log.count("Not in the bucket yet") == 1
    assert {path.name for path in hub.desk.layout.written.iterdir()} == {broken, later}
    (hub.desk.layout.written / broken / "0").write_bytes(b"1")
    take(hub, said)
    assert api.bucket_info(pail.full).total_files == 5
    assert list(hub.desk.layout.written.iterdir()) == []


def test_who_may_no_longer_write_writes_no_longer(
    hub: Hub, client: httpx.Client, bob: Account, api: HfApi, pail: Repo
) -> None:
    write(hub, About(space="s3", bucket=pail.id, prefix="", by=bob.person.id), files={"evil": b"1"})
    write(hub, About(space="s3", bucket="nowhere", prefix="", by=bob.person.id), files={"evil": b"1"})
    take(hub)
    assert api.bucket_info(pail.full).total_files == 3
    log = (hub.desk.layout.logs / "s3" / "run.log").read_text()
    assert "may no longer write" in log
    assert "the bucket is gone" in log
    assert list(hub.desk.layout.written.iterdir()) == []
