# SPDX-License-Identifier: Apache-2.0
"""Where nobody knows what the other side is, a delay of the own hello lets a plain TLS client speak first."""
import pytest
import tlspool
from peer_sites import Side, Waiting, failures, joined, make_peers, sides
from talk import read_line, s_client, shown

LONG = 600  # seconds; a hello that comes ends the wait


def served(pool, party, options):
    side = Side(pool, pool, **options)
    side.options["remote_identity"] = "web.example"
    with Waiting(side) as ours, s_client(ours.port, "-CAfile", pool.ca, *shown(party)) as client, ours.plain() as plain:
        client.say("question\n")
        assert read_line(plain) == b"question\n"
        return plain.session


def test_as_the_request_says(sites, pki):
    facts = served(sites[0], pki.leaf("web.example"), {"remote_role": "peer", "hello_delay": LONG})
    assert (facts.role, facts.remote_identity) == ("server", "web.example")


def test_as_the_configuration_says(make_pool, pki):
    pool = make_pool(name="a.example", extra="[peer_to_peer]\nhello_delay = 600000")
    pool.trust(pki.ca().cert)
    pool.start()
    assert served(pool, pki.leaf("web.example"), {}).role == "server"


def test_who_waits_becomes_server(sites):
    one, other = sides(sites)
    one.options["hello_delay"] = LONG
    for _ in range(4):
        with joined(one, other) as (near, far):
            assert (near.session.role, far.session.role) == ("server", "client")


def test_a_short_delay_ends_and_the_hello_goes_out(sites):
    """Both wait: whoever's time is over first becomes client."""
    with joined(*sides(sites, hello_delay=0.05)) as (near, far):
        assert {near.session.role, far.session.role} == {"client", "server"}


def test_none_in_the_request_wins_over_the_configuration(make_pool):
    pools = make_peers(make_pool, extra="[peer_to_peer]\nhello_delay = 600000")
    one, other = sides(pools)
    one.options["hello_delay"] = 0
    with joined(one, other) as (near, _):
        assert near.session.role == "client"


@pytest.mark.parametrize("delay", [-0.001, 600.001])
def test_a_delay_that_can_not_be_is_refused(sites, delay):
    one, other = sides(sites, hello_delay=delay)
    for failed in failures(one, other):
        assert isinstance(failed, tlspool.InvalidParameter) and failed.socket_usable
