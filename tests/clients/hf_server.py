"""Runs `hf` commands one after the other without starting Python for each: imported once, forked for every command.

Lines of JSON in, lines of JSON out: {"words": [...], "input": "...", "token": true} → {"code": 0, "said": "..."}.
Each command is a process of its own, with the environment and folder this one was started in; token: with HF_TOKEN.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from typing import BinaryIO

from huggingface_hub.cli.hf import main


def command(words: list[str], given: BinaryIO, said: BinaryIO, *, token: bool) -> int:
    """Fork, run, wait; what it said, on both streams, is in `said`."""
    child = os.fork()
    if child == 0:
        for stream, file in ((0, given), (1, said), (2, said)):
            os.dup2(file.fileno(), stream)
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode, closefd=False) for n, mode in enumerate("rww"))
        sys.argv = ["hf", *words]
        if not token:
            del os.environ["HF_TOKEN"]
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        except BaseException:  # noqa: BLE001 - as Python ends a process
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def serve() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
            given.write(asked["input"].encode())
            given.seek(0)
            code = command(asked["words"], given, said, token=asked["token"])
            said.seek(0)
            print(json.dumps({"code": code, "said": said.read().decode(errors="replace")}), flush=True)


if __name__ == "__main__":
    serve()
