# SPDX-License-Identifier: Apache-2.0
"""10 MiB in both directions at once, and one byte at a time."""
import hashlib
import os
import socket

import pytest
from peers import client_context, in_thread, tcp_pair
from talk import PYTHON_VERSION, VERSIONS, Raw, read_exactly
from test_half_close_flows_both_ways import ROLES, beside

SIZE = 10 << 20


def digest_of_stream(sock):
    digest, size = hashlib.sha256(), 0
    while chunk := sock.recv(262144):
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()


def send_and_end(sock, data):
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)


def test_both_directions_at_once(library):
    there, back = os.urandom(SIZE), os.urandom(SIZE)
    a, b = tcp_pair()
    with in_thread(lambda: library.wrap_server(b, "p256.example")) as other:
        near = library.wrap_client(a, "p256.example")
        far = other.result()
    with near, far, in_thread(send_and_end, near, there), in_thread(send_and_end, far, back):
        with in_thread(digest_of_stream, near) as came_back:
            assert digest_of_stream(far) == (SIZE, hashlib.sha256(there).hexdigest())
            assert came_back.result(60) == (SIZE, hashlib.sha256(back).hexdigest())
        assert (near.state().bytes_sent, near.state().bytes_received) == (SIZE, SIZE)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", ROLES)
def test_peer_that_reads_only_after_all_was_sent_stops_nobody(library, pool, pki, role, version):
    # More than all buffers between: the program must wait, and nothing may be lost or kept without bound.
    ours, peer = beside(library, pool, pki, role, version)
    data = os.urandom(SIZE)
    with ours, in_thread(send_and_end, ours, data) as sending:
        peer.send(b"x" * 100000)
        assert read_exactly(ours, 100000) == b"x" * 100000
        got = peer.read_all()
        sending.result(60)
        assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()
    peer.close()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", ROLES)
def test_single_bytes(library, pool, pki, role, version):
    ours, peer = beside(library, pool, pki, role, version)
    text = bytes(range(256)) * 4
    with ours:
        def trickle():
            for i in range(len(text)):
                peer.send(text[i:i + 1])
        with in_thread(trickle):
            for i in range(len(text)):
                ours.sendall(text[i:i + 1])
            assert read_exactly(ours, len(text)) == text
        got = b""
        while len(got) < len(text):
            got += peer.read()
        assert got == text
    peer.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_handshake_in_single_bytes(library, pool, pki, version):
    """The peer's bytes come one by one, so every record of the handshake is split everywhere."""
    class Slow(Raw):
        def flush(self):
            for byte in self.take():
                self.sock.sendall(bytes([byte]))

    a, b = tcp_pair()
    b.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer = Slow(b, client_context(pool.ca, PYTHON_VERSION[version]), name="rsa2048.example")
    with in_thread(lambda: library.wrap_server(a)) as other:
        peer.handshake()
        with other.result() as ours:
            peer.send(b"slow but whole")
            assert read_exactly(ours, 14) == b"slow but whole"
    peer.close()
