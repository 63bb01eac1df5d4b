#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the Debian packages out of a build directory, installs them in a root of their own, and uses the pool that is then there: once
# without systemd, and once in a system that systemd has booted. docs/testing.md says what it needs. The machine's own files, packages
# and services are not touched.
#
#   tests/package/run.sh [BUILD]          default: build
#   TLSPOOL_PACKAGE_ROOT=debootstrap      a root of its own instead of a layer over this machine's
set -euo pipefail
cd "$(dirname "$0")/../.."
source=$PWD
build=$(realpath "${1:-build}")
work=$(mktemp -d -t tlspool-package.XXXXXX)
# What a test does to its root is in layers that end with this process's mounts.
cleanup() {
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT
say() { printf -- '-- %s\n' "$*"; }
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; echo "failed: $*" >&2; return 1; }; }

say "packages"
quietly cmake -S . -B "$build" -DCMAKE_INSTALL_PREFIX=/usr
quietly ninja -C "$build" tlspool tlspoold libtlspool completions
mkdir "$work/debs" "$work/tlspool"
tar -c --exclude='./build*' --exclude=./.git --exclude=./demo-pool --exclude=__pycache__ . | tar -x -C "$work/tlspool"
(cd "$work/tlspool" && TLSPOOL_PREBUILT=$build DEB_BUILD_OPTIONS='nocheck noautodbgsym' quietly dpkg-buildpackage -b -us -uc)
mv "$work"/*.deb "$work/debs"
ls "$work/debs"
# The same one with a higher version, to upgrade to.
mkdir "$work/newer"
dpkg-deb -R "$work"/debs/tlspool_*.deb "$work/newer/tree"
sed -i 's/^Version: .*/&+1/' "$work/newer/tree/DEBIAN/control"
quietly dpkg-deb --root-owner-group -b "$work/newer/tree" "$work/newer/tlspool.deb"
rm -r "$work/newer/tree" "$work/tlspool"

if command -v lintian >/dev/null; then
  say "lintian"
  lintian --allow-root --fail-on error,warning "$work"/debs/*.deb
fi

if [ "$(id -u)" -ne 0 ]; then
  say "not root: the packages are built and not installed"
  exit 0
fi
tests/package/root.sh "$source" "$work" plain tests/package/in_root.sh
tests/package/root.sh "$source" "$work" booted tests/package/in_system.sh
