#!/bin/sh
# As root, the server becomes a user of its own.
set -eu
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
    chown redis .
    exec setpriv --reuid=redis --regid=redis --init-groups "$0" "$@"
fi
exec "$@"
