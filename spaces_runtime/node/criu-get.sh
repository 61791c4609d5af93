#!/bin/sh
# criu-get.sh [FOLDER]: puts CRIU and every library it needs into a folder of its own (/opt/spaces-criu), for the
# rungs of the ladder below "frozen". For root on Debian and Ubuntu. No installed package and no apt source changes:
# the packages come from Debian's unstable suite, by apt, which checks their signatures, and are only unpacked there.
# Tried with the version below; the newest is taken when a mirror no longer has it.
set -eu
version=4.2.1 suite=sid
folder=${1:-/opt/spaces-criu}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

fail() {
    echo "criu-get: $1" >&2
    exit 1
}
[ "$(id -u)" = 0 ] || fail "only root can use CRIU, so only root needs it"
command -v apt-get > /dev/null && command -v dpkg-deb > /dev/null || fail "this takes apt and dpkg: Debian or Ubuntu"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/sources" "$work/tree"
: > "$work/status" # apt believes that nothing is installed, so it fetches libc and all else that criu needs

apt-get -qq update || true # else apt may not know of any mirror; the one that counts is asked below
if [ ! -r "$keyring" ]; then # Ubuntu's own package of Debian's keys, checked by Ubuntu's
    (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download debian-archive-keyring) || fail "no keys to check Debian's packages with"
    dpkg-deb -x "$work"/debian-archive-keyring_*.deb "$work/keys"
    keyring=$work/keys$keyring
fi
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 '/debian/*$' || true)}
cat > "$work/sources/debian.sources" << END
Types: deb
URIs: ${mirror:-http://deb.debian.org/debian}
Suites: $suite
Components: main
Signed-By: $keyring
END

ours() {
    apt-get -qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/sources" \
        -o Dir::State::Lists="$work/lists" -o Dir::State::Status="$work/status" -o Dir::Cache::Archives="$work/archives" \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root \
        -o APT::Get::AllowUnauthenticated=false "$@"
}
fetch() {
    ours install -y --no-install-recommends --download-only "$1" > "$work/said" 2>&1
}
ours update || fail "Debian's $suite cannot be read"
fetch "criu=$version*" || fetch criu || {
    cat "$work/said" >&2
    fail "CRIU could not be fetched"
}
for package in "$work"/archives/*.deb; do
    dpkg-deb -x "$package" "$work/tree"
done
[ -x "$work/tree/usr/sbin/criu" ] || fail "the packages hold no criu"
got=$(dpkg-deb -f "$work"/archives/criu_*.deb Version)

chmod 755 "$work/tree"
mkdir -p "$(dirname "$folder")"
rm -rf "$folder.old"
[ ! -e "$folder" ] || mv "$folder" "$folder.old"
mv "$work/tree" "$folder"
rm -rf "$folder.old"
echo "CRIU $got is in $folder; \`spaces restart\` has it tried, and \`spaces doctor\` says whether it works here"
