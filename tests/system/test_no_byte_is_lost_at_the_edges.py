# SPDX-License-Identifier: Apache-2.0
"""Bytes that come together with the last handshake flight, and bytes right before the close."""
import hashlib
import os
import socket

import pytest
from peers import client_context, in_thread, server_context, tcp_pair
from pool import eventually
from talk import PYTHON_VERSION, VERSIONS, Raw, read_exactly
from test_half_close_flows_both_ways import ROLES, beside

MIB = os.urandom(1 << 20)


def same(got, sent):
    assert (len(got), hashlib.sha256(got).digest()) == (len(sent), hashlib.sha256(sent).digest())


@pytest.mark.parametrize("size", [1, 1000, 60000])
@pytest.mark.parametrize("ends", ["stays", "close_notify", "fin"])
def test_data_with_the_last_flight_of_a_tls13_client(library, pool, size, ends):
    a, b = tcp_pair()
    peer = Raw(b, client_context(pool.ca, PYTHON_VERSION["tls13"]), name="p256.example")
    with in_thread(lambda: library.wrap_server(a, "p256.example")) as other:
        peer.handshake(keep_last_flight=True).write(MIB[:size])  # Finished is still here
        if ends == "close_notify":
            peer.close_notify()
        else:
            peer.flush()
        if ends == "fin":
            b.shutdown(socket.SHUT_WR)
        with other.result() as ours:
            same(read_exactly(ours, size), MIB[:size])
            if ends != "stays":
                assert ours.recv(1) == b""
                assert ours.state().state == {"close_notify": "closeNotify", "fin": "truncated"}[ends]
    peer.close()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("size", [1, 60000])
def test_data_with_the_last_flight_of_a_server(library, pki, version, size):
    # TLS 1.2: Finished and data; TLS 1.3: tickets and data in the segment that follows our Finished.
    a, b = tcp_pair()
    peer = Raw(b, server_context(pki.leaf("web.example"), PYTHON_VERSION[version]), server_side=True)

    def serve():
        peer.handshake(keep_last_flight=True).write(MIB[:size])
        peer.close_notify()

    with in_thread(serve), library.wrap_client(a, "web.example") as ours:
        same(read_exactly(ours, size), MIB[:size])
        assert ours.recv(1) == b""
    peer.close()


def test_data_with_the_resumed_servers_finished(library, pool):
    # An abbreviated TLS 1.2 handshake ends with the client's Finished: data rides on it.
    context = client_context(pool.ca, PYTHON_VERSION["tls12"])
    session = None
    for round in range(2):
        a, b = tcp_pair()
        peer = Raw(b, context, name="p256.example", session=session)
        with in_thread(lambda: library.wrap_server(a, "p256.example")) as other:
            peer.handshake(keep_last_flight=True).write(b"early bird")
            peer.flush()
            with other.result() as ours:
                assert read_exactly(ours, 10) == b"early bird"
                assert ours.session.resumed == (round == 1)
        session = peer.tls.session
        peer.close()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", ROLES)
def test_mebibyte_then_close_from_the_program(library, pool, pki, role, version):
    ours, peer = beside(library, pool, pki, role, version)
    with in_thread(peer.read_all) as reading:
        ours.sendall(MIB)
        ours.close()
        same(reading.result(), MIB)  # and it was an orderly end
    assert eventually(lambda: ours.state().state == "local")
    assert ours.state().bytes_sent == len(MIB)
    peer.close()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", ROLES)
def test_mebibyte_then_close_from_the_peer(library, pool, pki, role, version):
    ours, peer = beside(library, pool, pki, role, version)

    def send():
        peer.write(MIB)
        peer.close_notify()
        peer.close()

    with ours, in_thread(send):
        same(read_exactly(ours, len(MIB)), MIB)
        assert ours.recv(1) == b""
        assert ours.state().state == "closeNotify"


def test_data_that_nobody_had_read_when_the_program_closed_harms_nothing(library, pool, pki):
    # Bytes from the peer wait unread in the plain socket; what the program sent must arrive all the same.
    ours, peer = beside(library, pool, pki, "client", "tls13")
    peer.send(b"unread" * 1000)
    assert eventually(lambda: ours.state().bytes_received == 6000)
    ours.sendall(MIB)
    with in_thread(peer.read_all) as reading:
        ours.close()
        same(reading.result(), MIB)
    peer.close()
