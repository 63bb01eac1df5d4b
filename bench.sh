#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Measures the pool with one worker beside haproxy, nginx stream, hitch and stunnel, in one run of short rounds in
# turn: CPU a handshake, MB a CPU second, memory of an idle connection, time of a starttls call. --json prints one
# object a line; --help tells the rest. The measured programs listen on free ports of the loopback with
# configurations of their own; services of this machine are left alone.
set -eu
cd "$(dirname "$0")"
. scripts/packages.sh

build=build
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() { "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }; }

# Standard output is for the results alone.
install_packages build bench >&2
quietly cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DTLSPOOL_BENCH=ON -DCMAKE_UNITY_BUILD=ON \
  -DCMAKE_UNITY_BUILD_BATCH_SIZE=0
quietly ninja -C "$build" tlspool tlspoold bench-load bench-backend bench-starttls bench-peers bench-floor bench-lookup bench-verdict bench-recall
python3 bench/bench.py --programs "$build/bin" "$@"
