# SPDX-License-Identifier: Apache-2.0
"""Peers: two StartTLS calls, one for each end of a connection, to one pool or to two."""
import socket

from control import Control
from peers import tcp_pair

A = "a.example"
B = "b.example"


class Side:
    """One end: `start` sends the call, `answer` waits for what comes of it."""

    def __init__(self, pool, sock, own, other, role="peer", **options):
        parameters = {"fileDescriptor": 0, "role": role, "remoteIdentity": other} | options
        if own is not None:
            parameters["localIdentity"] = own
        self.control = Control(pool)
        self.control.send("StartTLS", {k: v for k, v in parameters.items() if v is not None}, [sock.fileno()])
        sock.close()
        self._answer = None

    @property
    def answer(self):
        if self._answer is None:
            self._answer = self.control.receive()
        return self._answer

    @property
    def session(self):
        assert "error" not in self.answer, self.answer
        return self.answer["parameters"]["session"]

    @property
    def failure(self):
        assert "error" in self.answer, self.answer
        return self.answer["parameters"]

    def plain(self):
        self.session
        sock = socket.socket(fileno=self.control.descriptors.pop())
        sock.settimeout(20)
        return sock


def meet(a_pool, b_pool=None, a=None, b=None):
    """Both ends of a TCP connection, a first; `a` and `b`: options of each."""
    one, other = tcp_pair()
    return (Side(a_pool, one, **{"own": A, "other": B} | (a or {})),
            Side(b_pool or a_pool, other, **{"own": B, "other": A} | (b or {})))


def bytes_flow(a, b):
    x, y = a.plain(), b.plain()
    for left, right in ((x, y), (y, x)):
        left.sendall(b"over" * 100)
        got = b""
        while len(got) < 400:
            got += right.recv(400)
        assert got == b"over" * 100
    x.close()
    y.close()


def one_of_each(a, b):
    assert {a.session["role"], b.session["role"]} == {"client", "server"}
