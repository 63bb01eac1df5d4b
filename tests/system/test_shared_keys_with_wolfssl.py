# SPDX-License-Identifier: Apache-2.0
"""Shared keys with wolfSSL, TLS 1.2 and 1.3."""
import pytest
from psk_peers import check_both_roles, check_longest_identity, check_names_the_key, check_not_there, check_wrong_key, exchange, refused_by_server, refused_client
from shared_keys import OTHER, OWN

SUITES = {
    ("dhe", "sha384"): ("DHE-PSK-AES256-GCM-SHA384", "TLS_DHE_PSK_WITH_AES_256_GCM_SHA384"),
    ("dhe", "sha256"): ("DHE-PSK-AES128-GCM-SHA256", "TLS_DHE_PSK_WITH_AES_128_GCM_SHA256"),
    ("ecdhe", "sha256"): ("ECDHE-PSK-CHACHA20-POLY1305", "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256"),
}
SUITES13 = {"sha384": ("TLS13-AES256-GCM-SHA384", "TLS_AES_256_GCM_SHA384"), "sha256": ("TLS13-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256")}
BOTH = {
    "1.2": (exchange("ecdhe", "sha256"), "ECDHE-PSK-CHACHA20-POLY1305"),
    "1.3": (exchange("", "sha384", "1.3"), SUITES13["sha384"][0]),
}


@pytest.mark.parametrize("hint", [(), (OTHER,)], ids=["no-hint", "hint"])
@pytest.mark.parametrize("kind", SUITES, ids="-".join)
def test_tls12(make_pool, kind, hint):
    seen = check_both_roles(make_pool, "wolfssl", exchange(*kind), *SUITES[kind], hint)
    assert (seen["version"], seen["hint"]) == ("TLSv1.2", OWN)


@pytest.mark.parametrize("sha", SUITES13)
def test_tls13(make_pool, sha):
    seen = check_both_roles(make_pool, "wolfssl", exchange("", sha, "1.3"), *SUITES13[sha])
    assert (seen["version"], seen["hint"]) == ("TLSv1.3", "")


@pytest.mark.parametrize("suite", ["PSK-AES256-GCM-SHA384", "PSK-AES128-GCM-SHA256"])
def test_suites_that_debians_wolfssl_does_not_have(suite):
    check_not_there("wolfssl", suite)


@pytest.mark.parametrize("settings", BOTH)
def test_longest_identity(make_pool, settings):
    check_longest_identity(make_pool, "wolfssl", *BOTH[settings])


def test_wrong_key_in_tls12(make_pool):
    check_wrong_key(make_pool, "wolfssl", *BOTH["1.2"])


def test_wrong_key_in_tls13(make_pool):
    check_names_the_key(refused_client(make_pool, "wolfssl", *BOTH["1.3"]))
    failed, text = refused_by_server(make_pool, "wolfssl", *BOTH["1.3"])
    assert "binder does not verify" in text
    assert "the peer closed the connection" in str(failed)  # wolfSSL's server sends no alert for it
