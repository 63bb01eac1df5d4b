# SPDX-License-Identifier: Apache-2.0
"""External PSKs of TLS 1.3: two pools with each other, and openssl(1) on either end; both hashes, plain and derived."""
import pytest
import tlspool
from shared_keys import INCOMING, OUTGOING, give, give_both, identity, make_site, make_two_sites, own_identity, psk_client, psk_server, session_file
from talk import OurServer, Process, our_client, read_line, s_client

SUITE = {"sha384": "TLS_AES_256_GCM_SHA384", "sha256": "TLS_AES_128_GCM_SHA256"}


def in_pool(pool):
    return {"pool": pool.directory}


@pytest.mark.parametrize("hash_name", SUITE)
@pytest.mark.parametrize("mode", ["plain", "derived"])
def test_two_pools(make_pool, hash_name, mode):
    a, b = make_two_sites(make_pool, f'hash = "{hash_name}"\nmode = "{mode}"')
    give_both(a, b, 2, 4, 6)
    with OurServer(tlspool, **in_pool(b)) as server, our_client(tlspool, server.port, "b.example", **in_pool(a)) as client:
        with server.plain() as served:
            client.sendall(b"hello\n")
            assert read_line(served) == b"hello\n"
            for facts, peer, store in ((client.session, "b.example", "hsm.b.example"), (served.session, "a.example", "hsm.a.example")):
                assert (facts.remote_identity, facts.remote_names, facts.verified_by) == (peer, (peer,), "sharedKey")
                assert (facts.version, facts.cipher_suite, facts.group) == ("tls13", SUITE[hash_name], "x25519")
                assert (facts.signature_algorithm, facts.resumed) == (None, False)
                assert (facts.shared_key.store, facts.shared_key.forward_secrecy, facts.shared_key.keys_left) == (store, True, 2)
            assert client.session.shared_key.key_id == served.session.shared_key.key_id
            assert client.channel_binding() == served.channel_binding()
            started = a.wait_for("session.started")
            assert (started["store"], started["key"]) == ("hsm.b.example", client.session.shared_key.key_id)


def test_our_server_and_openssl_with_sha256(make_pool):
    pool = make_site(make_pool, 'hash = "sha256"')
    keys = give(pool, INCOMING)
    with OurServer(tlspool, **in_pool(pool)) as server:
        with psk_client(server.port, INCOMING, keys[INCOMING], version="-tls1_3") as client, server.plain() as plain:
            client.say("question\n")
            assert read_line(plain) == b"question\n"
            assert plain.session.shared_key.key_id == str(INCOMING)
            client.wait_for("TLS_AES_128_GCM_SHA256")


def test_our_server_and_openssl_with_sha384(make_pool, tmp_path):
    pool = make_site(make_pool)
    keys = give(pool, INCOMING)
    psk = session_file(tmp_path / "psk.pem", 0x0304, 0x1302, bytes.fromhex(keys[INCOMING]))
    with OurServer(tlspool, **in_pool(pool)) as server:
        with s_client(server.port, "-tls1_3", "-psk_identity", identity(INCOMING), "-psk_session", psk) as client, server.plain() as plain:
            client.say("question\n")
            assert read_line(plain) == b"question\n"
            assert plain.session.cipher_suite == "TLS_AES_256_GCM_SHA384"


def test_our_client_and_openssl_with_sha256(make_pool):
    pool = make_site(make_pool, 'hash = "sha256"')
    keys = give(pool, OUTGOING)
    with psk_server(OUTGOING, keys[OUTGOING], "-tls1_3") as server:
        with our_client(tlspool, server.port, "b.example", **in_pool(pool)) as plain:
            plain.sendall(b"ping\n")
            assert read_line(plain) == b"gnip\n"
            assert plain.session.shared_key.key_id == str(OUTGOING)


def test_our_client_and_openssl_with_sha384(make_pool, tmp_path):
    pool = make_site(make_pool)
    keys = give(pool, OUTGOING)
    psk = session_file(tmp_path / "psk.pem", 0x0304, 0x1302, bytes.fromhex(keys[OUTGOING]))
    with Process("openssl", "s_server", "-accept", "127.0.0.1:0", "-nocert", "-rev", "-tls1_3", "-psk_identity", own_identity(OUTGOING),
                 "-psk_session", psk) as server:
        port = int(server.wait_for(r"ACCEPT \S*:(\d+)\s").group(1))
        with our_client(tlspool, port, "b.example", **in_pool(pool)) as plain:
            plain.sendall(b"ping\n")
            assert read_line(plain) == b"gnip\n"
            assert plain.session.cipher_suite == "TLS_AES_256_GCM_SHA384"
