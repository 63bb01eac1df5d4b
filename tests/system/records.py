# SPDX-License-Identifier: Apache-2.0
"""A TLS peer whose records are made by hand (tests/support/record_peer.cc), with a pool on the other side."""
import contextlib
import socket
import subprocess
import time

from peers import in_thread, tcp_pair
from pool import BIN, PATIENCE
from talk import Process


class RecordPeer(Process):
    """`told` are the lines that it said of what came."""

    def __init__(self, role, version, sock, party=None):
        self.socket = sock
        self.pass_fd = sock.fileno()
        words = [BIN / "record_peer", role, version, sock.fileno()] + ([party.chain, party.key] if party else [])
        super().__init__(*words)

    def _popen(self):
        return subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=[self.pass_fd])

    def do(self, *lines):
        """False where the connection took no more."""
        for line in lines:
            before = self.text.count("done\n") + self.text.count("broken\n")
            try:
                self.say(line + "\n")
            except BrokenPipeError:
                return False
            self.wait_for(r"(?m)^(done|broken)$", before + 1)
        return self.text.rstrip().endswith("done") or "broken" not in self.text

    @property
    def told(self):
        return [line for line in self.text.splitlines() if line not in ("ready", "done", "broken")]

    def hears(self, line, count=1):
        deadline = time.monotonic() + PATIENCE
        while self.told.count(line) < count:
            assert time.monotonic() < deadline, f"it never heard {line!r} {count} times: {self.told}"
            time.sleep(0.01)


@contextlib.contextmanager
def opposite(library, role, version, pki=None, identity="pool.example", pool=None, small_buffers=False, **options):
    """(record peer in this role after the handshake, the pool's plain socket). Small buffers of the connection are full sooner."""
    near, far = tcp_pair()
    near.settimeout(None)
    for end in (near, far) if small_buffers else ():
        for direction in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            end.setsockopt(socket.SOL_SOCKET, direction, 4096)
    party = pki.leaf("web.example") if role == "server" else None
    with RecordPeer(role, version, near, party) as peer:
        near.close()
        if role == "server":
            plain = library.wrap_client(far, "web.example", pool=pool, **options)
        else:
            plain = library.wrap_server(far, identity, pool=pool, **options)
        with plain:
            peer.wait_for(r"(?m)^ready$")
            yield peer, plain
