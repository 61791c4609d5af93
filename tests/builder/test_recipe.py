"""Every key of the front matter: what it may hold, and the sentence when it holds something else."""

from __future__ import annotations

import contextlib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from builder.card import check_card
from builder.faults import ConfigError, NoAppFile
from builder.frontmatter import front_matter
from builder.recipe import Preload, Recipe, Sdk, faults_of, read_recipe
from builder.rules import CONFIG_KEYS, duration

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def readme(*lines: str, sdk: str = "gradio") -> str:
    return "\n".join(["---", f"sdk: {sdk}", *lines, "---", "# Hello"]) + "\n"


def recipe(*lines: str, sdk: str = "gradio", files: tuple[str, ...] = ("app.py", "index.html")) -> Recipe:
    return read_recipe(readme(*lines, sdk=sdk), files)


def fault(text: str | None) -> str:
    with pytest.raises(ConfigError) as caught:
        read_recipe(text, ("app.py",))
    return str(caught.value)


def test_the_defaults_are_those_of_the_contract() -> None:
    made = recipe()
    assert (made.sdk, made.app_file, made.port, made.start_deadline) == (Sdk.GRADIO, "app.py", 7860, 1800.0)
    assert (made.sdk_version, made.python_version, made.frameable) == ("", "", True)


@pytest.mark.parametrize(
    ("lines", "field", "value"),
    [
        (("sdk_version: 5.0",), "sdk_version", "5.0"),
        (("sdk_version: '5.10'",), "sdk_version", "5.10"),
        (("sdk_version: 6.31.0",), "sdk_version", "6.31.0"),
        (("python_version: 3.10",), "python_version", "3.10"),
        (("python_version: '3.11.7'",), "python_version", "3.11.7"),
        (("app_file: src/main.py",), "app_file", "src/main.py"),
        (("disable_embedding: true",), "frameable", False),
        (("disable_embedding: false",), "frameable", True),
        (("startup_duration_timeout: 1h",), "start_deadline", 3600.0),
        (("startup_duration_timeout: 30m",), "start_deadline", 1800.0),
        (
            ("custom_headers:", "  cross-origin-embedder-policy: require-corp"),
            "headers",
            (("cross-origin-embedder-policy", "require-corp"),),
        ),
        (("preload_from_hub:", "- ann/one"), "preload", (Preload(repo="ann/one", line=4),)),
        (
            ("preload_from_hub:", "- ann/one a.bin,b/c.txt " + COMMIT),
            "preload",
            (Preload(repo="ann/one", files=("a.bin", "b/c.txt"), commit=COMMIT, line=4),),
        ),
    ],
)
def test_a_key_is_read(lines: tuple[str, ...], field: str, value: object) -> None:
    assert getattr(recipe(*lines, files=("app.py", "src/main.py")), field) == value


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("colorFrom: teal", 'README.md line 3: colorFrom is "teal". Allowed: red, yellow, green, blue, indigo, purple'),
        ("colorTo: 7", "README.md line 3: colorTo is 7. Allowed: red"),
        ("sdk_version: newest", 'sdk_version is "newest". Allowed: a released version'),
        ("python_version: 2.7", "python_version is 2.7. Allowed: a version of Python"),
        ("python_version: three", 'python_version is "three".'),
        ("emoji: smile", 'emoji is "smile". Allowed: one emoji.'),
        ("app_port: 70000", "app_port is 70000. Allowed: a whole number from 1 to 65535."),
        ("app_port: true", "app_port is true."),
        ("app_file: ../app.py", 'app_file is "../app.py". Allowed: the path of a file in this repo.'),
        ("app_file: /etc/passwd", 'app_file is "/etc/passwd".'),
        ("base_path: docs", 'base_path is "docs". Allowed: a path that begins with /.'),
        ("fullWidth: wide", 'fullWidth is "wide". Allowed: true, false.'),
        ("header: tiny", 'header is "tiny". Allowed: default, mini.'),
        ("pinned: 1", "pinned is 1. Allowed: true, false."),
        ("disable_embedding: 'yes'", 'disable_embedding is "yes".'),
        ("startup_duration_timeout: soon", 'is "soon". Allowed: a duration such as 30m or 1h.'),
        ("startup_duration_timeout: 0m", 'is "0m".'),
        ("suggested_storage: huge", 'suggested_storage is "huge". Allowed: small, medium, large.'),
        ("license: asdf", '"license" must be one of'),
        ("models: ann/one", 'models is "ann/one". Allowed: a list of'),
        ("tags: one", 'tags is "one". Allowed: a list of words.'),
        ("hf_oauth: maybe", 'hf_oauth is "maybe".'),
        ("hf_oauth_scopes: [everything]", 'hf_oauth_scopes holds "everything". Allowed: openid'),
        ("hf_oauth_expiration_minutes: 43201", "is 43201. Allowed: a whole number from 1 to 43200."),
        ("custom_headers: {x-frame-options: deny}", 'custom_headers has "x-frame-options". Allowed: cross-origin'),
        ("custom_headers: {cross-origin-opener-policy: any}", 'cross-origin-opener-policy is "any". Allowed: unsafe'),
        ("custom_headers: none", 'custom_headers is "none".'),
        ("preload_from_hub: [ann/one ../x]", 'preload_from_hub holds "ann/one ../x". Allowed: "repo"'),
        ("preload_from_hub: [ann/one a.bin main]", 'holds "ann/one a.bin main"'),
        ("title: [a, b]", "title is a list. Allowed: text."),
        ("thumbnail: {}", "thumbnail is a mapping."),
        ("title: a: b", "README.md line 3: this is not YAML: mapping values are not allowed here"),
        ("title: x\ntitle: y", "README.md line 4: title stands twice. Keep one of the two."),
    ],
)
def test_a_wrong_value_is_told_with_line_and_what_is_allowed(line: str, says: str) -> None:
    assert says in fault(readme(line))


