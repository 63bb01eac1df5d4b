#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the unit tests of what has threads with ThreadSanitizer, in build-thread, and runs them. Without a word: those of the keeper, the
# fetcher and the loop, which is enough for every day; "all": all of them. docs/testing.md says more.
set -euo pipefail
cd "$(dirname "$0")/.."
folders=(loop fetcher keeper)
[ "${1:-}" != all ] || folders+=(counters judge client qkd)
cmake -S . -B build-thread -G Ninja -DTLSPOOL_SANITIZE=thread -DTLSPOOL_TESTS=ON -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
  -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=0 >build-thread.cmake.log 2>&1 || { cat build-thread.cmake.log >&2; exit 1; }
rm -f build-thread.cmake.log
ninja -C build-thread --quiet "${folders[@]/#/unit-}"
# Not those of processes that race with each other: each has but one thread, and killing them a thousand times takes long.
for folder in "${folders[@]}"; do
  TSAN_OPTIONS=halt_on_error=1 "build-thread/bin/unit-$folder" --gtest_brief=1 --gtest_filter='-*Kills*:*Provision*:*TwoPools*' \
    >"build-thread/$folder.log" 2>&1 </dev/null || { cat "build-thread/$folder.log" >&2; exit 1; }
  tail -n 1 "build-thread/$folder.log"
done
