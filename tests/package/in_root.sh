#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The packages on a machine without systemd: what they make, a pool by hand, installing once more, removing, purging.
set -euo pipefail
. /source/tests/package/common.sh

install /packages/*.deb
grep -o 'made the pool .*' /tmp/apt || { cat /tmp/apt >&2; give_up "no pool was made"; }
[ "$(mode_of /var/lib/tlspool/keeper)" = '700 tlspool-keeper' ] || give_up "keeper's directory: $(mode_of /var/lib/tlspool/keeper)"
[ "$(mode_of /var/lib/tlspool/judge)" = '700 tlspool-judge' ] || give_up "judge's directory"
[ "$(mode_of /var/lib/tlspool/keeper/pin)" = '600 tlspool-keeper' ] || give_up "PIN file"
expect "the configuration is good" tlspoold --check

tlspoold --log json 2>/tmp/daemon &
daemon=$!
until_true ready
expect "doctor finds nothing" tlspool doctor
tlspool identity list | tail -n +2
handshakes
expect "an identity beside the first" tlspool identity new www.example
kill "$daemon"
wait "$daemon" || give_up "the daemon ended with $?"

for page in tlspool tlspoold tlspool.toml libtlspool; do ls /usr/share/man/man*/"$page".* >/dev/null || give_up "no manual page $page"; done
[ -e /usr/share/bash-completion/completions/tlspool ] && [ -e /usr/share/fish/vendor_completions.d/tlspoold.fish ] || give_up "completions"
[ "$(pkg-config --modversion tlspool)" = "$(tlspool --version | grep -oE '[0-9.]+$')" ] || give_up "pkg-config"
printf '#include <tlspool/tlspool.h>\nint main(void) { return tlspool_library_version() == 0; }\n' >/tmp/c.c
if command -v cc >/dev/null; then
  # shellcheck disable=SC2046
  expect "a C program links" cc -o /tmp/c /tmp/c.c $(pkg-config --cflags --libs tlspool)
  expect "and runs" /tmp/c
fi

before=$(treasure)
echo '# a line of the administrator' >>/etc/tlspool/tlspool.toml
install --reinstall /packages/tlspool_*.deb
install -o Dpkg::Options::=--force-confold /packages-newer/tlspool.deb
[ "$(treasure)" = "$before" ] || { diff <(echo "$before") <(treasure) >&2; give_up "installing again changed keys"; }
grep -q 'of the administrator' /etc/tlspool/tlspool.toml || give_up "the configuration was overwritten"
say "installed again and upgraded: token, PIN, identity and configuration are as before"

apt-get -qq remove -y tlspool >/tmp/apt 2>&1 || { cat /tmp/apt >&2; give_up "apt-get remove"; }
[ "$(treasure)" = "$before" ] || give_up "removing the package took keys"
install /packages/tlspool_*.deb
[ "$(treasure)" = "$before" ] || give_up "installing after removing changed keys"
say "removed and installed: the same"
apt-get -qq purge -y tlspool >/tmp/apt 2>&1 || { cat /tmp/apt >&2; give_up "apt-get purge"; }
grep -q 'removing the token with its private keys' /tmp/apt || give_up "purge does not say that it removes keys"
for path in /etc/tlspool /var/lib/tlspool /run/tlspool; do [ ! -e "$path" ] || give_up "purge left $path: $(ls "$path")"; done
say "purged: nothing is left"
