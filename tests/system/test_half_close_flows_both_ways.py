# SPDX-License-Identifier: Apache-2.0
"""Each direction ends by itself: the other one flows on."""
import socket

import pytest
from peers import client_context, in_thread, server_context, tcp_pair
from pool import eventually
from talk import PYTHON_VERSION, VERSIONS, Raw, our_client, read_exactly, s_server

ROLES = ("client", "server")


def beside(library, pool, pki, role, version, **options):
    """(our plain socket in `role`, the Raw peer), connected."""
    a, b = tcp_pair()
    version = PYTHON_VERSION[version]
    if role == "client":
        peer = Raw(b, server_context(pki.leaf("web.example"), version), server_side=True)
        with in_thread(peer.handshake):
            return library.wrap_client(a, "web.example", **options), peer
    peer = Raw(b, client_context(pool.ca, version), name="p256.example")
    with in_thread(peer.handshake):
        ours = library.wrap_server(a, "p256.example", **options)
    peer.read_tickets()
    return ours, peer


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", ROLES)
def test_answer_comes_after_we_stopped_sending(library, pool, pki, role, version):
    ours, peer = beside(library, pool, pki, role, version)
    with ours:
        ours.sendall(b"question")
        ours.shutdown(socket.SHUT_WR)
        assert peer.read_all() == b"question"  # the end is an orderly one: close_notify
        assert ours.state().state == "open"
        peer.send(b"answer" * 10000)
        assert read_exactly(ours, 60000) == b"answer" * 10000
        peer.close_notify()
        assert ours.recv(1) == b""
        assert eventually(lambda: ours.state().state == "closeNotify")
    peer.close()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", ROLES)
def test_we_go_on_after_the_peers_close_notify(library, pool, pki, role, version):
    ours, peer = beside(library, pool, pki, role, version)
    with ours:
        peer.send(b"question")
        peer.close_notify()
        assert read_exactly(ours, 8) == b"question"
        assert ours.recv(1) == b""
        assert ours.state().state == "closeNotify"
        ours.sendall(b"answer" * 10000)
        ours.shutdown(socket.SHUT_WR)
        assert peer.read_all() == b"answer" * 10000
        assert (ours.state().bytes_sent, ours.state().bytes_received) == (60000, 8)
    peer.close()


@pytest.mark.parametrize("role", ROLES)
def test_we_go_on_after_a_bare_fin_too(library, pool, pki, role):
    # A peer that shuts its TCP direction down without close_notify may still be reading.
    ours, peer = beside(library, pool, pki, role, "tls13")
    with ours:
        peer.send(b"question")
        peer.sock.shutdown(socket.SHUT_WR)
        assert read_exactly(ours, 8) == b"question"
        assert ours.recv(1) == b""
        assert ours.state().state == "truncated"
        ours.sendall(b"answer")
        ours.shutdown(socket.SHUT_WR)
        assert peer.read_all() == b"answer"
    peer.close()


def test_two_pools_ends_half_close_in_turn(library):
    a, b = tcp_pair()
    with in_thread(lambda: library.wrap_server(b, "p256.example")) as other:
        with library.wrap_client(a, "p256.example") as near, other.result() as far:
            near.sendall(b"1")
            near.shutdown(socket.SHUT_WR)
            assert (far.recv(9), far.recv(9)) == (b"1", b"")
            far.sendall(b"2")
            far.shutdown(socket.SHUT_WR)
            assert (near.recv(9), near.recv(9)) == (b"2", b"")
            for end in (near, far):
                assert eventually(lambda: end.state().state == "closeNotify")


def test_openssl_answers_what_came_before_our_end(library, pki):
    with s_server(pki.leaf("web.example")) as server:
        with our_client(library, server.port, "web.example") as plain:
            plain.sendall(b"last\n")
            plain.shutdown(socket.SHUT_WR)
            assert read_exactly(plain, 5) == b"tsal\n"
            assert plain.recv(10) == b""
