#!/usr/bin/env bash
# base.sh IMAGE: a Debian with Python, made from the distribution's packages where no image can be pulled.
# The archive is kept in .cache, named by what it is made of.
set -euo pipefail
cd "$(dirname "$0")/.."
suite=bookworm packages=python3,python3-venv,ca-certificates
tar=.cache/base-$suite-$(echo "$packages" | sha256sum | cut -c1-12).tar
if [ ! -s "$tar" ]; then
    echo "making a base of $suite and $packages"
    mkdir -p .cache
    mmdebstrap -q --format=tar --variant=minbase --include="$packages" "$suite" "$tar.new" \
        "${DEBIAN_MIRROR:-deb http://deb.debian.org/debian $suite main}" \
        "${DEBIAN_SECURITY:-deb http://deb.debian.org/debian-security $suite-security main}"
    mv "$tar.new" "$tar"
fi
docker import -c 'ENV PATH=/usr/local/bin:/usr/bin:/bin' -c 'CMD ["python3"]' "$tar" "$1" > /dev/null
