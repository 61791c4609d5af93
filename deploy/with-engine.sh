#!/usr/bin/env bash
# with-engine.sh COMMAND...: runs it beside a container engine and ends with its status.
# That is the engine that runs here. Where none does, root installs one, starts it in a folder of its own, and stops
# exactly that one at the end: nothing of it stays but the packages. Spaces' test base is there: $SPACES_TEST_BASE.
# NEEDS: packages of further programs that the command starts.
# Without any engine nothing is run, and the status is 1; with SPACES_NO_DOCKER=1 it is 0, for whoever knows that.
set -euo pipefail
cd "$(dirname "$0")/.."
folder="" pid=""

none() { # WHY
    {
        echo
        echo "################################################################################"
        echo "##  NO CONTAINER ENGINE: $1"
        echo "##  NOT RUN: $asked"
        echo "################################################################################"
        echo
    } | tee -a "${SPACES_SUMMARY:-/dev/null}" >&2
    [ "${SPACES_NO_DOCKER:-}" = 1 ] && exit 0
    echo "Start an engine, run this as root on Debian or Ubuntu, or say SPACES_NO_DOCKER=1 to go without." >&2
    exit 1
}

packages() { # NAME...: what is missing of them, and of what is needed beside an engine
    local missing=("$@")
    command -v mmdebstrap > /dev/null || missing+=(mmdebstrap)
    command -v docker-registry > /dev/null || missing+=(docker-registry)
    docker compose version > /dev/null 2>&1 || command -v docker-compose > /dev/null || missing+=(docker-compose)
    local fronts=()
    for name in ${NEEDS:-}; do
        command -v "$name" > /dev/null || [ -x "/usr/sbin/$name" ] || fronts+=("$name")
    done
    missing+=("${fronts[@]}")
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null || none "not installed: ${missing[*]}"
    echo "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } > /dev/null 2>&1 ||
        none "apt-get could not install ${missing[*]}"
    # Their packages start them as services, which nobody asked for.
    [ ! -d /run/systemd/system ] || [ ${#fronts[@]} -eq 0 ] || systemctl -q disable --now "${fronts[@]}"
}

start() {
    folder=$(mktemp -d "${TMPDIR:-/tmp}/spaces-engine.XXXXXX")
    trap stop EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    export DOCKER_HOST="unix://$folder/docker.sock"
    setsid dockerd --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/pid" \
        -H "$DOCKER_HOST" > "$folder/log" 2>&1 &
    pid=$!
    local deadline=$((SECONDS + 60))
    until docker info > /dev/null 2>&1; do
        if ! kill -0 "$pid" 2> /dev/null || [ $SECONDS -gt $deadline ]; then
            tail -5 "$folder/log" >&2
            none "dockerd does not start here"
        fi
        sleep 0.2
    done
    echo "an engine of our own, $(docker version --format '{{.Server.Version}}'), in $folder"
}

stop() { # the one that start() began, its containers and mounts
    local status=$?
    trap - EXIT INT TERM
    local left
    left=$(docker ps -aq 2> /dev/null || true)
    # shellcheck disable=SC2086 # a list of ids
    [ -z "$left" ] || docker rm -f $left > /dev/null 2>&1 || true
    kill "$pid" 2> /dev/null || true
    for _ in $(seq 150); do
        kill -0 "$pid" 2> /dev/null || break
        sleep 0.2
    done
    kill -9 "$pid" 2> /dev/null || true
    wait "$pid" 2> /dev/null || true
    awk -v at="$folder/" 'index($2, at) == 1 { print $2 }' /proc/self/mounts | sort -r | xargs -r umount -l
    rm -rf "$folder"
    exit $status
}

asked="$*"
if docker info > /dev/null 2>&1; then
    packages
else
    lacking=()
    command -v dockerd > /dev/null || lacking+=(docker.io)
    command -v iptables > /dev/null || [ -x /usr/sbin/iptables ] || lacking+=(iptables)
    packages "${lacking[@]}"
    docker info > /dev/null 2>&1 || start # where there is an init system, the package has started one
fi
export SPACES_TEST_BASE=spaces-test-base:bookworm
docker image inspect "$SPACES_TEST_BASE" > /dev/null 2>&1 || deploy/base.sh "$SPACES_TEST_BASE"
"$@"
