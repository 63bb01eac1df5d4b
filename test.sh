#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need, builds, and runs all of them: unit tests and system tests under AddressSanitizer and UBSan, those of the
# threads under ThreadSanitizer, the system tests once more as things are shipped, every fuzz target for a while, the model of the
# tie-break, and the Debian packages in a system of their own. docs/testing.md tells how to run a part.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/packages.sh
fuzz_seconds=${TLSPOOL_FUZZ_SECONDS:-5}
python=/usr/bin/python3  # Debian's, which has Debian's pytest, whatever stands first in PATH
say() { printf '\n== %s\n' "$*"; }

say "packages"
install_packages build test

say "build"
build() {
  local directory=$1
  shift
  cmake -S . -B "$directory" -G Ninja "$@" >"$directory.cmake.log" 2>&1 || { cat "$directory.cmake.log" >&2; return 1; }
  rm -f "$directory.cmake.log"
}
# The files of a folder in one go: most of what a compiler does is reading headers, again for each file.
together=(-DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=0)
build build -DTLSPOOL_TESTS=system -DCMAKE_INSTALL_PREFIX=/usr "${together[@]}"
ninja -C build --quiet
build build-fuzz -DTLSPOOL_FUZZ=ON -DTLSPOOL_TESTS=ON -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ "${together[@]}"
ninja -C build-fuzz --quiet

say "unit tests, threads"
scripts/threads.sh

say "fuzz targets, $fuzz_seconds s each"
TLSPOOL_FUZZ_JOBS=2 scripts/fuzz.sh "$fuzz_seconds"

say "model of the tie-break"
tests/model/run.sh

# LeakSanitizer needs ptrace, which the sandboxes forbid: leaks are looked for in the unit tests.
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export LSAN_OPTIONS=suppressions=$PWD/tests/leaks.supp:print_suppressions=0
# Packing, installing and booting wait for disks more than they compute.
packages_log=$(mktemp)
tests/package/run.sh build >"$packages_log" 2>&1 &
packages=$!
trap 'wait "$packages" || true' EXIT  # it takes its root apart again
say "unit tests, sanitized"
ASAN_OPTIONS=detect_stack_use_after_return=0 ctest --test-dir build-fuzz --output-on-failure -j 4
say "Debian packages"
packed=0
wait "$packages" || packed=$?
trap - EXIT
cat "$packages_log"
rm -f "$packages_log"
[ "$packed" -eq 0 ]
say "system tests, sanitized"
ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:verify_asan_link_order=0 TLSPOOL_SANITIZED=1 TLSPOOL_BUILD=$PWD/build-fuzz \
  "$python" -m pytest -q -p no:cacheprovider -n 6 tests/system
say "system tests"
"$python" -m pytest -q -p no:cacheprovider -n 6 tests/system
