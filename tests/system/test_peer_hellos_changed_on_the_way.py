# SPDX-License-Identifier: Apache-2.0
"""Somebody in the middle who changes, drops or reflects the hello of a peer, the winning one or the one that is discarded,
is found out by both sides."""
import pytest
from middle import ONES, between
from peer_sites import failures, joined, sides

LOWEST = bytes(31) + b"\x01"
HIGHEST = b"\xff" * 31 + b"\xfe"
DIFFERS = "the peer says that it sent another hello than the one that came"
NO_PEER = "the peer is a TLS client that knows nothing of peers"
BY_TRANSCRIPT = {"tls12": "decrypt_error", "tls13": "bad_record_mac"}


def refused_by(pools, change, alert, text, reason="policy"):
    """One side finds out and says why, and by which alert; the other one gets the alert."""
    with between(change) as sockets:
        ends = failures(*sides(pools), sockets)
    ends = sorted(ends, key=lambda failed: failed.alert_sent is None)
    assert ends[0].reason == reason and text in str(ends[0]), str(ends[0])
    assert ends[0].alert_sent == ends[1].alert_received == alert
    assert ends[1].reason == "alert", str(ends[1])


def test_who_changes_nothing_is_not_noticed(sites_of_version):
    version, pools = sites_of_version
    with between(lambda low, high: (high.records(), low.records())) as sockets:
        with joined(*sides(pools), sockets) as (near, far):
            assert {near.session.role, far.session.role} == {"client", "server"}
            assert near.session.version == far.session.version == version


@pytest.mark.parametrize("value", [HIGHEST, ONES], ids=["random", "ones"])
def test_another_value_in_the_discarded_hello(sites_of_version, value):
    """The outcome is the same, and the hello is in nobody's transcript: the proof alone tells."""
    _, pools = sites_of_version
    refused_by(pools, lambda low, high: (high.with_value(value).records(), low.records()), "illegal_parameter", DIFFERS)


def test_the_discarded_hello_is_dropped(sites_of_version):
    _, pools = sites_of_version
    refused_by(pools, lambda low, high: (b"", low.records()), "illegal_parameter", DIFFERS)


def test_no_extension_in_the_discarded_hello(sites_of_version):
    _, pools = sites_of_version
    refused_by(pools, lambda low, high: (high.with_value(None).records(), low.records()), "unexpected_message", NO_PEER)


def test_no_extension_in_the_winning_hello(sites_of_version):
    _, pools = sites_of_version
    refused_by(pools, lambda low, high: (high.records(), low.with_value(None).records()), "unexpected_message", NO_PEER)


@pytest.mark.parametrize("value", [LOWEST, bytes(32)], ids=["random", "zeros"])
def test_another_value_in_the_winning_hello(sites_of_version, value):
    """The two sides have different transcripts."""
    version, pools = sites_of_version
    refused_by(pools, lambda low, high: (high.records(), low.with_value(value).records()), BY_TRANSCRIPT[version], "the handshake broke", "transport")


def test_the_roles_are_exchanged(sites_of_version):
    """Each side believes to have lost or won as the other one does. TLS 1.2 shows the proof first, 1.3 has no common keys."""
    version, pools = sites_of_version
    expected = {"tls12": ("illegal_parameter", DIFFERS, "policy"), "tls13": ("bad_record_mac", "the handshake broke", "transport")}[version]
    refused_by(pools, lambda low, high: (high.with_value(LOWEST).records(), low.with_value(HIGHEST).records()), *expected)


def test_two_servers_are_made(sites_of_version):
    _, pools = sites_of_version
    with between(lambda low, high: (high.with_value(LOWEST).records(), low.records())) as sockets:
        for failed in failures(*sides(pools), sockets):
            assert failed.reason == "transport" and "the handshake broke" in str(failed), str(failed)
            assert failed.alert_sent == "unexpected_message"


def test_two_clients_are_made(sites_of_version):
    """Neither hears anything more, until one gives up."""
    _, pools = sites_of_version
    with between(lambda low, high: (high.records(), low.with_value(HIGHEST).records())) as sockets:
        assert "timeout" in {failed.reason for failed in failures(*sides(pools, deadline=1), sockets)}


def test_each_gets_its_own_hello_back(sites_of_version):
    _, pools = sites_of_version
    with between(lambda low, high: (low.records(), high.records())) as sockets:
        for failed in failures(*sides(pools), sockets):
            assert failed.reason == "policy" and "our own ClientHello came back" in str(failed)
            assert failed.alert_sent == "illegal_parameter"


def test_each_gets_its_own_hello_back_with_another_value(sites_of_version):
    _, pools = sites_of_version
    with between(lambda low, high: (low.with_value(ONES).records(), high.with_value(bytes(32)).records())) as sockets:
        ends = failures(*sides(pools), sockets)
    assert "illegal_parameter" in {failed.alert_sent for failed in ends}


@pytest.mark.parametrize("value", [b"", bytes(31), bytes(33)], ids=len)
def test_a_value_of_another_length(sites_of_version, value):
    _, pools = sites_of_version
    refused_by(pools, lambda low, high: (high.with_value(value).records(), low.records()), "decode_error", "does not have 32 bytes")
