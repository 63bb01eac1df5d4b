# SPDX-License-Identifier: Apache-2.0
"""What nmap and openssl(1) find out about a server that takes shared keys, as the document "TLS and QKD" notes it."""
import subprocess

import pytest
from pool import PATIENCE
from shared_keys import INCOMING, give, make_site, psk_client
from tunnels import Echo, Tunnel

SUITES = {
    'exchange = "none"\nforward_secrecy = false': "TLS_PSK_WITH_AES_256_GCM_SHA384",
    'exchange = "dhe"': "TLS_DHE_PSK_WITH_AES_256_GCM_SHA384",
    'exchange = "ecdhe"': "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256",
}


@pytest.fixture
def serve(make_pool, keep):
    def started(peer, *words):
        pool = make_site(make_pool, peer)
        echo = keep(Echo())
        return pool, keep(Tunnel(pool, "--side", "tls-in", *words, "--connect", f"127.0.0.1:{echo.port}")).port

    return started


def enumerated(port):
    return subprocess.run(["nmap", "-n", "-Pn", "-sT", "--script", "ssl-enum-ciphers", "--script-args", "tls.servername=a.example",
                           "-p", str(port), "127.0.0.1"], capture_output=True, text=True, timeout=3 * PATIENCE, check=True).stdout


@pytest.mark.parametrize("exchange", SUITES)
def test_nmap_lists_the_suite_of_the_peer(serve, exchange):
    _, port = serve(f'version = "1.2"\n{exchange}')
    found = enumerated(port)
    suites = {word for word in found.split() if word.startswith("TLS_")}
    assert {s for s in suites if "PSK" in s} == {SUITES[exchange]}, found
    assert any("ECDSA" in s for s in suites), "certificates are served beside it"


def test_nmap_lists_nothing_else_where_a_shared_key_is_required(serve):
    _, port = serve('version = "1.2"', "--expect", "b.example")
    found = enumerated(port)
    assert {word for word in found.split() if word.startswith("TLS_")} == {"TLS_DHE_PSK_WITH_AES_256_GCM_SHA384"}, found


def test_nmap_finds_no_psk_where_no_peer_has_one(serve):
    _, port = serve('version = "1.3"')
    found = enumerated(port)
    assert "TLS_" in found and "PSK" not in found, found


def test_openssl_shows_hint_and_suite(serve):
    pool, port = serve('version = "1.2"')
    keys = give(pool, INCOMING)
    with psk_client(port, INCOMING, keys[INCOMING]) as client:
        client.wait_for("PSK identity hint: hsm.a.example")
        client.wait_for("Cipher +: DHE-PSK-AES256-GCM-SHA384")
