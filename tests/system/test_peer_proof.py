# SPDX-License-Identifier: Apache-2.0
"""Whether the other side must prove itself is asked of it in whichever role it came to be, and so is what this side shows."""
import contextlib

import pytest
from peer_sites import Side, Waiting, connected, in_both_outcomes, joined, make_peers, outcomes, sides
from peers import connect, receive_all
from pool import eventually
from talk import read_line, s_client, s_server, shown

LONG = 600


def as_server(side):
    """Who waits for the other side's hello answers it."""
    side.options["hello_delay"] = LONG
    return side


def test_both_prove_themselves_by_default(sites):
    def check(near, far):
        assert (near.session.remote_identity, far.session.remote_identity) == ("b.example", "a.example")
        assert near.session.verified_by == far.session.verified_by == "chain"
    in_both_outcomes(*sides(sites), check)


def heard(end, alert):
    """Whether an end knows of the other one's refusal. A client of TLS 1.3 has finished before its certificate is
    looked at, so it hears of that when it reads."""
    if isinstance(end, Exception):
        return end.reason == "alert" and end.alert_received == alert
    with end:
        with contextlib.suppress(OSError):
            assert receive_all(end) == b""
        state = eventually(lambda: end.state().state != "open" and end.state())
        return state.state == "error" and alert.replace("_", " ") in state.detail.replace("_", " ")


def test_two_users_are_peers(make_pool):
    pools = make_peers(make_pool, start=False)
    users = [pool.identity(f"{user}@{pool.name}") for pool, user in zip(pools, ("joe", "mary"))]
    one, other = sides([pool.start() for pool in pools])
    for side, own, peer in ((one, *users), (other, *reversed(users))):
        side.options |= {"local_identity": own, "remote_identity": peer}

    def check(near, far):
        assert (near.session.local_identity, near.session.remote_identity) == ("joe@a.example", "mary@b.example")
        assert (far.session.local_identity, far.session.remote_identity) == ("mary@b.example", "joe@a.example")
    in_both_outcomes(one, other, check)


@pytest.mark.parametrize("wrong_is_server", [True, False])
def test_the_wrong_name_is_refused_in_either_role(sites, wrong_is_server):
    one, other = sides(sites)
    one.options["remote_identity"] = "c.example"  # and b.example it will be
    as_server(other if wrong_is_server else one)
    near, far = outcomes(one, other)
    assert (near.reason, near.check, near.alert_sent) == ("certificate", "name", "bad_certificate")
    assert heard(far, "bad_certificate")


def test_no_proof_at_all_from_one_that_must_prove(sites):
    """A peer without an identity is client only, and the server that asks for one refuses it."""
    one, other = sides(sites)
    one.options["local_identity"] = None
    near, far = outcomes(one, other)
    assert (far.reason, far.check) == ("certificate", "chain")
    assert heard(near, "certificate_required")


@pytest.mark.parametrize("proof", ["optional", "none"])
def test_an_identity_is_not_disclosed_where_none_was_given(sites, proof):
    one, other = sides(sites)
    one.options["local_identity"] = None
    other.options |= {"remote_identity": None, "remote_proof": proof}
    with joined(one, other) as (near, far):
        assert (near.session.role, far.session.role) == ("client", "server")
        assert near.session.local_identity is None and near.session.remote_identity == "b.example"
        assert (far.session.remote_identity, far.session.remote_names, far.session.verified_by) == (None, (), "none")
        assert far.peer_certificates() == []


def test_an_identity_that_is_not_asked_for_is_not_disclosed_by_a_client(sites):
    one, other = sides(sites)
    other.options |= {"remote_identity": None, "remote_proof": "none"}
    with joined(one, as_server(other)) as (near, far):
        assert near.session.role == "client" and near.session.local_identity is None
        assert (far.session.remote_identity, far.session.verified_by) == (None, "none")


# --- usage bits of certificates ---

def peer_to(pool, role, **more):
    side = Side(pool, pool, remote_role=role, **more)
    side.options["remote_identity"] = "web.example"
    return side


@pytest.fixture
def strict_pool(make_pool, pki):
    pool = make_pool(name="a.example", extra="[peer_to_peer]\ncertificate_usage = true")
    pool.trust(pki.ca().cert)
    return pool.start()


def test_usage_of_a_server_does_not_matter_by_default(sites, pki):
    with s_server(pki.leaf("web.example", usage="clientAuth")) as server, connected(peer_to(sites[0], "server"), server.port) as plain:
        plain.sendall(b"ping\n")
        assert read_line(plain) == b"gnip\n"


def test_usage_of_a_client_does_not_matter_by_default(sites, pki):
    with Waiting(peer_to(sites[0], "client")) as ours:
        with s_client(ours.port, *shown(pki.leaf("web.example", usage="serverAuth"))) as client, ours.plain() as plain:
            client.say("question\n")
            assert read_line(plain) == b"question\n"


def test_usage_of_a_server_matters_where_the_policy_says_so(strict_pool, pki):
    with s_server(pki.leaf("web.example", usage="clientAuth")) as server:
        failed = peer_to(strict_pool, "server").start(connect(server.port))
    assert (failed.reason, failed.check) == ("certificate", "purpose")
    with s_server(pki.leaf("web.example", usage="serverAuth")) as server, connected(peer_to(strict_pool, "server"), server.port) as plain:
        assert plain.session.remote_identity == "web.example"


def test_usage_of_a_client_matters_where_the_policy_says_so(strict_pool, pki):
    with Waiting(peer_to(strict_pool, "client")) as ours, s_client(ours.port, *shown(pki.leaf("web.example", usage="serverAuth"))):
        failed = ours.failure()
    assert (failed.reason, failed.check) == ("certificate", "purpose")
    with Waiting(peer_to(strict_pool, "client")) as ours, s_client(ours.port, *shown(pki.leaf("web.example", usage="clientAuth"))):
        with ours.plain() as plain:
            assert plain.session.remote_identity == "web.example"


def test_certificates_of_the_development_ca_do_in_both_roles_under_that_policy(make_pool):
    pools = make_peers(make_pool, extra="[peer_to_peer]\ncertificate_usage = true")
    in_both_outcomes(*sides(pools), lambda near, far: None)
