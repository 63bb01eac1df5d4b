# SPDX-License-Identifier: Apache-2.0
"""A side that is client only, or server only, but knows that the other one may be a peer: the peer takes the other role."""
import pytest
from peer_sites import Side, joined


@pytest.mark.parametrize("strict, taken", [("client", "server"), ("server", "client")])
def test_the_peer_takes_the_other_role(sites, strict, taken):
    a, b = sites
    for _ in range(4):
        with joined(Side(a, b, role=strict, remote_role="peer"), Side(b, a)) as (near, far):
            assert (near.session.role, far.session.role) == (strict, taken)
            assert (near.session.remote_identity, far.session.remote_identity) == ("b.example", "a.example")


@pytest.mark.parametrize("strict, taken", [("client", "server"), ("server", "client")])
def test_a_plain_one_and_a_peer_that_knows_it(sites, strict, taken):
    """The strict side knows nothing of peers; the other one says what it will meet."""
    a, b = sites
    with joined(Side(a, b, role=strict), Side(b, a, remote_role=strict)) as (near, far):
        assert (near.session.role, far.session.role) == (strict, taken)
