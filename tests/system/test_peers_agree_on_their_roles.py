# SPDX-License-Identifier: Apache-2.0
"""Two sides that may be either come to one client and one server; sides that can't be are told so."""
import pytest

from p2p import A, B, bytes_flow, meet, one_of_each


@pytest.fixture(name="peers")
def _peers(make_pool):
    pool = make_pool(name=A)
    pool.identity(B)
    pool.start()
    return pool


def test_both_may_be_either(sites_of_version):
    version, (one, other) = sites_of_version
    roles = set()
    for _ in range(20):
        a, b = meet(one, other)
        one_of_each(a, b)
        assert a.session["version"] == b.session["version"] == version
        assert (a.session["remoteIdentity"], b.session["remoteIdentity"]) == (B, A)
        assert (a.session["localIdentity"], b.session["localIdentity"]) == (A, B)
        roles.add(a.session["role"])
        bytes_flow(a, b)


@pytest.mark.parametrize("a_role, a_remote, b_role, b_remote, expected", [
    ("client", "peer", "peer", "peer", "client"),
    ("peer", "peer", "client", "peer", "server"),
    ("server", "peer", "peer", "peer", "server"),
    ("peer", "peer", "server", "peer", "client"),
    ("client", "peer", "server", "peer", "client"),
    ("client", "peer", "server", "client", "client"),
    ("client", "server", "server", "peer", "client"),
    ("client", "server", "peer", "client", "client"),
    ("peer", "server", "server", "client", "client"),
    ("peer", "server", "peer", "client", "client"),
    ("peer", "server", "peer", "peer", "client"),
    ("peer", "client", "peer", "peer", "server"),
])
def test_a_side_that_can_be_one_only_is_that(peers, a_role, a_remote, b_role, b_remote, expected):
    for first in (True, False):
        a = {"role": a_role, "remoteRole": a_remote}
        b = {"role": b_role, "remoteRole": b_remote}
        x, y = meet(peers, a=a, b=b) if first else reversed(meet(peers, a=b | {"own": B, "other": A}, b=a | {"own": A, "other": B}))
        one_of_each(x, y)
        assert x.session["role"] == expected
        bytes_flow(x, y)


def test_two_sides_that_can_be_client_only(peers):
    for side in meet(peers, a={"role": "client", "remoteRole": "peer"}, b={"role": "client", "remoteRole": "peer"}):
        assert side.failure["reason"] == "policy"
        assert "both sides can be a TLS client only" in side.failure["message"]


def test_two_sides_that_can_be_server_only(peers):
    for side in meet(peers, a={"role": "server", "remoteRole": "peer"}, b={"role": "server", "remoteRole": "peer"}):
        assert side.failure["reason"] == "policy"
        assert "both sides can be a TLS server only" in side.failure["message"]


@pytest.mark.parametrize("role", ["client", "server"])
def test_equal_roles_in_one_request_are_refused_at_once(peers, role):
    a, b = meet(peers, a={"role": role, "remoteRole": role})
    assert a.answer == {"error": "org.varlink.service.InvalidParameter", "parameters": {"parameter": "remoteRole"}}
    assert "error" in b.answer
