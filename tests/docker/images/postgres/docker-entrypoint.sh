#!/bin/sh
# POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD_FILE: a database is made of them the first time.
set -eu
if [ "$(id -u)" = 0 ]; then
    POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
    export POSTGRES_PASSWORD
    mkdir -p "$PGDATA" /run/postgresql
    chown postgres "$PGDATA" /run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf '%s\n' "$POSTGRES_PASSWORD" > /tmp/password
    initdb --encoding=UTF8 --locale=C.UTF-8 --username="$POSTGRES_USER" --pwfile=/tmp/password \
        --auth-local=trust --auth-host=scram-sha-256 > /dev/null
    rm /tmp/password
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    pg_ctl -s -w start -o "-c listen_addresses=''"
    createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
    pg_ctl -s -w stop
fi
unset POSTGRES_PASSWORD
exec "$@" -c listen_addresses='*'
