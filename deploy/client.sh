#!/bin/sh
# Debian's docker client where the image expects one: the program alone, without the engine that its package brings.
# From 20.10 on it builds with BuildKit by itself; a distribution that packs buildx apart has it added.
set -eu
cd /tmp
apt-get update -q > /dev/null
apt-cache show docker-cli > /dev/null 2>&1 && set -- docker-cli docker-buildx || set -- docker.io
apt-get download -q "$@"
for package in *.deb; do dpkg-deb -x "$package" client; done
mkdir -p /usr/local/libexec/docker/cli-plugins
cp client/usr/bin/docker /usr/local/bin/docker
plugins=client/usr/libexec/docker/cli-plugins
[ ! -d $plugins ] || cp $plugins/* /usr/local/libexec/docker/cli-plugins/
