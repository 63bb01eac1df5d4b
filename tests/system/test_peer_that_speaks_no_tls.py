# SPDX-License-Identifier: Apache-2.0
"""Peers that answer in plain text, in garbage, not at all, or only half: one clear error each, within the deadline,
and the program's socket back as it was."""
import fcntl
import os
import socket
import ssl
import time

import pytest
from peers import client_context, in_thread, server_context, tcp_pair
from pool import eventually
from talk import PYTHON_VERSION, VERSIONS, Raw, read_exactly

ROLES = ("client", "server")


def begin(library, sock, role, **options):
    if role == "client":
        return library.wrap_client(sock, "web.example", **options)
    return library.wrap_server(sock, "p256.example", **options)


def failure(library, sock, role, **options):
    with pytest.raises(library.HandshakeFailed) as raised:
        begin(library, sock, role, **options)
    assert raised.value.args[0].startswith("handshake: ")
    return raised.value


@pytest.fixture
def pair():
    a, b = tcp_pair()
    yield a, b
    a.close()
    b.close()


NO_TLS = {
    "http answer": b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    "http request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "smtp": b"220 mail.example ESMTP\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "zeros": bytes(200),
    "noise": bytes(range(255, 0, -1)),
    "huge record": b"\x16\x03\x01\xff\xff" + bytes(1000),
    "sslv2": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(40),
}


@pytest.mark.parametrize("text", NO_TLS.values(), ids=NO_TLS.keys())
@pytest.mark.parametrize("role", ROLES)
def test_plain_text_and_garbage(library, pair, role, text):
    ours, peer = pair
    peer.sendall(text)
    failed = failure(library, ours, role)
    assert failed.reason in ("transport", "policy")  # policy: it can be read as a version from long ago
    assert failed.alert_received is None and failed.check is None
    assert not failed.socket_usable
    assert ours.fileno() >= 0
    if text[:1].isalpha() or text[:1].isdigit():
        assert failed.reason == "transport"
        assert "does not speak TLS" in str(failed) and "right port" in str(failed)


@pytest.mark.parametrize("role", ROLES)
def test_peer_that_closes_at_once(library, pair, role):
    ours, peer = pair
    peer.close()
    failed = failure(library, ours, role)
    assert failed.reason == "transport"
    assert "closed the connection" in str(failed) or "broke" in str(failed)


def test_closing_peer_of_a_server_leaves_no_doubt_about_the_socket(library, pair):
    # Nothing was read and nothing written: but there is nobody left to go on with, either.
    ours, peer = pair
    peer.shutdown(socket.SHUT_WR)
    failed = failure(library, ours, "server")
    assert failed.reason == "transport"
    assert peer.recv(1000) == b"" or not failed.socket_usable


@pytest.mark.parametrize("role", ROLES)
def test_peer_that_resets_in_the_middle(library, pool, pair, role):
    ours, peer = pair
    raw = Raw(peer, client_context(pool.ca), name="p256.example")

    def reset_after_the_first_answer():
        if role == "server":
            with pytest.raises(ssl.SSLWantReadError):
                raw.tls.do_handshake()
            raw.flush()
        assert peer.recv(1)
        raw.reset()

    with in_thread(reset_after_the_first_answer):
        failed = failure(library, ours, role)
    assert (failed.reason, failed.socket_usable) == ("transport", False)
    assert "reset" in str(failed) or "closed" in str(failed)


def test_peer_that_has_reset_before_we_begin(library, pair):
    ours, peer = pair
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()
    with pytest.raises((library.BadDescriptor, library.HandshakeFailed), match="not connected|broke"):
        begin(library, ours, "client")


@pytest.mark.parametrize("role", ROLES)
def test_silence_ends_at_the_deadline(library, pair, role):
    ours, _ = pair
    began = time.monotonic()
    failed = failure(library, ours, role, deadline=0.4)
    assert isinstance(failed, TimeoutError) and failed.reason == "timeout"
    assert "400 ms" in str(failed) and "waiting for the peer" in str(failed)
    assert time.monotonic() - began >= 0.39
    # A server that heard nothing has said nothing: the program may try something else on the socket.
    assert failed.socket_usable == (role == "server")


