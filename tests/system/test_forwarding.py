# SPDX-License-Identifier: Apache-2.0
"""Forward and Pass: pairs of sockets are joined without a call for each to wait for, and their ends are told by number."""
import json
import socket

import pytest
from control import Control, answers, call, error_of
from peers import client_context, tcp_pair
from pool import eventually

PASS = {"fileDescriptor": 0, "plaintextFileDescriptor": 1}


class Forwarding:
    def __init__(self, pool, **parameters):
        self.control = Control(pool)
        self.first = self.control.call("Forward", {"worker": 0, "role": "server"} | parameters, more=True)
        self.ended = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.control.close()

    def send(self, *sockets, parameters=None):
        self.control.send("Pass", parameters or PASS, [s.fileno() for s in sockets], oneway=True)

    def wait_for(self, count):
        """{number: why not; None: it was started}, when so many have ended."""
        while len(self.ended) < count:
            reply = self.control.receive()
            assert reply["continues"]
            self.ended |= {number: None for number in reply["parameters"]["established"]}
            self.ended |= {one["number"]: one["message"] for one in reply["parameters"]["failed"]}
        return self.ended


class Pair:
    """Two connections through the pool: the ends that a test keeps are .peer, which speaks TLS, and .program."""

    def __init__(self, forwarding):
        self.peer, ours = tcp_pair()
        self.program, plain = socket.socketpair()
        forwarding.send(ours, plain)
        ours.close()
        plain.close()

    def talk(self, pool, name="p256.example"):
        with client_context(pool.ca).wrap_socket(self.peer, server_hostname=name) as tls:
            tls.sendall(b"there")
            assert self.program.recv(100) == b"there"
            self.program.sendall(b"back")
            assert tls.recv(100) == b"back"

    def close(self):
        self.peer.close()
        self.program.close()


@pytest.fixture
def pairs():
    made = []
    yield made
    for pair in made:
        pair.close()


def test_many_at_once(pool, pairs):
    with Forwarding(pool, localIdentity="p256.example") as forwarding:
        first = forwarding.first["parameters"]
        assert first["workers"] >= 1 and first["established"] == first["failed"] == []
        pairs += [Pair(forwarding) for _ in range(5)]
        for pair in reversed(pairs):
            pair.talk(pool)
        assert forwarding.wait_for(5) == {number: None for number in range(5)}


def test_what_fails_is_told_and_the_others_go_on(pool, pairs):
    with Forwarding(pool, localIdentity="p256.example") as forwarding:
        pairs += [Pair(forwarding), Pair(forwarding), Pair(forwarding)]
        pairs[0].peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
        pairs[1].peer.close()
        with open("/dev/null", "rb") as null, socket.socket() as alone:
            forwarding.send(null, alone)
            forwarding.send(alone)
        pairs[2].talk(pool)
        ended = forwarding.wait_for(5)
        assert ended[2] is None
        assert all("handshake" in ended[number] for number in (0, 1))
        assert "no socket" in ended[3]
        assert "descriptor" in ended[4]
        assert pairs[0].program.recv(100) == b""


def test_an_identity_that_may_not_be_used(make_pool, pairs):
    pool = make_pool(extra="[[allow]]\nuid = [64399]\n").start()
    with Forwarding(pool, localIdentity="pool.example") as forwarding:
        pairs.append(Pair(forwarding))
        assert "may not use" in forwarding.wait_for(1)[0]


def test_sessions_outlive_the_connection(pool, pairs):
    forwarding = Forwarding(pool, localIdentity="p256.example")
    pair = Pair(forwarding)
    pairs.append(pair)
    with client_context(pool.ca).wrap_socket(pair.peer, server_hostname="p256.example") as tls:
        forwarding.wait_for(1)
        unfinished = Pair(forwarding)
        pairs.append(unfinished)
        forwarding.control.close()
        assert unfinished.peer.recv(1) == b""  # its handshake was given up
        tls.sendall(b"still")
        assert pair.program.recv(100) == b"still"


def test_calls_out_of_place(pool):
    assert error_of(call(pool, "Forward", {"worker": 0, "role": "server"})) == "ExpectedMore"
    assert error_of(call(pool, "Forward", {"worker": 99, "role": "server"}, more=True)) == "InvalidParameter"
    assert error_of(call(pool, "Forward", {"worker": 0, "role": "client"}, more=True)) == "InvalidParameter"  # of whom is proof required?
    assert error_of(call(pool, "Pass", PASS)) == "PermissionDenied"
    a, b = socket.socketpair()
    with a, b:
        for bad in ({"method": "io.tlspool.Pool.ListIdentities"}, {"method": "io.tlspool.Pool.Pass", "parameters": PASS},
                    {"method": "io.tlspool.Pool.Pass", "oneway": True, "parameters": {"fileDescriptor": 1, "plaintextFileDescriptor": 0}}, [], "x"):
            with Forwarding(pool) as forwarding:
                forwarding.control.write(json.dumps(bad).encode() + b"\0", [a.fileno(), b.fileno()])
                assert eventually(forwarding.control.has_ended)
    assert answers(pool)
