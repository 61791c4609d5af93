#!/usr/bin/env bash
# install.sh runtime|demo|test: puts a lock's packages and this project into .venv.
# Packages come from wherever pip is configured to look; torch without CUDA where there is one.
set -eu
cd "$(dirname "$0")/.."
links=$(.venv/bin/python -m pip config get global.find-links 2>/dev/null || true)
export UV_LINK_MODE=copy
.venv/bin/uv pip install -q -p .venv/bin/python ${links:+--find-links "$links"} -r "requirements-$1.lock"
.venv/bin/uv pip install -q -p .venv/bin/python --no-deps -e .
if [ "$(id -u)" = 0 ] && [ ! -d /opt/spaces-criu ]; then # what cannot be had leaves Spaces on the other rungs
    timeout 180 spaces_runtime/node/criu-get.sh || echo "without CRIU, sleeping Spaces stay in memory until they are cold"
fi
