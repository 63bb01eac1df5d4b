#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From a fresh Debian 12 to a web server over TLS 1.3 that holds no key. Ends by itself; may be run again.
set -eu
cd "$(dirname "$0")"
. scripts/packages.sh

name=demo.example
pool=$PWD/demo-pool
PATH=$PWD/build/bin:$PATH
work=$(mktemp -d)
daemon='' web='' tunnel=''

finish() {
  code=$?
  trap - EXIT
  for pid in $tunnel $web $daemon; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }
give_up() {
  echo "demo.sh: $1" >&2
  [ -z "${2:-}" ] || tail -n 20 "$2" >&2
  exit 1
}
# until_ready SECONDS FILE COMMAND...: waits for COMMAND to succeed; FILE is shown if it never does.
until_ready() {
  tries=$(($1 * 20)) file=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || give_up "gave up waiting for: $*" "$file"
    sleep 0.05
  done
}
pool_ready() {
  tlspool --pool "$pool" status --json >"$work/status" && grep -q '"state":"ready"' "$work/status" &&
    grep -q '"trustAnchors":[1-9]' "$work/status"
}

say '1. Packages and build'
install_packages build
if ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" build/CMakeCache.txt 2>/dev/null; then
  rm -f build/CMakeCache.txt
  # The files of a folder in one go: a whole build takes half as long.
  cmake -S . -B build -G Ninja -DTLSPOOL_TESTS=OFF -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=0 >"$work/cmake" 2>&1 || give_up 'cmake failed' "$work/cmake"
fi
ninja -C build --quiet tlspool tlspoold libtlspool
echo "built: build/bin/tlspool, build/bin/tlspoold"

say '2. A pool: configuration, token with a random PIN, development CA, identity'
if [ -e "$pool/tlspool.toml" ]; then
  echo "already there: $pool"
else
  tlspool --pool "$pool" init --name "$name"
fi

say '3. The daemon'
log=$work/tlspoold.log
if pool_ready 2>/dev/null; then
  echo 'already running; it stays so'
else
  tlspoold --pool "$pool" 2>"$log" &
  daemon=$!
  until_ready 15 "$log" pool_ready
fi
tlspool --pool "$pool" status

say '4. A web server that holds no key, and a tunnel that puts TLS before it'
mkdir "$work/site"
echo '<p>Hello. The server that sent this page knows nothing of TLS.</p>' >"$work/site/index.html"
python3 -u -m http.server 0 --bind 127.0.0.1 --directory "$work/site" >"$work/web" 2>&1 &
web=$!
until_ready 10 "$work/web" grep -q ' port ' "$work/web"
web_port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$work/web" | head -n 1)
tlspool --pool "$pool" tunnel --side tls-in --as "$name" --listen 127.0.0.1:0 \
  --connect "127.0.0.1:$web_port" 2>"$work/tunnel" &
tunnel=$!
until_ready 10 "$work/tunnel" grep -q '^listening on' "$work/tunnel"
port=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' "$work/tunnel")
echo "web server: 127.0.0.1:$web_port (plain HTTP), tunnel: 127.0.0.1:$port (TLS)"

say "5. curl asks for https://$name:$port/ and trusts the pool's CA alone"
curl -sS -v --max-time 20 --tlsv1.3 --cacert "$pool/ca/ca.pem" --resolve "$name:$port:127.0.0.1" \
  "https://$name:$port/" >"$work/page" 2>"$work/curl" || give_up 'curl failed' "$work/curl"
cat "$work/page"
sed -n 's/^\* *\(SSL connection using\)/\1/p; s/^\* *\(subjectAltName\)/\1/p; s/^\* *\(SSL certificate verify\)/\1/p' "$work/curl"
grep -q 'SSL connection using TLSv1.3' "$work/curl" || give_up 'that was not TLS 1.3' "$work/curl"

say '6. The same with the pool on both sides: tlspool connect is the client'
printf 'GET / HTTP/1.0\r\n\r\n' |
  tlspool --pool "$pool" connect "127.0.0.1:$port" --expect "$name" --json >"$work/answer" 2>"$work/proof" ||
  give_up 'tlspool connect failed' "$work/proof"
cat "$work/proof"

say 'Who authenticated as whom'
python3 - "$pool" "$work" <<'PYTHON'
import json, subprocess, sys
pool, work = sys.argv[1:]
status = json.loads(subprocess.check_output(["tlspool", "--pool", pool, "status", "--json"]))
proof = json.loads(open(work + "/proof").readline())
name = proof["remoteIdentity"]
credential = next(c for c in status["credentials"] if c["identity"] == name)
token = next(t for t in status["tokens"] if t["name"] == credential["token"])
keeper = next(p for p in status["processes"] if p["name"].startswith("keeper"))
print(f'{name} authenticated to curl and to tlspool connect as {name}, by a certificate of the pool\'s CA.')
print(f'Its {credential["keyType"]} key lives in the PKCS#11 token "{token["label"]}" ({token["model"]}), '
      f'which the keeper (process {keeper["pid"]}) alone has open.')
PYTHON

say 'What to try next'
cat <<NEXT
  export PATH=$PWD/build/bin:\$PATH TLSPOOL_DIR=$pool
  tlspoold                            the pool again, in the foreground
  tlspool doctor                      is everything as it should be?
  tlspool identity new www.example    another identity, its key in the token
  tlspool tunnel --side tls-in --as $name --listen 127.0.0.1:8443 --connect 127.0.0.1:80
  tlspool connect www.debian.org:443  a TLS client; type: HEAD / HTTP/1.0
  man -l docs/man/tlspool.1           all of it
NEXT
