# SPDX-License-Identifier: Apache-2.0
"""Peers resume: whichever side is client shows the ticket of an earlier connection in which it was client, too; a ticket
in a hello that was dropped does no harm."""
import contextlib

import pytest
from peer_sites import crossing, joined, make_peers, sides
from pool import PATIENCE, Pool

MOST = 200


@pytest.fixture(scope="module")
def pools(place):
    """With one worker each: a session is known to the worker that made it."""
    with contextlib.ExitStack() as stack:
        def make(name, extra):
            pool = Pool(place / f"resuming-{name}", name, extra)
            stack.callback(pool.remove)
            pool.replace("workers = 0", "workers = 1")
            return pool
        yield make_peers(make)


def connection(one, other, sockets=None):
    """The facts of both sides of one connection, which ends in order, so that tickets arrive."""
    with joined(one, other, sockets) as (near, far):
        near.settimeout(PATIENCE)
        far.close()
        assert near.recv(1) == b""
        return near.session, far.session


def test_in_either_outcome(pools):
    full, resumed = set(), set()
    both = sides(pools, service="either")
    for _ in range(MOST):
        near, far = connection(*both, crossing())
        assert near.resumed == far.resumed
        assert (near.remote_identity, far.remote_identity) == ("b.example", "a.example")
        assert (near.local_identity, far.local_identity) == ("a.example", "b.example")
        if near.role not in full:
            assert not near.resumed, "there was no ticket yet"
            full.add(near.role)
        elif near.resumed:
            resumed.add(near.role)
        if len(resumed) == 2:
            return
    raise AssertionError(f"in {MOST} connections: full {full}, resumed {resumed}")


def test_never_under_another_request(pools):
    """A session of a plain client is none of a peer, whose certificates are looked at less closely."""
    one, other = sides(pools, service="mixed")
    one.role, other.role = "client", "server"
    assert [connection(one, other)[0].resumed for _ in range(2)] == [False, True]
    one, other = sides(pools, service="mixed")
    other.options["hello_delay"] = 600
    near, far = connection(one, other)
    assert near.role == "client" and not near.resumed and not far.resumed
