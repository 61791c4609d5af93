"""Requirement files, as the resolver may see them, and its refusals as sentences."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.complaint import explain
from builder.faults import BuildFailed
from builder.origin import Kind
from builder.recipe import Recipe, Sdk
from builder.requirements import Wanted, gather, platform_list

RECIPE = Recipe(sdk=Sdk.GRADIO, sdk_version="6.31.0", sdk_version_line=4, app_file="app.py", port=7860)


def wanted(files: Mapping[str, str] | str = "", recipe: Recipe = RECIPE) -> Wanted:
    there = {"requirements.txt": files} if isinstance(files, str) else files
    return gather(recipe, there.get, contents=lambda path: f"content of {path}")


def refused(files: Mapping[str, str] | str) -> BuildFailed:
    with pytest.raises(BuildFailed) as caught:
        wanted(files)
    return caught.value


def digest(files: Mapping[str, str] | str, **changes: str) -> str:
    return wanted(files).digest(**{"python": "3.11", "accelerator": "cpu", **changes})


def test_gradio_comes_in_the_version_of_the_readme_with_what_every_space_needs() -> None:
    listed = platform_list(RECIPE)
    assert listed[0] == "gradio[oauth,mcp]==6.31.0"
    assert "spaces" in listed, "without it Gradio's reload thread fails where SPACE_ID is set"


def test_files_are_given_on_line_for_line() -> None:
    text = "# top\nnumpy==1.26.4  # why\n\nrequests \\\n  >=2\nsix\n"
    found = wanted(text)
    assert dict(found.files)["requirements.txt"].count("\n") == text.count("\n")
    assert [(ask.name, ask.line) for ask in found.asks[:3]] == [("numpy", 2), ("requests", 4), ("six", 6)]


def test_pre_requirements_come_first() -> None:
    found = wanted({"requirements.txt": "b\n", "pre-requirements.txt": "a\n"})
    assert found.roots == ("pre-requirements.txt", "requirements.txt")


def test_included_files_are_read_where_they_stand() -> None:
    found = wanted(
        {"requirements.txt": "-r more/a.txt\n", "more/a.txt": "-c ../limits.txt\nsix\n", "limits.txt": "six<2\n"}
    )
    assert {path for path, _ in found.files} == {"requirements.txt", "more/a.txt", "limits.txt"}
    assert ("more/a.txt", 2) in [(ask.file, ask.line) for ask in found.asks]


def test_files_that_include_each_other_end() -> None:
    assert wanted({"requirements.txt": "-r a.txt\n", "a.txt": "-r requirements.txt\nsix\n"}).asks[0].name == "six"


@pytest.mark.parametrize("line", ["-r ../../etc/shadow", "-r /etc/shadow", "-r https://example.org/r.txt"])
def test_nothing_outside_the_repo_is_included(line: str) -> None:
    assert "requirements.txt line 1 includes" in str(refused(line + "\n"))


@pytest.mark.parametrize("line", ["--no-binary :all:", "--no-binary=six", "--trusted-host x", "--config-settings a=b"])
def test_options_that_would_run_a_package_are_not_given_on(line: str) -> None:
    found = wanted(f"{line}\nsix\n")
    assert dict(found.files)["requirements.txt"] == "\nsix\n"
    assert "requirements.txt line 1" in found.warnings[0]


@pytest.mark.parametrize("line", ["--extra-index-url https://example.org/simple", "-f https://example.org/whl"])
def test_further_indexes_are_given_on(line: str) -> None:
    assert dict(wanted(f"{line}\n").files)["requirements.txt"] == f"{line}\n"


def test_prereleases_are_allowed_for_those_who_ask() -> None:
    assert wanted("--pre\nsix\n").prereleases
    assert not wanted("six\n").prereleases


@pytest.mark.parametrize(
    ("line", "kind", "name", "extras", "stands"),
    [
        ("git+https://example.org/x.git", Kind.GIT, "", "", ""),
        ("x @ git+https://example.org/x.git@main", Kind.GIT, "x", "", ""),
        ("git+https://example.org/x.git#egg=Some_Thing&subdirectory=a/b", Kind.GIT, "some-thing", "", ""),
        (
            "x[web] @ https://example.org/x.zip ; python_version > '3'",
            Kind.ADDRESS,
            "x",
            "[web]",
            "; python_version > '3'",
        ),
        ("https://example.org/x-1.0.tar.gz --hash=sha256:" + "a" * 64, Kind.ADDRESS, "", "", ""),
        ("-e .", Kind.FOLDER, "", "", ""),
        ("--editable=./pkg[dev]", Kind.FOLDER, "", "[dev]", ""),
        ("./pkg", Kind.FOLDER, "", "", ""),
        ("pkg/sub", Kind.FOLDER, "", "", ""),
        ("./x-1.0.tar.gz", Kind.FILE, "", "", ""),
    ],
)
def test_what_has_to_be_built_is_named_apart(line: str, kind: Kind, name: str, extras: str, stands: str) -> None:
    found = wanted({"requirements.txt": f"six\n{line}\n", "pkg/setup.py": "", "pkg/sub/setup.py": "", "setup.py": ""})
    [origin] = found.origins
    assert (origin.kind, origin.name, origin.extras) == (kind, name, extras)
    assert origin.place == "requirements.txt line 2"
    assert dict(found.files)["requirements.txt"] == f"six\n{f'{origin.mark} {stands}'.rstrip()}\n"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("git+ssh://example.org/x.git", "not from git+ssh:"),
        ("git+file:///etc", "not from git+file:"),
        ("file:///etc", "not from file:"),
        ("/etc", "which is a folder of the machine"),
        ("/srv/x-1-py3-none-any.whl", "which is a path of the machine"),
        ("x @ file:///srv/x-1-py3-none-any.whl", "which is a path of the machine"),
        ("--index-url FILE:///srv/simple", "which is a path of the machine"),
        ("--find-links /srv/wheels", "which is a path of the machine"),
        ("./gone", "which has no pyproject.toml and no setup.py"),
        ("../outside", "which is outside the repo"),
    ],
)
def test_a_source_that_nobody_may_fetch_is_refused_with_its_line(line: str, says: str) -> None:
    assert says in refused(f"six\n{line}\n").why


def test_a_password_in_an_address_is_not_shown() -> None:
    [origin] = wanted("git+https://ann:hush@example.org/x.git\n").origins
    assert origin.label == "git+https://example.org/x.git"


@pytest.mark.parametrize(
    "line",
    [
        "https://example.org/x-1.0-py3-none-any.whl",
        "./w/x-1.0-py3-none-any.whl",
        "x @ https://example.org/x-1-py3-none-any.whl#sha256=aa",
    ],
)
def test_a_wheel_may_be_named_by_its_address(line: str) -> None:
    assert line in dict(wanted(line + "\n").files)["requirements.txt"]


def test_the_digest_changes_with_what_matters_and_with_nothing_else() -> None:
    assert digest("six\n") == digest("six  # a comment\n".replace("  # a comment", ""))
    assert digest("six\n") != digest("six==1.16\n")
    assert digest("six\n") != digest("six\n", python="3.12")
    assert digest("six\n") != digest("six\n", accelerator="cuda")
    assert digest({"requirements.txt": "-r a.txt\n", "a.txt": "six\n"}) != digest(
        {"requirements.txt": "-r a.txt\n", "a.txt": "attrs\n"}
    )


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_a_sentence(text: str) -> None:
    with contextlib.suppress(BuildFailed):
        kept = dict(wanted(f"--no-binary six\n{text}").files)["requirements.txt"]
        assert not kept.startswith("--no-binary")


TEXT = "requests\ngradio==5.4\npydantic<2\ntorch==99\nfastapi==0.60.0\nnot-there\ntorch=1\n"
HEAD = "error: No solution found when resolving dependencies\n  cause: Because "
END = ", we can conclude that your requirements are unsatisfiable.\n"


@pytest.mark.parametrize(
    ("said", "line", "says"),
    [
        (
            HEAD + "you require gradio==5.4 and gradio[mcp]==6.31.0" + END,
            2,
            "requirements.txt line 2 asks for gradio==5.4, README.md line 4 for gradio==6.31.0. Keep one of the two",
        ),
        (
            HEAD
            + "gradio>=6.31.0 depends on pydantic>=2.0,<=3.0 and you require pydantic<2, we can conclude that your "
            "requirements and gradio>=6.31.0 are incompatible.\n",
            3,
            "requirements.txt line 3 asks for pydantic<2, but gradio>=6.31.0 needs pydantic>=2.0,<=3.0.",
        ),
        (
            HEAD
            + "gradio>=6.31.0 depends on fastapi>=0.115.2,<1.0 and you require gradio[oauth]==6.31.0, we can conclude "
            "that you require fastapi>=0.115.2,<1.0.\n         And because you require fastapi==0.60.0" + END,
            5,
            "requirements.txt line 5 asks for fastapi==0.60.0, but gradio>=6.31.0 needs fastapi>=0.115.2,<1.0.",
        ),
        (
            HEAD + "gradio>=6.31.0 depends on starlette>=1.0.1,<2.0 and fastapi==0.60.0 depends on starlette==0.13.4, "
            "we can "
            "conclude that fastapi==0.60.0 and gradio>=6.31.0 are incompatible.\n",
            5,
            "line 5 asks for fastapi==0.60.0, which needs starlette==0.13.4, but gradio>=6.31.0 needs starlette>=1.0.1",
        ),
        (
            HEAD + "there is no version of torch==99 and you require torch==99" + END,
            4,
            "requirements.txt line 4 asks for torch==99, which does not exist. Ask for a released version.",
        ),
        (
            HEAD + "not-there was not found in the package registry and you require not-there" + END,
            6,
            "requirements.txt line 6 asks for not-there, which the package index does not have. Check the spelling.",
        ),
        (
            HEAD
            + "torch==99 has no wheels with a matching Python ABI tag (e.g., `cp311`) and you require torch==99"
            + END
            + "\n"
            "hint: You require CPython 3.11 (`cp311`), but we only found wheels for `torch` (v99) with the following "
            "Python "
            "ABI tags: `cp312`, `cp313`\n",
            4,
            "asks for torch==99, which has no wheel for Python 3.11.7; it has some for Python 3.12, 3.13. "
            "Ask for another version, or set python_version in README.md.",
        ),
        (
            "error: Couldn't parse requirement in `/build/requirements/requirements.txt` at position 75\n"
            '  cause: no such comparison operator "=", must be one of ==\n         torch=1\n',
            7,
            'requirements.txt line 7: "torch=1" is not a requirement: no such comparison operator "="',
        ),
        (
            "error: Failed to fetch: http://x/simple/six/\n  cause: tcp connect error\n  cause: Connection refused\n",
            0,
            "The package index cannot be reached: Connection refused. Nothing is lost; rebuild when it is back.",
        ),
    ],
)
def test_a_refusal_is_one_sentence_with_its_line(said: str, line: int, says: str) -> None:
    error = explain(said, wanted(TEXT), "3.11.7")
    assert says in error.why
    assert error.line == line


@given(st.text(max_size=200))
def test_any_refusal_gives_a_sentence_without_flags(said: str) -> None:
    assert explain(f"error: {said}\n\nhint: use `--flag`\n", wanted(TEXT), "3.11.7").why


def test_a_package_of_the_platform_that_fails_names_the_readme() -> None:
    said = HEAD + "there is no version of gradio[oauth]==6.31.0 and you require gradio[oauth]==6.31.0" + END
    error = explain(said, wanted(""), "3.11.7")
    assert error.why == "README.md line 4 asks for gradio==6.31.0, which does not exist. Ask for a released version."
