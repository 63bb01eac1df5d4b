#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs fuzz targets: scripts/fuzz.sh SECONDS [TARGET...], without a target all of them, as many at a time as
# TLSPOOL_FUZZ_JOBS says (1). They are taken from TLSPOOL_FUZZ_BUILD (build-fuzz). What a run finds interesting is
# thrown away, unless TLSPOOL_FUZZ_KEEP names a directory, where the next run goes on. An input that breaks a target
# stays in the working directory as crash-*, timeout-* or oom-*.
set -euo pipefail
seconds=${1:?usage: scripts/fuzz.sh SECONDS [TARGET...]}
shift
root=$(cd "$(dirname "$0")/.." && pwd)
build=${TLSPOOL_FUZZ_BUILD:-$root/build-fuzz}
if [ $# -eq 0 ]; then
  for program in "$build"/bin/fuzz-*; do set -- "$@" "${program##*/fuzz-}"; done
fi

fuzz_one() {
  local name=$1 seconds=$2 build=$3 root=$4 found log
  found=${TLSPOOL_FUZZ_KEEP:+$TLSPOOL_FUZZ_KEEP/$name}
  found=${found:-$(mktemp -d)}
  log=$(mktemp)
  mkdir -p "$found"
  if ! "$build/bin/fuzz-$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 "$found" "$root/fuzz/corpus/$name" >"$log" 2>&1; then
    cat "$log" >&2
    return 1
  fi
  echo "$name: $(grep -E 'number_of_executed_units' "$log" | grep -oE '[0-9]+$') inputs, no finding"
  [ -n "${TLSPOOL_FUZZ_KEEP:-}" ] || rm -rf "$found"
  rm -f "$log"
}
export -f fuzz_one
printf '%s\0' "$@" | xargs -0 -P "${TLSPOOL_FUZZ_JOBS:-1}" -I '{}' bash -c 'fuzz_one "$@"' - '{}' "$seconds" "$build" "$root"
