# SPDX-License-Identifier: Apache-2.0
"""Shared keys with BoringSSL. Of our suites it has ECDHE-PSK-CHACHA20-POLY1305 of TLS 1.2 only."""
import pytest
import tlspool
from psk_peers import check_both_roles, check_longest_identity, check_not_there, check_wrong_key, exchange, long_site, peer_server
from shared_keys import OTHER, OWN
from talk import refusal

SUITE = "ECDHE-PSK-CHACHA20-POLY1305"
LINES = exchange("ecdhe", "sha256")


@pytest.mark.parametrize("hint", [(), (OTHER,)], ids=["no-hint", "hint"])
def test_both_roles(make_pool, hint):
    seen = check_both_roles(make_pool, "boringssl", LINES, SUITE, "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256", hint)
    assert (seen["version"], seen["suite"], seen["hint"]) == ("TLSv1.2", SUITE, OWN)


@pytest.mark.parametrize("suite", ["PSK-AES256-GCM-SHA384", "PSK-AES128-GCM-SHA256", "DHE-PSK-AES256-GCM-SHA384", "DHE-PSK-AES128-GCM-SHA256"])
def test_suites_that_boringssl_does_not_have(suite):
    check_not_there("boringssl", suite)


def test_longest_identity(make_pool):
    check_longest_identity(make_pool, "boringssl", LINES, SUITE)


def test_longer_identity_is_refused_before_it_is_sent(make_pool):
    pool, keys, (outgoing, ours), _ = long_site(make_pool, LINES, 129)
    with peer_server("boringssl", ours, keys[outgoing], SUITE) as server:
        failed = refusal(tlspool, server.port, "b.example", pool=pool.directory)
    assert failed.reason == "sharedKey" and "129 bytes" in str(failed) and "longest_identity" in str(failed)


def test_wrong_key(make_pool):
    check_wrong_key(make_pool, "boringssl", LINES, SUITE)
