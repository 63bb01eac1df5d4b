# SPDX-License-Identifier: Apache-2.0
"""Both roles against GnuTLS: every key type, TLS 1.2 and 1.3."""
import pytest
from talk import GNUTLS_PRIORITY, KINDS, VERSIONS, OurServer, Process, gnutls_serv, our_client, read_line


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_our_client_and_gnutls_serv(library, pki, kind, version):
    with gnutls_serv(pki.leaf("web.example", key=kind), "--priority", GNUTLS_PRIORITY[version], "--disable-client-cert") as server:
        with our_client(library, server.port, "web.example") as plain:
            plain.sendall(b"hello\n")
            assert read_line(plain) == b"hello\n"
            facts = plain.session
    assert (facts.version, facts.remote_identity, facts.verified_by) == (version, "web.example", "chain")
    assert facts.signature_algorithm.startswith({"p": "ecdsa_", "e": "ed25519", "r": "rsa_pss_rsae_"}[kind[0]])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_our_client_proves_its_identity_to_gnutls_serv(library, pool, pki, kind, version):
    with gnutls_serv(pki.leaf("web.example"), "--priority", GNUTLS_PRIORITY[version], "--x509cafile", str(pool.ca),
                     "--require-client-cert", "--verify-client-cert") as server:
        with our_client(library, server.port, "web.example", local_identity=f"{kind}.example") as plain:
            plain.sendall(b"hello\n")
            assert read_line(plain) == b"hello\n"
            assert plain.session.local_identity == f"{kind}.example"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_our_server_and_gnutls_cli(library, pool, kind, version):
    name = f"{kind}.example"
    with OurServer(library) as server:
        with Process("gnutls-cli", "--port", server.port, "--x509cafile", pool.ca, "--priority", GNUTLS_PRIORITY[version],
                     "--sni-hostname", name, "--verify-hostname", name, "127.0.0.1") as client:
            with server.plain() as plain:
                client.wait_for("Simple Client Mode")
                client.say("question\n")
                assert read_line(plain) == b"question\n"
                plain.sendall(b"answer\n")
                client.wait_for("answer")
                assert plain.session.version == version
            client.wait_for("Peer has closed the GnuTLS connection")
    assert "Status: The certificate is trusted" in client.text
