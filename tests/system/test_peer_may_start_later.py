# SPDX-License-Identifier: Apache-2.0
"""The two sides need not start together: one may have said hello long before the other one begins, or only listen."""
import pytest
from peer_sites import Side, joined, sides, speak
from peers import in_thread, readable, tcp_pair
from pool import PATIENCE


@pytest.mark.parametrize("first", ["connecting", "accepting"])
def test_the_later_one_answers_the_hello_that_lies_there(sites, first):
    one, other = sides(sites)
    near, far = tcp_pair() if first == "connecting" else reversed(tcp_pair())
    with in_thread(one.start, near) as early:
        assert readable(far, PATIENCE)  # its hello has come
        with other.start(far) as later, early.result() as plain:
            assert (plain.session.role, later.session.role) == ("client", "server")
            speak(plain, later)


def test_one_that_only_listens(sites):
    """It says that the other side is a client, and never sends a hello."""
    a, b = sites
    with joined(Side(a, b), Side(b, a, remote_role="client")) as (near, far):
        assert (near.session.role, far.session.role) == ("client", "server")


def test_one_that_never_comes(sites):
    one, _ = sides(sites, deadline=0.5)
    near, far = tcp_pair()
    with far:
        failed = one.start(near)
        assert failed.reason == "timeout" and not failed.socket_usable


def test_one_that_goes_away_before_it_said_a_word(sites):
    one, _ = sides(sites)
    near, far = tcp_pair()
    with in_thread(one.start, near) as started:
        assert readable(far, PATIENCE)
        far.recv(65536)  # what is unread at a close() would make it a reset
        far.close()
        failed = started.result()
    assert failed.reason == "transport" and "ClientHello" in str(failed)
