# SPDX-License-Identifier: Apache-2.0
"""The [limits] of a worker: as many as they say, one more is refused with the limit's name, and there is room again
when one has gone."""
import contextlib
import os
import sys

import pytest
from caller import ROOT, STRANGER, allowed, calls, start
from control import Control, Ended, answers, error_of
from misbehaving import handshake, serves
from peers import readable, tcp_pair
from pool import eventually

MOST = 3
WAITING = {"fileDescriptor": 0, "role": "server", "localIdentity": "pool.example"}


@pytest.fixture
def limited(make_pool, monkeypatch):
    """limited(limit) gives a running pool of one worker in which `limit` is MOST, or `most`."""

    def make(limit, extra="", most=MOST):
        pool = make_pool(extra=extra)
        pool.replace("workers = 0", "workers = 1")
        line = next(line for line in pool.config.read_text().splitlines() if line.startswith(f"{limit} ="))
        pool.replace(line, f"{limit} = {most}")
        pool.start()
        monkeypatch.setenv("TLSPOOL_DIR", str(pool.directory))
        return pool

    return make


class Begun:
    """A handshake whose peer says nothing."""

    def __init__(self, pool):
        self.ends = tcp_pair()
        self.control = Control(pool)
        self.control.send("StartTLS", WAITING, [self.ends[0].fileno()])

    def close(self):
        self.control.close()
        for end in self.ends:
            end.close()


def refused(pool, limit):
    with contextlib.closing(Begun(pool)) as one_more:
        answer = one_more.control.receive()
        assert error_of(answer) == "LimitReached"
        message = answer["parameters"]["message"]
        assert limit in message and str(MOST) in message
        return message


@pytest.mark.parametrize("limit", ("handshakes", "handshakes_per_uid"))
def test_handshakes(limited, limit):
    pool = limited(limit)
    begun = [Begun(pool) for _ in range(MOST)]
    eventually(lambda: pool.status()["handshakes"] == MOST)
    message = refused(pool, limit)
    assert ("handshakes_per_uid" in message) == (limit == "handshakes_per_uid")
    # The socket that was refused was not touched; others' control connections are served.
    assert answers(pool) and pool.status()["handshakes"] == MOST
    begun.pop().close()
    eventually(lambda: pool.status()["handshakes"] == MOST - 1)
    assert serves(pool)
    for one in begun:
        one.close()
    eventually(lambda: pool.status()["handshakes"] == 0)
    assert serves(pool)


def test_a_uid_at_its_limit_does_not_stop_another(limited):
    """As an ordinary user there is no other uid: then the own one has its room again as soon as it gives it back."""
    pool = limited("handshakes_per_uid", f'[[allow]]\nuid = [0, {STRANGER["uid"]}]\nidentity = ["*"]')
    begun = [Begun(pool) for _ in range(MOST)]
    eventually(lambda: pool.status()["handshakes"] == MOST)
    refused(pool, "handshakes_per_uid")
    if not ROOT:
        begun.pop().close()
        eventually(lambda: pool.status()["handshakes"] == MOST - 1)
    (answer,) = calls(pool.socket, start("pool.example"), **STRANGER)
    assert allowed(answer)
    for one in begun:
        one.close()


def test_a_limit_counts_while_executables_are_asked_for(limited):
    """Rules that name executables cost a question to the supervisor: what arrives meanwhile is counted all the same."""
    pool = limited("handshakes", f'[[allow]]\nexecutable = ["{os.path.realpath(sys.executable)}"]\nidentity = ["*"]')
    begun = [Begun(pool) for _ in range(10 * MOST)]
    eventually(lambda: pool.status()["handshakes"] == MOST)
    answered = lambda: [one for one in begun if readable(one.control.socket, 0)]
    eventually(lambda: len(answered()) >= 9 * MOST)
    assert [error_of(one.control.receive()) for one in answered()] == ["LimitReached"] * (9 * MOST)
    assert pool.status()["handshakes"] == MOST
    for one in begun:
        one.close()


def test_sessions(limited):
    import tlspool as library
    pool = limited("sessions")
    ends = [handshake(library, pool.ca, "pool.example") for _ in range(MOST)]
    assert pool.status()["sessions"] == MOST
    assert refused(pool, "sessions")
    for near, far in ends:
        near.sendall(b"undisturbed")
        assert far.recv(100) == b"undisturbed"
    near, far = ends.pop()
    near.close()
    far.close()
    eventually(lambda: pool.status()["sessions"] == MOST - 1)
    assert serves(pool)
    for near, far in ends:
        near.close()
        far.close()


def test_control_connections_of_one_uid(limited):
    """Half of the room, for there are others. One more is dropped at once, and the log says so."""
    pool = limited("control_connections", most=2 * MOST)
    with contextlib.ExitStack() as stack:
        within = [stack.enter_context(Control(pool)) for _ in range(MOST)]
        for one in within:
            assert "parameters" in one.call("ListIdentities")
        with Control(pool) as beyond:
            assert beyond.has_ended()
        assert pool.wait_for("control.limit")["uid"] == str(os.getuid())
        for one in within:
            assert "parameters" in one.call("ListIdentities")
        if ROOT:
            (answer,) = calls(pool.socket, ("org.varlink.service.GetInfo", {}), **STRANGER)
            assert answer["parameters"]["product"] == "TLS Pool"
        within[0].close()
        eventually(lambda: alive(pool))


def alive(pool):
    with contextlib.suppress(OSError, Ended):
        return answers(pool)
    return False


def test_the_configured_deadline_is_the_default(make_pool):
    pool = make_pool()
    pool.replace("handshake_deadline = 30", "handshake_deadline = 1")
    pool.start()
    with contextlib.closing(Begun(pool)) as begun:
        answer = begun.control.receive()
        assert error_of(answer) == "HandshakeFailed" and answer["parameters"]["reason"] == "timeout"
