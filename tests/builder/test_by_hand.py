"""`python -m builder REPO_DIR`, without an engine: an environment, the recipe, and one sentence for each fault."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from builder.snapshot import snapshot
from tests.builder.conftest import README, Store
from tests.builder.hostile import source

NOWHERE = "unix:///nowhere/docker.sock"


def repo(store: Store, files: Mapping[str, str]) -> Path:
    at = store.root / "repo"
    for path, text in files.items():
        (at / path).parent.mkdir(parents=True, exist_ok=True)
        (at / path).write_text(text)
    return at


def by_hand(store: Store, *words: object, **env: str) -> subprocess.CompletedProcess[str]:
    own = {"PATH": os.environ["PATH"], "HOME": str(store.root), "PIP_CONFIG_FILE": "/dev/null", **env}
    argv = [sys.executable, "-m", "builder", *map(str, words), "--engine", NOWHERE]
    return subprocess.run(argv, capture_output=True, text=True, check=False, env=own)


def test_an_environment_is_prepared_in_the_users_cache_and_kept(store: Store) -> None:
    at = repo(store, {"README.md": README, "app.py": ""})
    first = by_hand(store, at, "--env", "--index", store.index.url)
    assert first.returncode == 0, first.stderr
    env = Path(first.stdout.strip())
    assert env.is_relative_to(store.root / ".cache" / "spaces-builder")
    assert (env / "bin" / "python").exists()
    (at / "app.py").write_text("print()")
    second = by_hand(store, at, "--env", "--index", "http://127.0.0.1:9")
    assert (second.returncode, second.stdout) == (0, first.stdout), second.stderr
    assert "the environment stands" in second.stderr


def test_the_recipe_is_told_and_nothing_is_built(store: Store, tmp_path: Path) -> None:
    files = {"README.md": README, "app.py": "", "requirements.txt": "six\n", "packages.txt": "ffmpeg\n"}
    told = by_hand(store, repo(store, files), "--explain", "--store", tmp_path / "kept", "--index", store.index.url)
    assert told.returncode == 0, told.stderr
    for line in ("sdk        gradio 6.31.0", "six   (requirements.txt line 1)", "debian     ffmpeg", "port       7860"):
        assert line in told.stdout
    assert "(no container engine answers)" in told.stdout
    assert not (tmp_path / "kept" / "envs").exists()


def test_a_dockerfile_is_explained_by_its_bases(store: Store) -> None:
    files = {"README.md": "---\nsdk: docker\napp_port: 8000\n---\n", "Dockerfile": "FROM a AS b\nRUN x\nFROM c\n"}
    told = by_hand(store, repo(store, files), "--explain")
    assert "base       a AS b   (Dockerfile line 1)\nbase       c   (Dockerfile line 3)\nport       8000" in told.stdout


@pytest.mark.parametrize(
    ("files", "words", "sentence"),
    [
        ({"README.md": README, "app.py": ""}, ("--image", "a:b"), "The container engine at unix:///nowhere"),
        ({"README.md": "---\nsdk: docker\n---\n"}, ("--image", "a:b"), "The repo has no Dockerfile."),
        (
            {"README.md": "---\nsdk: docker\n---\n", "Dockerfile": ""},
            ("--env",),
            "A Space with a Dockerfile has no env",
        ),
        ({"README.md": README}, ("--env",), "the repo has no such file. Add it and push."),
        ({"README.md": "---\nsdk: gradio\ncolorFrom: teal\n---\n"}, ("--explain",), 'line 3: colorFrom is "teal".'),
        ({"README.md": README, "app.py": "", "requirements.txt": "nope\n"}, ("--env",), "requirements.txt line 1 asks"),
        ({"app.py": ""}, ("--env",), "README.md: the file is missing."),
        ({"README.md": README, "app.py": ""}, ("--env", "--secret", "k=/nowhere"), "/nowhere: No such file"),
        ({"README.md": README, "app.py": ""}, ("--env", "--variable", "k"), "--variable k: it is written NAME=VALUE."),
    ],
)
def test_every_fault_is_one_sentence_and_exit_status_1(
    store: Store, files: dict[str, str], words: tuple[str, ...], sentence: str
) -> None:
    ended = by_hand(store, repo(store, files), *words, "--index", store.index.url)
    assert ended.returncode == 1
    assert sentence in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_a_folder_that_is_none_is_told(store: Store) -> None:
    ended = by_hand(store, store.root / "nothing", "--explain")
    assert (ended.returncode, ended.stderr) == (1, f"{store.root}/nothing is no folder.\n")


def test_a_package_of_the_repo_is_built_in_a_sandbox(store: Store) -> None:
    code = source("mine", code="assert not os.path.exists('/etc/shadow')")
    files = {"README.md": README, "app.py": "", "requirements.txt": "./own\n"}
    at = repo(store, {**files, **{f"own/{name}": text for name, text in code.items()}})
    ended = by_hand(store, at, "--env", "--index", store.index.url)
    assert ended.returncode == 0, ended.stderr
    assert "is built from source" in ended.stderr
    assert list(Path(ended.stdout.strip()).glob("lib/*/site-packages/mine-1.0.dist-info"))


def test_a_requirement_that_needs_a_compiler_says_which(store: Store) -> None:
    code = source("mine", code="raise SystemExit(\"error: command 'gcc' failed: No such file or directory\")")
    files = {"README.md": README, "app.py": "", "requirements.txt": "./own\n"}
    ended = by_hand(
        store,
        repo(store, {**files, **{f"own/{name}": text for name, text in code.items()}}),
        "--env",
        "--index",
        store.index.url,
    )
    assert ended.returncode == 1
    assert "Add build-essential to packages.txt" in ended.stderr.splitlines()[-1]


def test_a_build_command_makes_the_files_without_a_network(store: Store) -> None:
    command = "mkdir out && ls / > out/index.html && test ! -e /root && ! (exec 3<>/dev/tcp/127.0.0.1/22)"
    readme = f'---\nsdk: static\napp_build_command: bash -c "{command}"\napp_file: out/index.html\n---\n'
    ended = by_hand(store, repo(store, {"README.md": readme}), "--env")
    assert ended.returncode == 0, ended.stderr
    assert "app" not in (Path(ended.stdout.strip()) / "out" / "index.html").read_text().split()


def test_a_build_command_that_fails_is_told_with_its_words(store: Store) -> None:
    readme = "---\nsdk: static\napp_build_command: echo so it goes; exit 3\n---\n"
    ended = by_hand(store, repo(store, {"README.md": readme}), "--env")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-2:] == [
        "  so it goes",
        "app_build_command ended with status 3. The lines above say why.",
    ]


def git(at: Path, *words: str) -> str:
    told = ("git", "-C", str(at), "-c", "user.name=a", "-c", "user.email=a@b")
    return subprocess.run([*told, *words], check=True, capture_output=True, text=True).stdout.strip()


def test_what_git_would_push_is_built_and_named_by_its_commit(tmp_path: Path) -> None:
    at = tmp_path / "repo"
    at.mkdir()
    git(at, "init", "-q")
    (at / ".gitignore").write_text("*.log\n")
    (at / "app.py").write_text("")
    (at / "link").symlink_to("/etc/passwd")
    git(at, "add", ".")
    git(at, "commit", "-qm", "x")
    (at / "a.log").write_text("")
    assert snapshot(at, tmp_path / "one") == git(at, "rev-parse", "HEAD")
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == [".gitignore", "app.py", "link"]
    assert (tmp_path / "one" / "link").is_symlink()
    (at / "new.py").write_text("")
    changed = snapshot(at, tmp_path / "two")
    assert changed.startswith("sha256:")
    assert (tmp_path / "two" / "new.py").exists()
    assert snapshot(tmp_path / "two", tmp_path / "three") == changed, "the same files without git"
