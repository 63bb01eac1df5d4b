# SPDX-License-Identifier: Apache-2.0
"""Shared keys between peers: whichever side is client, its key protects the connection; a one-time key protects one."""
import secrets

import pytest
from peer_sites import crossing, failures, joined, sides
from shared_keys import give_both, lasting, make_two_sites

BY_CHANCE = 4  # connections whose roles the tie-break decides
ENOUGH = range(1, 2 * (BY_CHANCE + 2) + 1)  # every connection may take a key on either side
VERSIONS = {"1.3": 'version = "1.3"', "1.2": 'version = "1.2"'}


def in_all_ways(pools, check, **options):
    """check(near, far) for connections in which either side is client, and for some that the tie-break decides."""
    for waits in (0, 1, *[None] * BY_CHANCE):
        both = sides(pools, **options)
        if waits is not None:
            both[waits].options["hello_delay"] = 600  # who hears the other's hello first becomes server
        with joined(*both, None if waits is not None else crossing()) as (near, far):
            check(near, far)
            if waits is not None:
                assert (near, far)[waits].session.role == "server"


def check_protected(near, far, stores=("hsm.b.example", "hsm.a.example")):
    for end, other, store in zip((near, far), ("b.example", "a.example"), stores):
        assert (end.session.remote_identity, end.session.verified_by) == (other, "sharedKey")
        assert end.session.shared_key.store == store and end.session.shared_key.forward_secrecy
    assert near.session.shared_key.key_id == far.session.shared_key.key_id
    assert near.session.cipher_suite == far.session.cipher_suite
    assert near.export_keying_material("EXPORTER-test", 32) == far.export_keying_material("EXPORTER-test", 32)


@pytest.mark.parametrize("version", VERSIONS)
def test_one_time_keys(make_pool, version):
    pools = make_two_sites(make_pool, VERSIONS[version])
    give_both(*pools, *ENOUGH)
    used = []

    def check(near, far):
        check_protected(near, far)
        number = int(near.session.shared_key.key_id)
        assert number % 2 == (0 if near.session.role == "client" else 1), "it is the client's key"
        used.append(number)
    in_all_ways(pools, check)
    assert len(used) == len(set(used))


@pytest.mark.parametrize("version", VERSIONS)
def test_lasting_keys(make_pool, version):
    pools = make_two_sites(make_pool, VERSIONS[version] + '\nsource = "psk"\npsk = "office"')
    key = secrets.token_hex(32)
    for pool in pools:
        lasting(pool, "office", key)
    used = set()

    def check(near, far):
        check_protected(near, far, ("office", "office"))
        assert near.session.shared_key.keys_left is None
        used.add(near.session.shared_key.key_id)
    in_all_ways(pools, check)
    assert len(used) == 1


def test_keys_that_are_used_where_they_are_asked_for(make_pool):
    pools = make_two_sites(make_pool, 'when = "asked"', start=False)
    for one, other in (pools, reversed(pools)):
        one.trust(other.ca)
    for pool in pools:
        pool.start()
    give_both(*pools, *ENOUGH)
    in_all_ways(pools, check_protected, require_shared_key=True)
    with joined(*sides(pools)) as (near, far):
        assert near.session.shared_key is None and far.session.shared_key is None
        assert near.session.verified_by == far.session.verified_by == "chain"


def test_a_side_without_keys_may_still_be_server(make_pool):
    """The other one's key protects the connection."""
    pools = make_two_sites(make_pool)
    give_both(*pools, 2, 4)
    one, other = sides(pools)
    other.options["hello_delay"] = 600
    with joined(one, other) as (near, far):
        check_protected(near, far)
        assert (near.session.role, near.session.shared_key.key_id) == ("client", "2")


def test_no_key_at_all_is_told(make_pool):
    pools = make_two_sites(make_pool)
    failed = failures(*sides(pools))
    assert any(f.reason == "sharedKey" and "no key is left" in str(f) for f in failed), [str(f) for f in failed]
