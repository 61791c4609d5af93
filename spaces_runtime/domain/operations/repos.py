"""Create and delete repos."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import uuid4

from spaces_runtime.domain.access import Verb, may_create
from spaces_runtime.domain.errors import Fault, Missing, OverQuota, Refused, Taken, Unknown
from spaces_runtime.domain.ids import RepoId, RevisionId, Sha256
from spaces_runtime.domain.naming import checked_name, checked_namespace
from spaces_runtime.domain.operations.address import give_space
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.find import allowed
from spaces_runtime.domain.operations.hardware import chosen, may_have
from spaces_runtime.domain.operations.push import look, pushed
from spaces_runtime.domain.people import Person, Role
from spaces_runtime.domain.repo import GIT_KINDS, Kind, Repo, Visibility
from spaces_runtime.domain.templates import Template

SDKS = ("gradio", "docker", "static", "streamlit")
LARGE = """
*.7z *.arrow *.avi *.bin *.bz2 *.ckpt *.ftz *.gguf *.gz *.h5 *.joblib *.lfs.* *.mlmodel *.model *.mov *.mp3 *.mp4
*.msgpack *.npy *.npz *.onnx *.ot *.parquet *.pb *.pickle *.pkl *.pt *.pth *.rar *.safetensors saved_model/**/*
*.tar.* *.tar *.tflite *.tgz *.wasm *.wav *.webm *.xz *.zip *.zst *tfevents*
""".split()  # noqa: SIM905 - read as a table


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRepo:
    """What a person asks for. Of a Space: sdk; hardware (empty: the platform's default); template: files to begin with.

    like: another repo and a revision of it, whose files it begins with; whoever asks was let to them.
    """

    kind: Kind
    namespace: str
    name: str
    visibility: Visibility = Visibility.PUBLIC
    sdk: str = ""
    hardware: str = ""
    template: Template | None = None
    like: tuple[Repo, RevisionId] | None = None


async def create_repo(desk: Desk, who: Person | None, new: NewRepo, now: float) -> Repo:
    """Make it, with a first commit on main. now: Unix seconds.

    Raises:
        Taken: also for a name that differs by case only.
        Unknown, Refused, Fault: who asks, or what they ask for.
    """
    creator = check_new(who, new)
    if new.kind is Kind.SPACE:
        what, name = f"create {new.namespace}/{new.name}", new.hardware or desk.settings.default_hardware
        tiers = {tier.name: tier for tier in desk.settings.hardware}
        tier = await chosen(desk, name, what) if new.hardware else tiers[name]
        await may_have(desk, new.namespace, tier, what, now)
    new = replace(new, namespace=await namespace_called(desk, new))
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
        await _first_commit(desk, repo, new, creator)
    like = new.like[0].id if new.like else None
    try:
        await desk.index.create(repo, by=creator.name, like=like, large=await _large(desk, new))
    except Taken as taken:
        await desk.repos.delete(repo.id)
        raise _taken(new) from taken
    except OverQuota:
        await desk.repos.delete(repo.id)
        raise
    if new.kind is Kind.SPACE:
        await give_space(desk, repo, new.hardware)
    if new.kind in GIT_KINDS:
        await pushed(desk, repo, by=creator.name)
    return await desk.index.by_id(repo.id) or repo


async def delete_repo(desk: Desk, who: Person | None, repo: Repo) -> None:
    """Remove it for good; its Space stops, and is forgotten once nothing of it is left.

    Raises:
        Unknown, Refused: who asks.
    """
    allowed(who, repo, Verb.DELETE)
    by = who.name if who else ""
    address = await desk.spaces.of_repo(repo.id) if repo.kind is Kind.SPACE else None
    await desk.index.delete(repo.id, by=by)  # and its Space with it, in one step
    await desk.repos.delete(repo.id)
    if address is not None:
        await look(desk, address.space)


async def namespace_called(desk: Desk, new: NewRepo) -> str:
    """The namespace as it was created, whatever the case it is asked for in.

    Raises:
        Missing: there is no such user or organisation.
    """
    found = await desk.orgs.namespace(new.namespace)
    if found is None:
        why = f"there is no user or organisation {new.namespace}"
        raise Missing(what=f"create {new.namespace}/{new.name}", why=why)
    return found


def check_new(who: Person | None, new: NewRepo) -> Person:
    """Who creates it.

    Raises:
        Unknown, Refused, Fault: see create_repo().
    """
    what = f"create {new.namespace}/{new.name}"
    if who is None:
        raise Unknown(what=what, why="nobody is signed in", then="Send an access token, or sign in.")
    if not may_create(who, new.namespace):
        if who.role is Role.READ:
            raise Refused(what=what, why="this access token may only read", then="Use one with the role write.")
        why = f"{who.name} may not create repos in {new.namespace}"
        raise Refused(what=what, why=why, then=f"Create it as {who.name}/{new.name}.")
    checked_namespace(new.namespace)
    checked_name(new.name)
    if new.kind is Kind.SPACE and new.sdk not in SDKS:
        raise Fault(what=what, why=f"sdk is {new.sdk or 'missing'!r}", then=f"It is one of {', '.join(SDKS)}.")
    if new.kind is not Kind.SPACE and new.visibility is Visibility.PROTECTED:
        raise Fault(what=what, why="only a Space can be protected", then="Make it public or private.")
    return who


def _taken(new: NewRepo) -> Taken:
    return Taken(
        what=f"create {new.namespace}/{new.name}", why=f"You already created this {new.kind.value} repo, or one like it"
    )


async def _first_commit(desk: Desk, repo: Repo, new: NewRepo, creator: Person) -> None:
    if new.like is None:
        await desk.repos.create(repo.id, _first_files(new), creator.name)
        return
    source, revision = new.like
    message = f"Duplicate from {source.full}"
    await desk.repos.duplicate(repo.id, source.id, revision, author=creator.name, message=message)


async def _large(desk: Desk, new: NewRepo) -> frozenset[Sha256]:
    """The large files of the repo it is like; whoever may have those of the one may have them here."""
    if new.like is None:
        return frozenset()
    source, revision = new.like
    entries = await desk.repos.tree(source.id, revision, "", recursive=True)
    return frozenset(entry.lfs.sha256 for entry in entries if entry.lfs)


def _first_files(new: NewRepo) -> dict[str, bytes]:
    """A Space says from the start what it is made with, so that pushing its app file alone is enough."""
    files = {".gitattributes": "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in LARGE)}
    if new.kind is Kind.SPACE:
        files["README.md"] = f"---\ntitle: {new.name}\nsdk: {new.sdk}\n---\n"
    files |= dict(new.template.files) if new.template else {}
    return {path: content.encode() for path, content in files.items()}
