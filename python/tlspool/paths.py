# SPDX-License-Identifier: Apache-2.0
"""Which pool: the rules of tlspool(1)."""

from __future__ import annotations

import os

SYSTEM = "/etc/tlspool"
SYSTEM_SOCKET = "/run/tlspool/pool.sock"


def _socket_in(directory: str) -> str:
    absolute = os.path.abspath(directory)
    return SYSTEM_SOCKET if absolute == SYSTEM else os.path.join(absolute, "run", "pool.sock")


def pool_socket(pool: str | os.PathLike[str] | None = None) -> str:
    """The socket of the pool in directory `pool`; None: of $TLSPOOL_DIR; then, for root, of the system's
    pool; then of the user's own if there is one; then of the system's if its socket is there; then the own.
    """
    named = os.fspath(pool) if pool else os.environ.get("TLSPOOL_DIR")
    if named:
        return _socket_in(named)
    if os.geteuid() == 0:
        return SYSTEM_SOCKET
    data = os.environ.get("XDG_DATA_HOME", "")
    if not data.startswith("/"):
        data = os.path.join(os.path.expanduser("~"), ".local", "share")
    own = os.path.join(data, "tlspool")
    if not os.path.exists(os.path.join(own, "tlspool.toml")) and os.path.exists(SYSTEM_SOCKET):
        return SYSTEM_SOCKET
    return _socket_in(own)
