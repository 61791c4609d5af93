#!/usr/bin/env bash
# What the tests use besides Python packages: git-lfs, Chromium, PostgreSQL and small tools of the system.
# Installed by name where that is possible.
set -eu
missing=()
command -v git-lfs > /dev/null || missing+=(git-lfs)
command -v chromium > /dev/null || missing+=(chromium)
command -v ip > /dev/null || missing+=(iproute2)
command -v iptables > /dev/null || [ -x /usr/sbin/iptables ] || missing+=(iptables)
command -v mkfs.ext4 > /dev/null || [ -x /usr/sbin/mkfs.ext4 ] || missing+=(e2fsprogs)
compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null || command -v initdb > /dev/null || missing+=(postgresql)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "installing ${missing[*]} for the tests"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq > /dev/null
    apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
else
    echo "not installed: ${missing[*]}; the tests that need them are skipped and say so. Install: apt-get install ${missing[*]}"
fi
