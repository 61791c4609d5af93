#!/usr/bin/env bash
# Resolves pyproject.toml into one lock per use, each a superset of the one before. No index is named in the result.
set -eu
cd "$(dirname "$0")/.."
resolve() { # NAME EXTRA...
    local name=$1 extras=()
    shift
    for extra in "$@"; do extras+=(--extra "$extra"); done
    .venv/bin/uv pip compile -q --python-version 3.11 --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
        ${LINKS:+--find-links "$LINKS"} "${extras[@]}" pyproject.toml -o "requirements-$name.lock"
}
LINKS=$(.venv/bin/python -m pip config get global.find-links 2>/dev/null || true)
resolve runtime
resolve demo demo
resolve test demo test
sed -i 's/^\(torch==[0-9.]*\)+cpu/\1/' requirements-*.lock # which build of torch is the installing machine's choice
