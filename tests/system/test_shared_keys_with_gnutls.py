# SPDX-License-Identifier: Apache-2.0
"""gnutls-cli and gnutls-serv with one-time keys, TLS 1.2 and 1.3. GnuTLS 3.7 has external PSKs of TLS 1.3 with SHA-256
only; in its password file an identity with a colon is written in hexadecimal."""
import pytest
import tlspool
from peers import free_port
from shared_keys import INCOMING, OUTGOING, give, identity, make_site, own_identity
from talk import OurServer, Process, our_client, read_line

KINDS = {
    "tls13": ('hash = "sha256"', "NONE:+VERS-TLS1.3:+AES-128-GCM:+AEAD:+SHA256:+ECDHE-PSK:+DHE-PSK:+PSK:+GROUP-X25519:+SIGN-ALL:+CTYPE-X509",
              "TLS_AES_128_GCM_SHA256"),
    "tls12-dhe": ('version = "1.2"', "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-PSK", "TLS_DHE_PSK_WITH_AES_256_GCM_SHA384"),
    "tls12-ecdhe": ('version = "1.2"\nexchange = "ecdhe"', "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-PSK",
                    "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256"),
    "tls12-none": ('version = "1.2"\nexchange = "none"\nforward_secrecy = false', "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+PSK",
                   "TLS_PSK_WITH_AES_256_GCM_SHA384"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_our_server(make_pool, kind):
    peer, priority, suite = KINDS[kind]
    pool = make_site(make_pool, peer)
    keys = give(pool, INCOMING)
    with OurServer(tlspool, pool=pool.directory) as server:
        with Process("gnutls-cli", "--no-ca-verification", "--priority", priority, "--pskusername", identity(INCOMING), "--pskkey", keys[INCOMING],
                     "-p", server.port, "127.0.0.1") as client:
            with server.plain() as plain:
                # gnutls-cli 3.7.9 crashes when it prints a finished (EC)DHE-PSK handshake; that it is finished we know
                # from its Finished.
                if kind in ("tls13", "tls12-none"):
                    client.wait_for("Handshake was completed")
                    client.say("question\n")
                    assert read_line(plain) == b"question\n"
                assert (plain.session.cipher_suite, plain.session.verified_by) == (suite, "sharedKey")
                assert plain.session.shared_key.key_id == str(INCOMING)


@pytest.mark.parametrize("kind", KINDS)
def test_our_client(make_pool, tmp_path, kind):
    peer, priority, suite = KINDS[kind]
    pool = make_site(make_pool, peer)
    keys = give(pool, OUTGOING)
    passwords = tmp_path / "passwords"
    passwords.write_text(f"#{own_identity(OUTGOING).encode().hex()}:{keys[OUTGOING]}\n")
    port = free_port()
    with Process("gnutls-serv", "--echo", "--port", port, "--priority", priority, "--pskpasswd", passwords) as server:
        server.wait_for("listening on IPv4")
        with our_client(tlspool, port, "b.example", pool=pool.directory) as plain:
            plain.sendall(b"question\n")
            assert read_line(plain) == b"question\n"
            assert (plain.session.cipher_suite, plain.session.verified_by) == (suite, "sharedKey")
            assert plain.session.shared_key.forward_secrecy == (kind != "tls12-none")
