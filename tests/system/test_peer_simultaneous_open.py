# SPDX-License-Identifier: Apache-2.0
"""A TCP connection that both sides opened: none of them accepted it, so nothing but TLS says who is client."""
from peer_sites import joined, sides, simultaneous_open


def test_both_connected_and_agree_on_their_roles(sites):
    for _ in range(8):
        with joined(*sides(sites), sockets=simultaneous_open()) as (near, far):
            assert {near.session.role, far.session.role} == {"client", "server"}
            assert near.session.remote_identity == "b.example" and far.session.remote_identity == "a.example"
