#!/usr/bin/env bash
# images.sh [BASE_IMAGE [CLIENT_IMAGE]]: builds what compose.yaml runs, the platform's image and the base of Spaces.
# Tags: SPACES_IMAGE, SPACES_BASE_IMAGE. Behind a private CA, CA_BUNDLE names a file with it: it is lent to the build.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOCKER_BUILDKIT=1
docker=${DOCKER:-docker}
# The network of this host: the default bridge belongs to builds of Spaces, and where a platform runs, its rules hold.
told=(--network host --build-arg "BASE_IMAGE=${1:-debian:bookworm-slim}" --build-arg "CLIENT_IMAGE=${2:-docker:28-cli}")
[ -z "${CA_BUNDLE:-}" ] || told+=(--secret "id=ca,src=$CA_BUNDLE")
"$docker" build -q "${told[@]}" --target base -t "${SPACES_BASE_IMAGE:-spaces-base:bookworm}" .
"$docker" build -q "${told[@]}" --target platform -t "${SPACES_IMAGE:-spaces-runtime:latest}" .
