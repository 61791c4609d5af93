"""Create and delete repos."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from spaces_runtime.domain.access import Verb, may_create
from spaces_runtime.domain.errors import Fault, Refused, Taken, Unknown
from spaces_runtime.domain.ids import RepoId
from spaces_runtime.domain.naming import checked_name, checked_namespace
from spaces_runtime.domain.operations.address import give_space
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.find import allowed
from spaces_runtime.domain.operations.push import look, pushed
from spaces_runtime.domain.people import Person, Role
from spaces_runtime.domain.repo import GIT_KINDS, Kind, Repo, Visibility
from spaces_runtime.domain.space import Wish

SDKS = ("gradio", "docker", "static", "streamlit")
LARGE = """
*.7z *.arrow *.avi *.bin *.bz2 *.ckpt *.ftz *.gguf *.gz *.h5 *.joblib *.lfs.* *.mlmodel *.model *.mov *.mp3 *.mp4
*.msgpack *.npy *.npz *.onnx *.ot *.parquet *.pb *.pickle *.pkl *.pt *.pth *.rar *.safetensors saved_model/**/*
*.tar.* *.tar *.tflite *.tgz *.wasm *.wav *.webm *.xz *.zip *.zst *tfevents*
""".split()  # noqa: SIM905 - read as a table


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRepo:
    """What a person asks for. sdk: of a Space. hardware: empty is the platform's default."""

    kind: Kind
    namespace: str
    name: str
    visibility: Visibility = Visibility.PUBLIC
    sdk: str = ""
    hardware: str = ""


async def create_repo(desk: Desk, who: Person | None, new: NewRepo, now: float) -> Repo:
    """Make it, with a first commit on main. now: Unix seconds.

    Raises:
        Taken: also for a name that differs by case only.
        Unknown, Refused, Fault: who asks, or what they ask for.
    """
    creator = _checked(desk, who, new)
    if await desk.index.find(new.kind, new.namespace, new.name) is not None:
        raise _taken(new)
    repo = Repo(
        id=RepoId(uuid4().hex[:24]),
        kind=new.kind,
        namespace=new.namespace,
        name=new.name,
        visibility=new.visibility,
        creator=creator.id,
        created_at=now,
        updated_at=now,
        sdk=new.sdk,
    )
    # Git first: a row is a promise that the repo is there. A crash in between leaves a folder nobody knows.
    if new.kind in GIT_KINDS:
        await desk.repos.create(repo.id, _first_files(new), creator.name)
    try:
        await desk.index.create(repo, by=creator.name)
    except Taken as taken:
        await desk.repos.delete(repo.id)
        raise _taken(new) from taken
    if new.kind is Kind.SPACE:
        await give_space(desk, repo, new.hardware)
    if new.kind in GIT_KINDS:
        await pushed(desk, repo)
    return await desk.index.by_id(repo.id) or repo


async def delete_repo(desk: Desk, who: Person | None, repo: Repo) -> None:
    """Remove it for good; its Space stops, and is forgotten once nothing of it is left.

    Raises:
        Unknown, Refused: who asks.
    """
    allowed(who, repo, Verb.DELETE)
    by = who.name if who else ""
    address = await desk.spaces.of_repo(repo.id) if repo.kind is Kind.SPACE else None
    if address is not None:
        await desk.spaces.set_wish(address.space, Wish.DELETE, by)
    await desk.index.delete(repo.id, by=by)
    await desk.repos.delete(repo.id)
    if address is not None:
        await look(desk, address.space)


def _checked(desk: Desk, who: Person | None, new: NewRepo) -> Person:
    what = f"create {new.namespace}/{new.name}"
    if who is None:
        raise Unknown(what=what, why="nobody is signed in", then="Send an access token, or sign in.")
    if not may_create(who, new.namespace):
        if who.role is Role.READ:
            raise Refused(what=what, why="this access token may only read", then="Use one with the role write.")
        raise Refused(what=what, why=f"{new.namespace} is not {who.name}", then=f"Create it as {who.name}/{new.name}.")
    checked_namespace(new.namespace)
    checked_name(new.name)
    if new.kind is Kind.SPACE and new.sdk not in SDKS:
        raise Fault(what=what, why=f"sdk is {new.sdk or 'missing'!r}", then=f"It is one of {', '.join(SDKS)}.")
    if new.kind is not Kind.SPACE and new.visibility is Visibility.PROTECTED:
        raise Fault(what=what, why="only a Space can be protected", then="Make it public or private.")
    tiers = [tier.name for tier in desk.settings.hardware]
    if new.hardware and new.hardware not in tiers:
        raise Fault(what=what, why=f"there is no hardware {new.hardware}", then=f"There is {', '.join(tiers)}.")
    return who


def _taken(new: NewRepo) -> Taken:
    return Taken(
        what=f"create {new.namespace}/{new.name}", why=f"You already created this {new.kind.value} repo, or one like it"
    )


def _first_files(new: NewRepo) -> dict[str, bytes]:
    """A Space says from the start what it is made with, so that pushing its app file alone is enough."""
    files = {".gitattributes": "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in LARGE)}
    if new.kind is Kind.SPACE:
        files["README.md"] = f"---\ntitle: {new.name}\nsdk: {new.sdk}\n---\n"
    return {path: content.encode() for path, content in files.items()}
