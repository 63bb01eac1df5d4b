# SPDX-License-Identifier: Apache-2.0
"""The two sides of a peer-to-peer connection are told the same facts, in whichever role each came to be."""
import pytest
from peer_sites import in_both_outcomes, joined, sides
from talk import VERSIONS


def check_mirror(near, far):
    one, other = near.session, far.session
    assert {one.role, other.role} == {"client", "server"}
    for fact in ("version", "cipher_suite", "group", "alpn", "resumed", "verified_by"):
        assert getattr(one, fact) == getattr(other, fact), fact
    assert (one.local_identity, one.remote_identity) == ("a.example", "b.example")
    assert (other.local_identity, other.remote_identity) == ("b.example", "a.example")
    assert one.verified_by == "chain"
    assert "b.example" in one.remote_names and "a.example" in other.remote_names
    assert near.channel_binding() == far.channel_binding()
    assert near.export_keying_material("EXPORTER-test", 48, b"c") == far.export_keying_material("EXPORTER-test", 48, b"c")


def test_tls13(sites):
    def check(near, far):
        check_mirror(near, far)
        assert near.session.version == "tls13" and near.session.alpn is None
    in_both_outcomes(*sides(sites), check)


def test_the_protocol_of_alpn(sites):
    one, other = sides(sites)
    one.options["alpn"] = ["x", "msrp"]
    other.options["alpn"] = ["y", "msrp"]

    def check(near, far):
        check_mirror(near, far)
        assert near.session.alpn == "msrp"
    in_both_outcomes(one, other, check)


def test_certificates_are_crosswise(sites):
    with joined(*sides(sites)) as (near, far):
        ours, theirs = near.peer_certificates(), far.peer_certificates()
        assert ours and theirs and ours[0] != theirs[0]
