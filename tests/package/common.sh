# SPDX-License-Identifier: Apache-2.0
# What both tests of an installed package do. Runs as root in a root of its own.
name=pool.test.example
say() { printf '   %s\n' "$*"; }
give_up() {
  if [ -d /run/systemd/system ]; then
    cat /tmp/apt >&2 || true
    systemctl --no-pager --full --lines=0 status 'tlspool*' >&2 || true
    journalctl --no-pager --quiet -n 60 -u 'tlspool*' >&2 || true
  fi
  echo "FAILED: $*" >&2
  exit 1
}
# expect WHAT COMMAND...: the command must succeed.
expect() {
  local what=$1
  shift
  "$@" >/tmp/expect 2>&1 || { cat /tmp/expect >&2; give_up "$what: $*"; }
  say "$what"
}
until_true() {
  local tries=200
  until "$@" >/tmp/until 2>&1; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { cat /tmp/until >&2; give_up "never: $*"; }
    sleep 0.05
  done
}
install() { apt-get -qq install -y --no-install-recommends --allow-downgrades -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root "$@" >/tmp/apt 2>&1 || { cat /tmp/apt >&2; give_up "apt-get install $*"; }; }
ready() { timeout 3 tlspool status --json | grep -q '"state":"ready"'; }
# mode_of PATH: "700 tlspool-keeper"
mode_of() { stat -c '%a %U' "$1"; }
# What must not change by an upgrade or a second installation.
treasure() {
  find /var/lib/tlspool/keeper /etc/tlspool/identities /etc/tlspool/ca /etc/credstore.encrypted -type f ! -name generation ! -name '*.lock' \
    -exec sha256sum {} + 2>/dev/null | sort -k 2 || true
}

handshakes() {
  # As a server, by a tunnel: the client is not ours and trusts the pool's CA alone.
  socket=$(mktemp -u)
  python3 -c '
import socket
s = socket.create_server(("127.0.0.1", 8001))
while True:
    c, _ = s.accept()
    c.sendall(b"hello\n")
    c.close()' &
  web=$!
  tlspool tunnel --side tls-in --as "$name" --listen 127.0.0.1:8443 --connect 127.0.0.1:8001 2>/tmp/tunnel &
  tunnel=$!
  until_true grep -q listening /tmp/tunnel
  until_true python3 -c 'import socket; socket.create_connection(("127.0.0.1", 8001))'
  openssl s_client -connect 127.0.0.1:8443 -servername "$name" -verify_hostname "$name" -CAfile /etc/tlspool/ca/ca.pem -verify_return_error \
    -ign_eof </dev/null >/tmp/client 2>&1 || { cat /tmp/client >&2; give_up "openssl s_client"; }
  grep -q '^hello' /tmp/client || { cat /tmp/client >&2; give_up "no data"; }
  say "openssl s_client believed $name: $(grep -m1 -oE 'TLSv1\.[23], Cipher is [A-Z0-9_]+' /tmp/client)"
  # As a client.
  tlspool connect 127.0.0.1:8443 --expect "$name" --json </dev/null >/tmp/answer 2>/tmp/proof || { cat /tmp/proof >&2; give_up "tlspool connect"; }
  grep -q hello /tmp/answer && grep -q "\"remoteIdentity\":\"$name\"" /tmp/proof || give_up "tlspool connect"
  say "tlspool connect was shown that it is $name"
  PYTHONPATH= python3 -c '
import socket, sys, tlspool
plain = tlspool.wrap_client(socket.create_connection(("127.0.0.1", 8443)), sys.argv[1])
assert plain.recv(100) == b"hello\n"' "$name" || give_up "the Python module"
  say "the Python module, too"
  kill "$tunnel" "$web"
  wait "$tunnel" "$web" 2>/dev/null || true
}
