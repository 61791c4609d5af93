"""The launcher starts Gradio lightly, and whatever an app uses of it is there all the same."""

from __future__ import annotations

import subprocess
import sys

from spaces_runtime.node.inside import launch

LIGHT = """
import gc, sys
import gradio as gr
print([name for name in ("pandas", "mcp") if name in sys.modules], gc.isenabled(), gc.get_freeze_count() > 0)
"""
USED = """
from gradio.caching import cache_hash
import pandas
one, same, other = (pandas.DataFrame({"a": [n]}) for n in (1, 1, 2))
print(cache_hash(one) == cache_hash(same) != cache_hash(other), type(pandas).__name__)
print(isinstance(gr.mcp.GradioMCPServer, type), hasattr(gr.mcp, "nothing"))
"""
SERVER = "class GradioMCPServer:\n    {}\n    def __init__(self): from mcp import types; print(types)"


def started(folder, app):
    (folder / "app.py").write_text(app)
    done = subprocess.run(
        [sys.executable, launch.__file__, "app.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def package(folder, name, **modules):
    (folder / name).mkdir()
    for module, text in modules.items():
        (folder / name / f"{module}.py").write_text(text)


def test_gradio_loads_without_pandas_and_mcp_which_come_when_an_app_uses_them(tmp_path):
    package(tmp_path, "mcp", __init__="types = 'types of mcp'")
    assert started(tmp_path, LIGHT + USED) == ["[] True True", "True module", "True False"]


def test_an_app_that_has_pandas_already_keeps_it(tmp_path):
    first = "import pandas\nbefore = pandas\n"
    assert started(tmp_path, first + LIGHT + "print(sys.modules['pandas'] is before)")[-1] == "True"


def test_an_mcp_server_finds_mcp_when_it_is_made(tmp_path):
    package(tmp_path, "mcp", __init__="types = 'types of mcp'\nprint('loaded')")
    optional = SERVER.format("try: from mcp import types\n    except ImportError: pass")
    package(tmp_path, "gradio", __init__="from gradio import mcp", mcp=optional)
    app = "import gradio; print('light'); print(gradio.mcp.GradioMCPServer.types); gradio.mcp.GradioMCPServer()"
    assert started(tmp_path, app) == ["light", "loaded", "types of mcp", "types of mcp"]


def test_a_gradio_that_cannot_do_without_mcp_gets_it(tmp_path):
    package(tmp_path, "mcp", __init__="types = 'types of mcp'\nprint('loaded')")
    package(tmp_path, "gradio", __init__="from gradio import mcp", mcp="import mcp\n" + SERVER.format("pass"))
    app = "import gradio; print('whole'); gradio.mcp.GradioMCPServer()"
    assert started(tmp_path, app) == ["loaded", "whole", "types of mcp"]


def test_a_module_that_uses_pandas_as_it_loads_gets_the_real_one(tmp_path):
    package(tmp_path, "pandas", __init__="from pandas import frames\nDataFrame = dict", frames="")
    package(
        tmp_path, "gradio", __init__="from gradio import caching", caching="import pandas as pd\nTable = pd.DataFrame"
    )
    app = "import gradio, pandas; print(gradio.caching.Table is pandas.DataFrame is dict)"
    assert started(tmp_path, app) == ["True"]
