#!/bin/sh
# secrets.sh [FOLDER]: makes up the passwords that compose.yaml's services share. What is there stays.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-${SPACES_SECRETS:-secrets}}
umask 077
mkdir -p "$folder"
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
for name in database redis; do
    [ -s "$folder/${name}_password" ] || random > "$folder/${name}_password"
done
printf 'postgresql://spaces:%s@postgres:5432/spaces' "$(cat "$folder/database_password")" > "$folder/database_url"
printf 'redis://:%s@redis:6379/0' "$(cat "$folder/redis_password")" > "$folder/redis_url"
