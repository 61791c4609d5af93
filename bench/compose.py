"""compose.yaml from up to down: `python -m bench.compose`. What a person does by docs/install.md, and what must not be.

Images are built here, where none can be pulled: the platform's from this repo, the others from Debian's packages. The
real client pushes a Space, the gateway answers for it, and afterwards the engine has nothing of it any more.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import disable_progress_bars, logging

from bench.edges import FRONTS, Visitor, certificate, front
from bench.platform import ROOT, free_port
from bench.progress import Progress
from builder.faults import BuildFailed
from builder.image.cli import find

SPACE = ROOT / "tests" / "docker" / "spaces" / "reach"
IMAGES = ROOT / "tests" / "docker" / "images"
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
HUB, DOMAIN = "hub.test", "spaces.test"  # behind the TLS fronts
HEALTHY = 120.0  # seconds from `up` to a platform that answers
DELETED = 60.0  # seconds until a deleted Space's image is gone
DEPLOY = 300.0  # seconds from a push to an app that runs, with nothing in any cache


class CheckError(Exception):
    """The message says what does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One project of compose. compose, docker: the commands; env: what compose.yaml is told."""

    name: str
    data: Path
    port: int
    compose: tuple[str, ...]
    docker: str
    env: dict[str, str]
    progress: Progress

    def run(self, *words: str, stdin: str | None = None) -> str:
        """A command of compose."""
        return told([*self.compose, *words], self.env, stdin=stdin)

    def engine(self, *words: str) -> str:
        """A command of docker."""
        return told([self.docker, *words], self.env).strip()

    def container(self, service: str) -> str:
        """Its id."""
        label = ("--filter", f"label=com.docker.compose.project={self.name}")
        return self.engine("ps", "-q", *label, "--filter", f"label=com.docker.compose.service={service}")

    def addresses(self, service: str) -> list[str]:
        """Of its container, and of the host in the same networks."""
        shown = json.loads(self.engine("inspect", "-f", "{{json .NetworkSettings.Networks}}", self.container(service)))
        return [each[key] for each in shown.values() for key in ("IPAddress", "Gateway") if each[key]]

    @property
    def key(self) -> str:
        """What everything the node makes on this machine is named by."""
        return hashlib.sha256(str(self.data).encode()).hexdigest()[:10]


def told(argv: Sequence[str], env: dict[str, str], *, stdin: str | None = None) -> str:
    """What a command says. Raises: CheckError with its last lines."""
    done = subprocess.run(argv, env=os.environ | env, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-25:])
        raise CheckError(f"{' '.join(argv[:6])} … ended with status {done.returncode}:\n{last}")
    return done.stdout


def main() -> int:
    """Exit 0 when everything holds."""
    disable_progress_bars()
    logging.set_verbosity_error()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    progress = Progress()
    began = time.monotonic()
    try:
        with _stack(progress) as stack:
            _checked(stack)
    except (CheckError, BuildFailed) as failed:
        print(f"\n{failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    progress.say(f"all of it holds ({time.monotonic() - began:.0f} s)")
    return 0


@contextmanager
def _stack(progress: Progress) -> Iterator[Stack]:
    """Images, a folder, secrets; all of it goes at the end, whatever happened. Raises: CheckError but for root."""
    if os.geteuid() != 0:
        raise CheckError("The data folder of compose.yaml belongs to root: run this as root.")
    docker = find(os.environ.get("PATH", ""), os.environ.get("DOCKER_HOST", "")).binary
    port = free_port()
    # Where the engine finds it, too; and short, for the sockets in it.
    folder = Path(tempfile.mkdtemp(prefix="spaces-compose-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    folder.chmod(0o755)
    data, name = folder / "data", f"spaces-check-{port}"
    data.mkdir()
    subnet = f"172.31.{port % 250}"  # two checks may run beside each other
    env = {
        "COMPOSE_PROJECT_NAME": name,
        "COMPOSE_FILE": str(ROOT / "compose.yaml"),
        "DOCKER": docker,
        "SPACES_DATA": str(data),
        "SPACES_SECRETS": str(folder / "secrets"),
        "SPACES_PORT": str(port),
        "SPACES_PUBLIC_URL": f"http://localhost:{port}",
        "SPACES_SUBNET": f"{subnet}.0/24",
        "SPACES_TRUSTED": f"{subnet}.1",
        "SPACES_REGISTRY_PORT": str(free_port()),
        "SPACES_DOCKER_SOCKET": os.environ.get("DOCKER_HOST", "").removeprefix("unix://") or "/var/run/docker.sock",
        **{
            f"{image}_IMAGE": f"{name}-{image.lower()}:check"
            for image in ("SPACES", "SPACES_BASE", "POSTGRES", "REDIS", "REGISTRY")
        },
    }
    stack = Stack(name=name, data=data, port=port, compose=_compose(), docker=docker, env=env, progress=progress)
    try:
        told(["mount", "--bind", data, data], {})  # what is mounted below reaches the engine, as on any usual host
        told(["mount", "--make-rshared", data], {})
        yield stack
    finally:
        _clear(stack, folder)


def _compose() -> tuple[str, ...]:
    """COMPOSE names one; else v2 where there is one."""
    if chosen := os.environ.get("COMPOSE"):
        return tuple(chosen.split())
    has_v2 = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    return ("docker", "compose") if has_v2 else ("docker-compose",)


def _checked(stack: Stack) -> None:
    """All of it; what fails is told with the last words of who did it."""
    try:
        _check(stack)
    except (CheckError, HfHubHTTPError, OSError, ValueError) as failed:
        said = subprocess.run(
            [*stack.compose, "logs", "--no-color", "--tail", "40", "node", "platform"],
            env=os.environ | stack.env, capture_output=True, text=True, check=False,
        ).stdout  # fmt: skip
        raise CheckError(f"{failed}\n{said}") from failed
    _down(stack)


def _check(stack: Stack) -> None:
    step = stack.progress.step
    with step("images of the platform and of the base of Spaces"):
        _platform_images(stack)
    with step("images of PostgreSQL, Redis and a registry, from Debian's packages"):
        base = stack.env["SPACES_BASE_IMAGE"]
        for service in ("postgres", "redis", "registry"):
            tag = stack.env[f"{service.upper()}_IMAGE"]
            words = (
                "build",
                "-q",
                "--network",
                "host",
                "--build-arg",
                f"BASE_IMAGE={base}",
                "-t",
                tag,
                str(IMAGES / service),
            )
            told([stack.docker, *words], stack.env | {"DOCKER_BUILDKIT": "1"})
    with step(f"secrets, and {' '.join(stack.compose)} up"):
        told([str(ROOT / "deploy" / "secrets.sh")], stack.env)
        stack.run("up", "-d")
        _until_healthy(stack)
    with step("a user and a token, by the command in the container"):
        stack.run("exec", "-T", "platform", "spaces", "user", "add", "ann", "--password-stdin", stdin="a long one\n")
        token = stack.run("exec", "-T", "platform", "spaces", "token", "create", "ann", "--role", "write").strip()
    hub = HfApi(endpoint=stack.env["SPACES_PUBLIC_URL"], token=token)
    with step("a push by huggingface_hub"):
        hub.create_repo("ann/reach", repo_type="space", space_sdk="gradio")
        hub.upload_folder(repo_id="ann/reach", repo_type="space", folder_path=SPACE)
    with step("build and start"):
        _until_running(stack, hub, "ann/reach")
    with step("a Space with a Dockerfile, built by the node and answering"):
        _with_dockerfile(stack, hub)
    with step("an answer through the gateway, from where nothing of the platform's inside can be reached"):
        _verify(stack)
    with step("what is durable is in PostgreSQL, what is live in Redis"):
        _kept(stack)
    https, pem = free_port(), certificate(stack.data.parent, (HUB, f"*.{DOMAIN}"))
    with step("another public address, and up again"):
        stack.env.update(SPACES_PUBLIC_URL=f"https://{HUB}:{https}", SPACES_DOMAIN=DOMAIN)
        stack.run("up", "-d")
        _until_healthy(stack)
    for name in FRONTS:
        with step(f"HTTPS, events and a WebSocket through {name}"):
            _through(stack, name, https, pem)
    with step("deleted, and its image with it"):
        _delete(stack, hub)


def _platform_images(stack: Stack) -> None:
    """As docs/install.md says; behind a private CA its bundle is lent to the build, and to those of Spaces."""
    env = dict(stack.env)
    if private := os.environ.get("SSL_CERT_FILE") or os.environ.get("PIP_CERT"):
        env["CA_BUNDLE"] = private
        shutil.copy(private, stack.data / "ca.pem")
        (stack.data / "ca.pem").chmod(0o644)
        (stack.data / "spaces.toml").write_text(f'[build]\nca = "{stack.data}/ca.pem"\n')
    told([str(ROOT / "deploy" / "images.sh"), os.environ["SPACES_TEST_BASE"], "debian-client"], env)


def _until_healthy(stack: Stack) -> None:
    deadline = time.monotonic() + HEALTHY
    health = ""
    while time.monotonic() < deadline:
        health = stack.engine("inspect", "-f", "{{.State.Health.Status}}", stack.container("platform"))
        if health == "healthy":
            return
        time.sleep(0.5)
    raise CheckError(f"The platform is {health} after {HEALTHY:.0f} s.")


def _with_dockerfile(stack: Stack, hub: HfApi) -> None:
    files = {
        "README.md": "---\nsdk: docker\napp_port: 8000\n---\n",
        "Dockerfile": f"FROM {stack.env['SPACES_BASE_IMAGE']}\nRUN mkdir /site && echo by hand > /site/index.html\n"
        'CMD ["python3", "-m", "http.server", "-d", "/site", "8000"]\n',
    }
    hub.create_repo("ann/by-hand", repo_type="space", space_sdk="docker")
    adds = [CommitOperationAdd(name, text.encode()) for name, text in files.items()]
    hub.create_commit("ann/by-hand", adds, repo_type="space", commit_message="By hand")
    _until_running(stack, hub, "ann/by-hand")
    with Visitor(host="ann-by-hand.localhost", port=stack.port).ask("/") as answer:
        if (said := answer.read()) != b"by hand\n":
            raise CheckError(f"It answers {said!r}.")


def _delete(stack: Stack, hub: HfApi) -> None:
    for space in ("ann/by-hand", "ann/reach"):
        hub.delete_repo(space, repo_type="space")
    mark, deadline = f"spaces-{stack.key}", time.monotonic() + DELETED
    while mark in (left := stack.engine("image", "ls", "--format", "{{.Repository}}")):
        if time.monotonic() > deadline:
            raise CheckError(f"Images of deleted Spaces after {DELETED:.0f} s: {left}")
        time.sleep(0.5)


def _until_running(stack: Stack, hub: HfApi, space: str) -> None:
    deadline = time.monotonic() + DEPLOY
    while time.monotonic() < deadline:
        runtime = hub.get_space_runtime(space)
        stack.progress.now(runtime.stage)
        if runtime.stage == "RUNNING":
            return
        if runtime.stage.endswith("_ERROR"):
            lines = stack.run("exec", "-T", "platform", "spaces", "space", "logs", space, "--build")
            raise CheckError(f"{runtime.stage}: {runtime.raw.get('errorMessage')}\n{lines[-3000:]}")
        time.sleep(0.3)
    raise CheckError(f"{space} does not run after {DEPLOY:.0f} s.")


def _verify(stack: Stack) -> None:
    """The app says what it reaches: the platform by its public address, and none of the addresses behind it."""
    public = f"localhost:{stack.port}"
    registry = stack.env["SPACES_REGISTRY_PORT"]
    hidden = [f"{address}:{port}" for address in stack.addresses("postgres") for port in (5432, registry)]
    hidden += [f"{address}:6379" for address in stack.addresses("redis")]
    hidden += [f"{address}:5000" for address in stack.addresses("registry")]
    hidden += [f"{address}:{stack.port}" for address in stack.addresses("platform")]
    hidden += [f"127.0.0.1:{registry}", "169.254.169.254:80"]
    app = Visitor(host="ann-reach.localhost", port=stack.port)
    reached = str(app.predict("reach", " ".join([public, *hidden]))).split()
    if reached != [public]:
        raise CheckError(f"A Space should reach {public} alone of {[public, *hidden]}, and reaches {reached}.")


def _through(stack: Stack, front_of: str, https: int, pem: Path) -> None:
    """Hub and Space through a TLS front; the app learns who really asks, and how."""
    with front(front_of, pem.parent, hub=HUB, domain=DOMAIN, port=stack.port, https=https, pem=pem):
        hub = Visitor(host=HUB, port=https, trust=pem)
        space = Visitor(host=f"ann-reach.{DOMAIN}", port=https, trust=pem)
        told_to_app = {"host": f"{space.host}:{https}", "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "https"}
        told_to_app["x-forwarded-host"] = told_to_app["host"]
        for what, found, wanted in (
            ("the hub", hub.status("/api/telemetry/ready"), 200),
            ("the hub's page of the Space", hub.status("/spaces/ann/reach"), 200),
            ("the headers", space.json("/told"), told_to_app),
            ("a stream of events", space.predict("reach", ""), ""),
            ("a WebSocket", space.echo("/echo", "hello"), "hello"),
        ):
            if found != wanted:
                raise CheckError(f"Through {front_of}, {what}: {found!r} instead of {wanted!r}.")


def _kept(stack: Stack) -> None:
    database = (stack.container("postgres"), "psql", "-U", "spaces", "-Atc", "select count(*) from spaces")
    if (count := stack.engine("exec", *database)) != "2":
        raise CheckError(f"PostgreSQL has {count} Spaces.")
    redis = 'REDISCLI_AUTH="$(cat /run/secrets/redis_password)" redis-cli dbsize'
    if (keys := stack.engine("exec", stack.container("redis"), "sh", "-c", redis)) == "0":
        raise CheckError("Redis holds nothing.")
    if list((stack.data / "db").glob("*.sqlite")):
        raise CheckError(f"There is a database in {stack.data}, {keys} keys in Redis.")


def _down(stack: Stack) -> None:
    with stack.progress.step(f"{' '.join(stack.compose)} down; nothing of it is left on the machine"):
        stack.run("down", "--volumes")
        if left := _left(stack):
            raise CheckError("Left behind:\n" + "\n".join(left))


def _left(stack: Stack) -> list[str]:
    """Whatever bears its name: containers, networks, volumes, rules, devices, mounts, control groups."""
    found = []
    for kind, form in (("container", "{{.Names}} {{.Labels}}"), ("network", "{{.Name}}"), ("volume", "{{.Name}}")):
        listed = stack.engine(kind, "ls", *(("-a",) if kind == "container" else ()), "--format", form)
        found += [f"{kind} {line}" for line in listed.splitlines()]
    for table in ("filter", "nat"):
        found += told(["iptables-save", "-t", table], {}).splitlines()
    found += [f"device {line}" for line in told(["losetup", "-a"], {}).splitlines()]
    found += [f"mount {line}" for line in Path("/proc/self/mounts").read_text().splitlines()]
    found += [f"control group {path}" for path in Path("/sys/fs/cgroup").glob("*/spaces-*")]
    found += [f"interface {path.name}" for path in Path("/sys/class/net").iterdir()]
    marks = (stack.name, stack.key, f"{stack.data}/", f"spd-{stack.key[:8]}")
    return [line for line in found if any(mark in line for mark in marks)]


def _clear(stack: Stack, folder: Path) -> None:
    """Whatever is still there."""
    with stack.progress.step("what was made for this check goes"):
        subprocess.run([*stack.compose, "down", "-v"], env=os.environ | stack.env, capture_output=True, check=False)
        images = [tag for name, tag in stack.env.items() if name.endswith("_IMAGE")]
        subprocess.run([stack.docker, "rmi", "-f", *images], capture_output=True, check=False)
        subprocess.run(["umount", "--recursive", "--lazy", str(stack.data)], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
