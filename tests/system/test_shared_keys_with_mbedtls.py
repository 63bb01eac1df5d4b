# SPDX-License-Identifier: Apache-2.0
"""Shared keys with mbedTLS 2.28, which has PSK in TLS 1.2 only."""
import pytest
import tlspool
from psk_peers import check_both_roles, check_longest_identity, check_wrong_key, exchange, long_site, peer_client
from talk import OurServer

SUITES = {
    ("none", "sha384"): "PSK-WITH-AES-256-GCM-SHA384",
    ("none", "sha256"): "PSK-WITH-AES-128-GCM-SHA256",
    ("dhe", "sha384"): "DHE-PSK-WITH-AES-256-GCM-SHA384",
    ("dhe", "sha256"): "DHE-PSK-WITH-AES-128-GCM-SHA256",
    ("ecdhe", "sha256"): "ECDHE-PSK-WITH-CHACHA20-POLY1305-SHA256",
}
ECDHE = exchange("ecdhe", "sha256"), "TLS-ECDHE-PSK-WITH-CHACHA20-POLY1305-SHA256"


@pytest.mark.parametrize("kind", SUITES, ids="-".join)
def test_both_roles(make_pool, kind):
    suite = "TLS-" + SUITES[kind]
    seen = check_both_roles(make_pool, "mbedtls", exchange(*kind), suite, suite.replace("-", "_"))
    assert seen["version"] == "TLSv1.2" and seen["suite"] == suite


def test_longest_identity(make_pool):
    check_longest_identity(make_pool, "mbedtls", *ECDHE)


def test_longer_identity_is_refused(make_pool):
    pool, keys, _, (incoming, theirs) = long_site(make_pool, ECDHE[0], 129)
    with OurServer(tlspool, pool=pool.directory) as server:
        with peer_client("mbedtls", server.port, theirs, keys[incoming], ECDHE[1]) as client:
            failed = server.failure()
            assert client.status() == 1
    assert failed.reason == "sharedKey" and "has 129 bytes, at most 128 are taken" in str(failed)


def test_wrong_key(make_pool):
    check_wrong_key(make_pool, "mbedtls", *ECDHE)
