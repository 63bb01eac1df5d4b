#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The packages in a booted system: the pool runs once they are installed, in the confinement of its units.
set -euo pipefail
. /source/tests/package/common.sh

install /packages/*.deb
until_true ready
expect "the service runs" systemctl is-active tlspool.service tlspool.socket tlspool-admin.socket
[ ! -e /var/lib/tlspool/keeper/pin ] && [ "$(mode_of /etc/credstore.encrypted/tlspool.pin)" = '600 root' ] || give_up "the PIN is no credential"
say "the PIN is an encrypted credential"
tlspool status
expect "doctor finds nothing" tlspool doctor
handshakes
expect "an identity beside the first, by the credential" tlspool identity new www.example

security() { systemd-analyze security --no-pager "$1" | sed -n 's/.*exposure level for [^:]*: \([0-9.]*\).*/\1/p'; }
judge=$(systemctl list-units --plain --no-legend 'tlspool-judge@*' | cut -d' ' -f1)
for unit in tlspool.service "$judge"; do
  exposure=$(security "$unit")
  awk -v e="$exposure" 'BEGIN { exit !(e != "" && e <= 1.5) }' || give_up "$unit: exposure $exposure"
  say "$unit: exposure $exposure"
done
main=$(systemctl show -P MainPID tlspool.service)
[ "$(readlink "/proc/$main/ns/net")" != "$(readlink /proc/self/ns/net)" ] || give_up "the supervisor has a network"
for pid in $(tlspool status --json | python3 -c 'import json, sys; print(*[p["pid"] for p in json.load(sys.stdin)["processes"] if p["name"] != "judge"])'); do
  [ "$(readlink "/proc/$pid/ns/net")" = "$(readlink "/proc/$main/ns/net")" ] || give_up "process $pid has another network"
done
say "supervisor, keeper and workers have no network"

# A rule that names an executable: the supervisor sees the programs of others.
cat >>/etc/tlspool/tlspool.toml <<TOML
[[allow]]
uid = ["root"]
identity = ["*"]
[[allow]]
executable = ["$(realpath /usr/bin/python3)"]
TOML
expect "reload by systemctl" systemctl reload tlspool.service
until_true setpriv --reuid=65534 --clear-groups tlspool identity list
cat >/tmp/client.py <<'PYTHON'
import socket, tlspool
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
try:
    tlspool.wrap_client(client, "nobody.example", deadline=0.5)
except Exception as error:
    print(error)
PYTHON
setpriv --reuid=65534 --clear-groups python3 /tmp/client.py >/tmp/python-says
cp "$(realpath /usr/bin/python3)" /tmp/another-program
PYTHONHOME=/usr setpriv --reuid=65534 --clear-groups /tmp/another-program /tmp/client.py >/tmp/another-says
grep -qi 'deadline\|time' /tmp/python-says || give_up "allowed by its executable: $(cat /tmp/python-says)"
grep -qi 'allow' /tmp/another-says || give_up "another executable: $(cat /tmp/another-says)"
say "a rule that names an executable holds for it, and for no other"

pid_of() { tlspool status --json | python3 -c 'import json, sys; print(*[p["pid"] for p in json.load(sys.stdin)["processes"] if p["name"] == sys.argv[1]])' "$1"; }
for process in judge keeper; do
  old=$(pid_of "$process")
  kill -KILL "$old"
  replaced() { local now; now=$(pid_of "$process") && [ -n "$now" ] && [ "$now" != 0 ] && [ "$now" != "$old" ] && ready; }
  until_true replaced
  say "the $process was killed and is there again"
done
handshakes

# An upgrade of the package while a program has a session.
cat >/tmp/session.py <<'PYTHON'
import socket, ssl, sys, tlspool
listener = socket.create_server(("127.0.0.1", 0))
raw = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
import threading
def serve():
    global plain
    plain = tlspool.wrap_server(server, sys.argv[1])
thread = threading.Thread(target=serve)
thread.start()
client = ssl.create_default_context(cafile="/etc/tlspool/ca/ca.pem").wrap_socket(raw, server_hostname=sys.argv[1])
thread.join()
print("open", flush=True)
for line in sys.stdin:
    plain.sendall(line.encode())
    sys.stdout.write(client.recv(100).decode())
    sys.stdout.flush()
PYTHON
mkfifo /tmp/say
python3 /tmp/session.py "$name" </tmp/say >/tmp/heard &
session=$!
exec 7>/tmp/say
until_true grep -q open /tmp/heard
old=$(systemctl show -P MainPID tlspool.service)
install -o Dpkg::Options::=--force-confold /packages-newer/tlspool.deb
main_is_new() { [ "$(systemctl show -P MainPID tlspool.service)" != "$old" ] && systemctl --quiet is-active tlspool.service && ready; }
until_true main_is_new
[ -d "/proc/$old" ] || give_up "the old process left its session"
echo 'through the upgrade' >&7
until_true grep -q 'through the upgrade' /tmp/heard
handshakes
exec 7>&-
wait "$session"
old_is_gone() { [ ! -d "/proc/$old" ]; }
until_true old_is_gone
expect "the service runs on" systemctl is-active tlspool.service
say "upgraded: the session went on in process $old, and process $(systemctl show -P MainPID tlspool.service) serves"

systemctl stop tlspool.service
sleep 0.2
[ -z "$(pgrep -x tlspoold || true)$(systemctl list-units --plain --no-legend --state=active 'tlspool-judge@*')" ] || give_up "something still runs: $(pgrep -a tlspool)"
systemctl start tlspool.socket tlspool-admin.socket
until_true ready
say "stopped; a program that connected started it again"

apt-get -qq purge -y tlspool >/tmp/apt 2>&1 || give_up "apt-get purge"
for path in /etc/tlspool /var/lib/tlspool /var/log/tlspool /run/tlspool /etc/credstore.encrypted/tlspool.pin; do [ ! -e "$path" ] || give_up "purge left $path: $(ls "$path")"; done
[ -z "$(pgrep -x tlspoold || true)" ] || give_up "purged, and something still runs"
say "purged: nothing is left"
