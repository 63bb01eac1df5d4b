# SPDX-License-Identifier: Apache-2.0
"""Two sides of which each can be client only, or each server only, both hear that it is so."""
import pytest
import tlspool
from peer_sites import Side, failures, sides
from peers import in_thread, readable, tcp_pair
from pool import PATIENCE


@pytest.mark.parametrize("role", ["client", "server"])
def test_both_hear_it(sites, role):
    for failed in failures(*sides(sites, role=role, remote_role="peer")):
        assert failed.reason == "policy"
        assert f"both sides can be a TLS {role} only" in str(failed)
        assert not failed.socket_usable


def test_peers_without_an_identity_can_be_client_only(sites):
    for failed in failures(*sides(sites, local_identity=None)):
        assert "both sides can be a TLS client only" in str(failed) and "local identity" in str(failed)


@pytest.mark.parametrize("role", ["client", "server"])
def test_one_program_that_asks_for_it_hears_it_at_once(sites, role):
    one, other = tcp_pair()
    with one, other, pytest.raises(tlspool.InvalidParameter, match=f"both sides would be TLS {role}s") as refused:
        if role == "client":
            tlspool.wrap_client(one, "b.example", remote_role=role, pool=sites[0].directory)
        else:
            tlspool.wrap_server(one, "a.example", remote_role=role, pool=sites[0].directory)
    assert refused.value.socket_usable


def test_a_plain_client_of_our_own_that_got_a_hello_is_told_of_peers(sites):
    """A client that knows nothing of peers meets one that spoke first: neither can go on."""
    a, b = sites
    near, far = tcp_pair()
    with in_thread(Side(b, a).start, far) as started:
        assert readable(near, PATIENCE)  # its hello has come
        failed = Side(a, b, role="client").start(near)
        assert "peer" in str(failed)
        assert "knows nothing of peers" in str(started.result())