@pytest.mark.parametrize("key", CONFIG_KEYS)
def test_an_empty_key_counts_as_absent(key: str) -> None:
    lines = () if key == "sdk" else (f"{key}:",)
    made = recipe(*lines)
    assert made.sdk is Sdk.GRADIO
    assert all("counts as absent" in warning for warning in made.warnings)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "README.md: the file is missing. Begin README.md with"),
        ("# Hello\n", "README.md line 1: the block of settings is missing. Begin README.md with"),
        ("---\nsdk: gradio\n", "is not closed"),
        ("---\n---\n", "sdk is missing. Allowed: gradio, docker, static, streamlit."),
        ("---\njust words\n---\n", "must be lines of the form key: value"),
        ("---\nsdk: flask\n---\n", 'README.md line 2: sdk is "flask". Allowed: gradio, docker, static, streamlit.'),
    ],
)
def test_a_missing_or_broken_block_is_a_config_error(text: str | None, says: str) -> None:
    assert says in fault(text)


def test_unknown_keys_are_kept_and_ignored() -> None:
    text = readme("my_key: {deep: [1, 2]}")
    assert read_recipe(text, ("app.py",)).warnings == ()
    assert front_matter(text).plain()["my_key"] == {"deep": [1, 2]}


@pytest.mark.parametrize("colour", ["white", "black"])
def test_old_colours_are_a_warning(colour: str) -> None:
    (warning,) = recipe(f"colorFrom: {colour}").warnings
    assert warning.startswith(f'README.md line 3: colorFrom is "{colour}", an old colour.')


@pytest.mark.parametrize("emoji", ["🎬", "👩‍🔬", "🇩🇪", "1️⃣", "❤️", "👍🏽", "☁️"])
def test_one_emoji_may_be_several_characters(emoji: str) -> None:
    assert recipe(f"emoji: {emoji}").warnings == ()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_windows_line_ends_and_a_byte_order_mark_are_read(newline: str) -> None:
    text = "\ufeff" + readme("python_version: 3.10").replace("\n", newline)
    assert read_recipe(text, ("app.py",)).python_version == "3.10"


def test_a_missing_app_file_is_named_beside_what_is_there() -> None:
    with pytest.raises(NoAppFile) as caught:
        recipe("app_file: app.py", files=("main.py", "README.md"))
    assert (
        str(caught.value) == "README.md names app.py; the repo has main.py. Rename the file, or set app_file: main.py."
    )


def test_a_static_space_serves_index_html_and_needs_no_app() -> None:
    made = recipe(sdk="static", files=("index.html",))
    assert (made.sdk, made.app_file, made.build_command) == (Sdk.STATIC, "index.html", "")


def test_what_a_build_command_makes_need_not_be_in_the_repo() -> None:
    made = recipe("app_build_command: npm run build", "app_file: dist/index.html", sdk="static", files=())
    assert made.build_command == "npm run build"


def test_a_docker_space_listens_where_it_says() -> None:
    assert recipe("app_port: 8000", sdk="docker", files=("Dockerfile",)).port == 8000


def test_a_gradio_space_may_not_move_its_port() -> None:
    made = recipe("app_port: 8000")
    assert made.port == 7860
    assert "app_port counts for sdk: docker only" in made.warnings[0]


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1h 30m", 5400), ("2 hours", 7200), ("1d", 86400)])
def test_durations_are_read(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "-1h", "1 fortnight", "1h!", "0s"])
def test_other_texts_are_no_durations(text: str) -> None:
    assert duration(text) is None


def test_a_card_without_a_block_is_a_warning() -> None:
    assert check_card("# Hello\n", "model") == ((), ("empty or missing yaml metadata in repo card",))


def test_a_wrong_licence_is_an_error_for_every_kind() -> None:
    for kind in ("model", "dataset", "space"):
        errors, _ = check_card("---\nlicense: asdf\n---\n", kind)
        assert '"license" must be one of' in errors[0]


def test_several_licences_may_stand_in_a_list() -> None:
    assert check_card("---\nlicense: [mit, apache-2.0]\n---\n", "model") == ((), ())


def test_aliases_that_grow_without_end_are_refused() -> None:
    bomb = "\n".join(["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 30))])
    errors = front_matter(f"---\n{bomb}\n---\n").errors
    assert "is too large or nested too deep" in str(errors[0])


@pytest.mark.parametrize("deep", ["a: " + "[" * 5000, "a: " + "{a: " * 3000, "- " * 4000])
def test_deep_nesting_is_refused(deep: str) -> None:
    assert front_matter(f"---\n{deep}\n---\n").errors


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
KEYS = st.sampled_from(sorted(CONFIG_KEYS))


@given(st.text(max_size=300))
def test_any_text_is_a_recipe_or_a_sentence(text: str) -> None:
    for whole in (text, f"---\n{text}\n---\n", f"---\nsdk: gradio\n{text}\n---\n"):
        with contextlib.suppress(ConfigError, NoAppFile):
            read_recipe(whole, ("app.py",))


@given(st.dictionaries(KEYS, st.one_of(SCALARS, st.lists(SCALARS, max_size=3))))
def test_any_values_of_known_keys_are_judged(values: dict[str, object]) -> None:
    text = "---\n" + yaml.safe_dump(values, allow_unicode=True) + "---\n"
    for error in faults_of(front_matter(text)):
        assert error.file == "README.md"
        assert error.line >= 1
        assert str(error)