def test_socket_that_saw_nothing_is_usable(library, pair):
    ours, peer = pair
    assert failure(library, ours, "server", deadline=0.1).socket_usable
    peer.sendall(b"hello in plain")
    assert read_exactly(ours, 14) == b"hello in plain"
    ours.sendall(b"and back")
    assert read_exactly(peer, 8) == b"and back"


@pytest.mark.parametrize("version", VERSIONS)
def test_client_that_stops_in_the_middle(library, pool, pair, version):
    ours, peer = pair
    raw = Raw(peer, client_context(pool.ca, PYTHON_VERSION[version]), name="p256.example")
    with pytest.raises(ssl.SSLWantReadError):
        raw.tls.do_handshake()
    raw.flush()  # the hello, and then no more
    failed = failure(library, ours, "server", deadline=0.4)
    assert (failed.reason, failed.socket_usable) == ("timeout", False)


def answer_in_part(pki, peer, version, part):
    """A server's answer to the hello that has come, and no more of it than `part` bytes."""
    raw = Raw(peer, server_context(pki.leaf("web.example", key="rsa4096"), PYTHON_VERSION[version]), server_side=True)
    raw._feed()
    with pytest.raises(ssl.SSLWantReadError):
        raw.tls.do_handshake()
    peer.sendall(raw.take()[:part])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("part", [1, 5, 50, 1000])
def test_server_that_stops_in_the_middle(library, pki, pair, version, part):
    ours, peer = pair
    with in_thread(answer_in_part, pki, peer, version, part):
        failed = failure(library, ours, "client", deadline=0.5)
    assert (failed.reason, failed.socket_usable) == ("timeout", False)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("part", [0, 1, 5, 50, 1000])
def test_server_that_closes_in_the_middle(library, pki, pair, version, part):
    ours, peer = pair

    def answer_and_close():
        answer_in_part(pki, peer, version, part)
        peer.close()

    with in_thread(answer_and_close):
        failed = failure(library, ours, "client")
    assert (failed.reason, failed.socket_usable) == ("transport", False)
    assert "middle of the handshake" in str(failed)


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("role", ROLES)
def test_flags_of_the_socket_are_restored(library, pair, role, blocking):
    ours, peer = pair
    os.set_blocking(ours.fileno(), blocking)
    before = fcntl.fcntl(ours, fcntl.F_GETFL)
    copy = os.dup(ours.fileno())  # shares the flags, as another process would
    peer.sendall(b"no TLS at all\r\n")
    failure(library, ours, role, deadline=5)
    assert fcntl.fcntl(ours, fcntl.F_GETFL) == before
    assert fcntl.fcntl(copy, fcntl.F_GETFL) == before
    os.close(copy)


@pytest.mark.parametrize("blocking", [True, False])
def test_plain_socket_is_blocking_as_the_given_one_was(library, blocking):
    a, b = tcp_pair()
    for end in (a, b):
        os.set_blocking(end.fileno(), blocking)
    with in_thread(lambda: library.wrap_server(b, "p256.example", deadline=20)) as other:
        with library.wrap_client(a, "p256.example", deadline=20) as near, other.result() as far:
            assert os.get_blocking(near.fileno()) == os.get_blocking(far.fileno()) == (blocking and near.gettimeout() is None)


@pytest.mark.parametrize("role", ROLES)
def test_failures_leave_no_descriptor_behind(library, pool, role):
    def one():
        a, b = tcp_pair()
        b.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        failure(library, a, role)
        a.close()
        b.close()
    one()
    before = pool.descriptors("worker")
    own = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        one()
    eventually(lambda: pool.descriptors("worker") <= before + 1)
    assert len(os.listdir("/proc/self/fd")) <= own


def test_pool_against_itself_in_the_same_role(library, pair):
    # Two clients: each gets a ClientHello where it waits for an answer.
    ours, peer = pair
    with in_thread(lambda: failure(library, peer, "client")) as other:
        failed = failure(library, ours, "client")
        assert {failed.reason, other.result().reason} <= {"transport", "alert"}
        assert "unexpected_message" in {failed.alert_sent, failed.alert_received}
