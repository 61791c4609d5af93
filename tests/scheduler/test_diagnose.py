"""What people read when an app does not serve: words of real apps, and the sentence for each."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaces_runtime.scheduler.diagnose import LONGEST, End, diagnose

GIB = 2**30
TRACE = ["Traceback (most recent call last):", '  File "/app/app.py", line 3, in <module>', "    import it"]


def of(*lines, why="exited with status 1", deadline=None, port=7860, memory=16 * GIB):
    return diagnose(End(why=why, lines=lines, port=port, memory=memory, deadline=deadline))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ModuleNotFoundError: No module named 'torch'", "No module named torch: add torch to requirements.txt."),
        ("ModuleNotFoundError: No module named 'sklearn.cluster'",
         "No module named sklearn.cluster: add scikit-learn to requirements.txt."),
        ("ModuleNotFoundError: No module named 'utils'",
         "No module named utils: is utils.py, or the folder, in the repo?"),
        ("ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
         "The system library libGL.so.1 is missing: add the Debian package that has it to packages.txt."),
        ("ImportError: cannot import name 'Tabs' from 'gradio' (/env/lib/gradio/__init__.py)",
         "gradio has no Tabs (imported in app.py line 3): another version of it is needed; "
         "pin one in requirements.txt."),
        ("OSError: Cannot find empty port in range: 7860-7860. You can specify a different port",
         "The port is in use already: the app starts a second server, or asks for a port of its own."),
        ("OSError: [Errno 98] Address already in use",
         "The port is in use already: the app starts a second server, or asks for a port of its own."),
        ("KeyError: 'OPENAI_API_KEY'",
         "It needs the variable OPENAI_API_KEY in app.py line 3: add it in the Space's settings."),
        ("OSError: [Errno 28] No space left on device",
         "The disk of the Space is full in app.py line 3: write less, or choose larger hardware."),
        ("PermissionError: [Errno 13] Permission denied: '/srv/out'",
         "It may not write /srv/out: /app, /home/user, /data and /tmp are writable."),
        ("ValueError: wrong shape", "ValueError in app.py line 3: wrong shape."),
        ("RuntimeError", "RuntimeError in app.py line 3."),
    ],
)  # fmt: skip
def test_the_last_line_of_a_traceback_becomes_a_cause_and_a_remedy(line, expected):
    assert of(*TRACE, line) == expected


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        ("import module_of_nobody", "No module named module_of_nobody: add module_of_nobody to requirements.txt."),
        ("def f(:\n  pass", "app.py line 1 is not valid Python: invalid syntax."),
        ("if True:\nprint()", "app.py line 2 is not valid Python: expected an indented block"),
        ("from json import nothing", "json has no nothing (imported in app.py line 1): another version"),
        ("import os\nos.environ['API_TOKEN']", "It needs the variable API_TOKEN in app.py line 2"),
        ("print('done')", "It ended without serving: the app has to keep running and answer on port 7860. "
                          'Its last line: "done"'),
        ("", "It ended without serving: the app has to keep running and answer on port 7860. It printed nothing."),
        ("raise SystemExit('no model given')", 'Exited with status 1. Its last line: "no model given"'),
    ],
)  # fmt: skip
def test_the_words_of_the_real_interpreter_are_understood(tmp_path, app, expected):
    (tmp_path / "app.py").write_text(app)
    done = subprocess.run([sys.executable, "app.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).replace(f"{tmp_path}/", "/app/").splitlines()
    assert of(*said, why=f"exited with status {done.returncode}").startswith(expected)


def test_out_of_memory_names_the_ceiling_whatever_the_app_said():
    why = "out of memory: limit 512 MiB (killed by signal 9)"
    assert of("Loading", why=why, memory=GIB // 2) == (
        "Out of memory: it may hold 0.5 GiB. Choose hardware with more, or load less."
    )


def test_a_signal_has_a_name_and_the_last_line_is_quoted():
    assert (
        of("Loading", why="killed by signal 11")
        == 'It was ended by a memory fault (signal 11). Its last line: "Loading"'
    )


def test_another_port_is_named_with_both_ways_out():
    expected = "It listens on port 7861, not 7860: use 7860, or set app_port: 7861 in README.md."
    assert of(why="listens on 7861, not 7860", deadline=60) == expected
    assert of("INFO: Uvicorn running on http://0.0.0.0:7861 (Press CTRL+C to quit)", why="", deadline=60) == expected


def test_no_answer_in_time_says_where_to_listen_and_quotes_the_last_line():
    said = of("Downloading", "\x1b[32mfile 3 of 9\x1b[0m", "", why="", deadline=1800)
    assert said == (
        "No answer within 30 min: it has to listen on port 7860 of any address, 127.0.0.1 included. "
        'Its last line: "file 3 of 9"'
    )
    assert of(why="", deadline=90).endswith("It printed nothing.")


def test_an_error_seen_on_the_way_is_told_with_the_deadline():
    assert of("ModuleNotFoundError: No module named 'x'", why="", deadline=60) == (
        "No answer within 60 s. No module named x: add x to requirements.txt."
    )


def test_what_was_said_after_an_error_that_was_caught_does_not_hide_the_end():
    lines = ["ValueError: early, caught", "going on", "MemoryError"]
    assert of(*lines).startswith("Out of memory")


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=40) | st.sampled_from(["exited with status 0", "killed by signal 9", "out of memory"]),
    st.lists(st.text(max_size=400), max_size=6),
    st.none() | st.floats(1, 4000),
)
def test_there_is_always_a_sentence_and_it_is_short_enough_for_a_page(why, lines, deadline):
    said = of(*lines, why=why, deadline=deadline)
    assert said.strip()
    assert len(said) <= 2 * LONGEST + 160 + len(why)
