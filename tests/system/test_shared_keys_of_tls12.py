# SPDX-License-Identifier: Apache-2.0
"""PSK suites of TLS 1.2 with the identity hint of the document's message flow: every exchange, both roles, against
openssl(1) and between two pools."""
import pytest
import tlspool
from shared_keys import INCOMING, OTHER, OUTGOING, OWN, give, give_both, make_site, make_two_sites, own_identity, psk_client, psk_server
from talk import OurServer, our_client, read_line, refusal

EXCHANGES = {  # configuration, OpenSSL's suite, IANA's, forward secrecy
    "none": ('exchange = "none"\nforward_secrecy = false', "PSK-AES256-GCM-SHA384", "TLS_PSK_WITH_AES_256_GCM_SHA384", False),
    "none256": ('exchange = "none"\nforward_secrecy = false\nhash = "sha256"', "PSK-AES128-GCM-SHA256", "TLS_PSK_WITH_AES_128_GCM_SHA256", False),
    "dhe": ('exchange = "dhe"', "DHE-PSK-AES256-GCM-SHA384", "TLS_DHE_PSK_WITH_AES_256_GCM_SHA384", True),
    "dhe256": ('exchange = "dhe"\nhash = "sha256"', "DHE-PSK-AES128-GCM-SHA256", "TLS_DHE_PSK_WITH_AES_128_GCM_SHA256", True),
    "ecdhe": ('exchange = "ecdhe"\nhash = "sha256"', "ECDHE-PSK-CHACHA20-POLY1305", "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256", True),
}


@pytest.fixture(params=EXCHANGES)
def exchange(request):
    lines, openssl, iana, forward_secrecy = EXCHANGES[request.param]
    return 'version = "1.2"\n' + lines, openssl, iana, forward_secrecy


def test_our_server_and_openssl(make_pool, exchange):
    lines, openssl, iana, forward_secrecy = exchange
    pool = make_site(make_pool, lines)
    keys = give(pool, INCOMING)
    with OurServer(tlspool, pool=pool.directory) as server:
        with psk_client(server.port, INCOMING, keys[INCOMING], "-cipher", openssl) as client, server.plain() as plain:
            client.say("question\n")
            assert read_line(plain) == b"question\n"
            client.wait_for(f"PSK identity hint: {OWN}")
            facts = plain.session
    assert (facts.remote_identity, facts.verified_by, facts.cipher_suite) == ("b.example", "sharedKey", iana)
    assert (facts.version, facts.resumed, facts.signature_algorithm) == ("tls12", False, None)
    assert (facts.shared_key.store, facts.shared_key.key_id, facts.shared_key.forward_secrecy) == (OTHER, str(INCOMING), forward_secrecy)


@pytest.mark.parametrize("hint", [None, OTHER, f"pkcs:object={OTHER}"])
def test_our_client_and_openssl(make_pool, exchange, hint):
    lines, openssl, iana, forward_secrecy = exchange
    pool = make_site(make_pool, lines)
    keys = give(pool, OUTGOING)
    options = ["-psk_hint", hint] if hint else []
    with psk_server(OUTGOING, keys[OUTGOING], "-tls1_2", "-cipher", openssl, *options) as server:
        with our_client(tlspool, server.port, "b.example", pool=pool.directory) as plain:
            plain.sendall(b"ping\n")
            assert read_line(plain) == b"gnip\n"
            assert plain.session.cipher_suite == iana
            assert plain.session.shared_key.forward_secrecy == forward_secrecy


def test_two_pools(make_pool, exchange):
    lines, _, iana, _ = exchange
    a, b = make_two_sites(make_pool, lines)
    give_both(a, b, OUTGOING)
    with OurServer(tlspool, pool=b.directory) as server, our_client(tlspool, server.port, "b.example", pool=a.directory) as client:
        with server.plain() as served:
            client.sendall(b"hello\n")
            assert read_line(served) == b"hello\n"
            assert {client.session.cipher_suite, served.session.cipher_suite} == {iana}


def test_a_hint_of_another_store_is_refused(make_pool):
    pool = make_site(make_pool, EXCHANGES["dhe"][0] + '\nversion = "1.2"')
    keys = give(pool, OUTGOING)
    with psk_server(OUTGOING, keys[OUTGOING], "-tls1_2", "-cipher", "DHE-PSK-AES256-GCM-SHA384", "-psk_hint", "hsm.other.example") as server:
        failed = refusal(tlspool, server.port, "b.example", pool=pool.directory)
    assert failed.reason == "sharedKey"
    assert "hsm.other.example" in str(failed) and OTHER in str(failed)


def test_the_identity_is_that_of_the_document(make_pool):
    pool = make_site(make_pool, 'version = "1.2"')
    give(pool, 5678)
    with psk_server(5678, "00" * 32, "-tls1_2", "-cipher", "DHE-PSK-AES256-GCM-SHA384") as server:
        refusal(tlspool, server.port, "b.example", pool=pool.directory)
        assert own_identity(5678) == "pkcs:object=hsm.a.example;id=5678"
        assert "WARNING" not in server.text  # which openssl prints where another identity comes
