#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks the model of the tie-break with spin: every state, nothing cut off. Then each mutation, which must be found out:
# a model that can't fail says nothing. docs/p2p-tls.md, "The model", says what it covers.
set -euo pipefail
model=$(cd "$(dirname "$0")" && pwd)/tie_break.pml
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"

# search OPTION...: builds the checker with these definitions, and searches; the result is in the file `found`.
search() {
  rm -f pan found ./*.trail
  spin -a "$@" "$model" >spin.log 2>&1 || { cat spin.log >&2; exit 1; }
  gcc -w -O1 -DCOLLAPSE -DVECTORSZ=1024 -DMEMLIM=1024 "${checker[@]}" -o pan pan.c
  timeout 300 ./pan -m10000 -b "${search[@]}" >found 2>&1 || { cat found >&2; echo "$0: the search ended early" >&2; exit 1; }
}

whole() { ! grep -qE 'Search not completed|max search depth|out of memory|reached -DMEMLIM' found && grep -q 'errors: 0' found; }
states() { grep -oE '[0-9.e+]+ states, stored' found | cut -d' ' -f1; }

holds() {
  local what=$1
  shift
  search "$@"
  if ! whole; then
    cat found >&2
    spin "$@" -t -p -g "$model" 2>&1 | tail -n 120 >&2 || true
    echo "$0: $what: a property does not hold, or not every state was seen" >&2
    exit 1
  fi
  echo "$what: holds in all $(states) states"
}

breaks() {
  local what=$1
  shift
  search "$@"
  if ! grep -q 'assertion violated' found; then
    cat found >&2
    echo "$0: $what: the model does not notice" >&2
    exit 1
  fi
  echo "$what: found out"
}

checker=(-DSAFETY -DNOCLAIM)
search=()
holds "nobody in the middle, 3 bits"
holds "one's own other connection, 3 bits" -DCROSS
holds "somebody in the middle, 2 bits" -DATTACK -DBITS=2
holds "both, 2 bits" -DCROSS -DATTACK -DBITS=2
breaks "client compares no proof" -DATTACK -DBITS=2 -DNO_PROOF
breaks "client that saw no hello takes any proof" -DATTACK -DBITS=2 -DANY_PROOF_WITHOUT_HELLO
breaks "server says that it sent no hello" -DSENT_IS_FORGOTTEN
breaks "equal values go on" -DEQUAL_GOES_ON
breaks "a server only is answered" -DONES_ARE_ANSWERED
breaks "who we are ourselves is taken for a peer" -DCROSS -DNO_OWN_CHECK
checker=()
search=(-a -N ends)
holds "it comes to an end, 3 bits"
