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
