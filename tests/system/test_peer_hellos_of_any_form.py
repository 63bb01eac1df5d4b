# SPDX-License-Identifier: Apache-2.0
"""Hellos of peers may come in segments of one byte, in many records, and be large: the winning ones, which TLS reads, and
those that are discarded."""
import pytest
from middle import between
from peer_sites import failures, joined, sides

LARGEST = 131396


def connects(pools, change, segment=65536, **options):
    with between(change, segment) as sockets, joined(*sides(pools, **options), sockets) as (near, far):
        assert {near.session.role, far.session.role} == {"client", "server"}
        return near.session


def test_in_segments_of_one_byte(sites_of_version):
    version, pools = sites_of_version
    assert connects(pools, lambda low, high: (high.records(), low.records()), segment=1).version == version


@pytest.mark.parametrize("longest", [1, 2, 100])
def test_in_many_records(sites_of_version, longest):
    _, pools = sites_of_version
    connects(pools, lambda low, high: (high.records(longest), low.records(longest)))


def test_in_many_records_and_segments(sites_of_version):
    _, pools = sites_of_version
    connects(pools, lambda low, high: (high.records(3), low.records(3)), segment=1)


@pytest.mark.parametrize("size", [16380, 16384, 16385, 40000, LARGEST])
def test_a_large_one_that_is_discarded(sites_of_version, size):
    _, pools = sites_of_version
    connects(pools, lambda low, high: (high.of_size(size).records(), low.records()))


def test_40_kilobytes_that_are_discarded_in_segments_of_one_byte(sites_of_version):
    _, pools = sites_of_version
    connects(pools, lambda low, high: (high.of_size(40000).records(), low.records()), segment=1)


@pytest.mark.parametrize("segment", [1, 65536])
def test_40_kilobytes_that_win(sites_of_version, segment):
    """By the protocols that both offer."""
    _, pools = sites_of_version
    alpn = [f"{number:03}" + "x" * 247 for number in range(160)]
    sizes = []

    def change(low, high):
        sizes.extend((len(low.message), len(high.message)))
        return high.records(), low.records()
    session = connects(pools, change, segment, alpn=alpn)
    assert session.alpn == alpn[0] and min(sizes) > 40000


def refuses(pools, change, alert, text):
    with between(change) as sockets:
        ends = sorted(failures(*sides(pools), sockets), key=lambda failed: failed.alert_sent is None)
    assert ends[0].reason == "policy" and text in str(ends[0]), str(ends[0])
    assert ends[0].alert_sent == ends[1].alert_received == alert


def test_one_that_is_too_large(sites_of_version):
    """Its length says so, before the rest comes."""
    _, pools = sites_of_version
    refuses(pools, lambda low, high: (high.of_size(LARGEST + 1).records()[:9], low.records()), "illegal_parameter", "longer than 131396 bytes")


def test_a_record_that_is_too_large(sites_of_version):
    _, pools = sites_of_version
    refuses(pools, lambda low, high: (high.of_size(16385).records(16385)[:5], low.records()), "record_overflow", "longer than 16384 bytes")


@pytest.mark.parametrize("inside, text", [(b"\x16\x03\x01\x00\x00", "empty"), (b"\x15\x03\x01\x00\x02\x01\x5a", "another record")])
def test_another_record_within(sites_of_version, inside, text):
    _, pools = sites_of_version
    refuses(pools, lambda low, high: (high.records(100)[:105] + inside + high.records(100)[105:], low.records()), "unexpected_message", text)


def test_something_behind_it_in_its_record(sites_of_version):
    _, pools = sites_of_version

    def change(low, high):
        high.message += b"\x00"
        return high.records(), low.records()
    refuses(pools, change, "unexpected_message", "something follows it")
