"""Started by a base interpreter as `python -I -S compile_files.py N`: compiles the files named on standard input.

Any Python from 3.8 on runs this; it imports nothing but the standard library, and never what it compiles.
"""

import json
import os
import py_compile
import sys


def main(jobs: int) -> None:
    """Standard input: a JSON list of [source, bytecode file, path to write into the bytecode]."""
    wanted = json.load(sys.stdin)
    children = []
    for part in range(jobs):
        child = os.fork()
        if child == 0:
            compile_all(wanted[part::jobs])
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


def compile_all(wanted: "list[list[str]]") -> None:
    """A file that is no valid Python here stays without bytecode; it is not our business to judge it."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    for source, target, shown in wanted:
        try:
            py_compile.compile(source, target, dfile=shown, doraise=True, invalidation_mode=mode)
        except (py_compile.PyCompileError, OSError, ValueError, RecursionError, MemoryError):
            continue


if __name__ == "__main__":
    main(int(sys.argv[1]))
