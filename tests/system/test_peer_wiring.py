# SPDX-License-Identifier: Apache-2.0
"""Connections that lead back to oneself: our own hello reflected, or two connections of ours wired together."""
import pytest
from peer_sites import Side, failures, joined, sides
from peers import connect
from tunnels import Echo


def test_our_own_hello_that_comes_back_is_told(sites, keep):
    echo = keep(Echo())
    failed = sides(sites)[0].start(connect(echo.port))
    assert failed.reason == "policy" and "our own ClientHello came back" in str(failed)
    assert failed.alert_sent == "illegal_parameter"


@pytest.mark.parametrize("proof", ["optional", "required"])
def test_two_connections_of_ours_that_were_wired_together_are_refused(sites, proof):
    """Either expects somebody else, or says nothing of whom: neither is content with itself."""
    a, _ = sites
    options = {"remote_proof": proof, "remote_identity": None if proof == "optional" else "b.example"}
    near, far = failures(Side(a, a, **options), Side(a, a, **options))
    assert any("wired together" in str(failed) or failed.check == "name" for failed in (near, far)), (str(near), str(far))


def test_a_connection_to_oneself_that_is_meant(sites):
    a, _ = sites
    with joined(Side(a, a), Side(a, a)) as (near, far):
        assert near.session.remote_identity == far.session.remote_identity == "a.example"
