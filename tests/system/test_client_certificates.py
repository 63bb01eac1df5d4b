# SPDX-License-Identifier: Apache-2.0
"""Certificates of clients: required, optional, not asked for; on a server of the pool and on another's."""
import pytest
from talk import GNUTLS_PRIORITY, KINDS, OPENSSL_VERSION, VERSIONS, OurServer, Process, our_client, read_line, s_client, s_server, shown

JOE = "joe@clients.example"


def client_of(pool, server, version, *options):
    return s_client(server.port, OPENSSL_VERSION[version], "-CAfile", pool.ca, "-verify_return_error", *options)


@pytest.mark.parametrize("proof", ["required", "optional"])
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_key_of_a_client_is_verified(library, pool, pki, kind, version, proof):
    party = pki.leaf(JOE, key=kind, usage="clientAuth", also=("host.example",))
    with OurServer(library, "p256.example", remote_proof=proof) as server, client_of(pool, server, version, *shown(party)) as client:
        with server.plain() as plain:
            client.say("hello\n")
            assert read_line(plain) == b"hello\n"
            facts = plain.session
    assert (facts.remote_identity, facts.verified_by) == (JOE, "chain")
    assert set(facts.remote_names) == {JOE, "host.example"}
    # The peer's scheme, not ours: the two differ for all but P-256.
    assert facts.signature_algorithm.startswith({"p": "ecdsa_", "e": "ed25519", "r": "rsa_pss_rsae_"}[kind[0]])


@pytest.mark.parametrize("version", VERSIONS)
def test_expected_user_is_let_in_and_another_is_not(library, pool, pki, version):
    with OurServer(library, "p256.example", remote_identity=JOE) as server:
        with client_of(pool, server, version, *shown(pki.leaf(JOE, usage="clientAuth"))), server.plain() as plain:
            assert plain.session.remote_identity == JOE
    other = pki.leaf("mary@clients.example", usage="clientAuth")
    with OurServer(library, "p256.example", remote_identity=JOE) as server, client_of(pool, server, version, *shown(other)) as client:
        failed = server.failure()
        client.wait_for("alert bad certificate")
    assert (failed.reason, failed.check, failed.alert_sent) == ("certificate", "name", "bad_certificate")
    assert "mary@clients.example" in failed.certificate and JOE in str(failed)


@pytest.mark.parametrize("version", VERSIONS)
def test_required_certificate_that_does_not_come(library, pool, version):
    with OurServer(library, "p256.example", remote_proof="required") as server, client_of(pool, server, version) as client:
        failed = server.failure()
        client.wait_for({"tls12": "alert handshake failure", "tls13": "alert certificate required"}[version])
    assert (failed.reason, failed.check) == ("certificate", "chain")
    assert failed.alert_sent == {"tls12": "handshake_failure", "tls13": "certificate_required"}[version]
    assert "certificate" in str(failed) and not failed.socket_usable


@pytest.mark.parametrize("version", VERSIONS)
def test_optional_certificate_that_does_not_come(library, pool, version):
    with OurServer(library, "p256.example", remote_proof="optional") as server, client_of(pool, server, version) as client:
        with server.plain() as plain:
            client.say("anonymous\n")
            assert read_line(plain) == b"anonymous\n"
            assert (plain.session.remote_identity, plain.session.verified_by) == (None, "none")
            assert plain.session.remote_names == () and plain.peer_certificates() == []
        client.wait_for("Acceptable client certificate CA names|Client Certificate Types|No client certificate CA names sent")


@pytest.mark.parametrize("proof", ["required", "optional"])
@pytest.mark.parametrize("version", VERSIONS)
def test_bad_certificate_is_refused_even_where_none_is_needed(library, pool, pki, version, proof):
    party = pki.leaf(JOE, sort="unknown-ca", usage="clientAuth")
    with OurServer(library, "p256.example", remote_proof=proof) as server, client_of(pool, server, version, *shown(party)) as client:
        failed = server.failure()
        client.wait_for("alert unknown ca")
    assert (failed.reason, failed.check, failed.alert_sent) == ("certificate", "chain", "unknown_ca")


@pytest.mark.parametrize("version", VERSIONS)
def test_none_asks_for_no_certificate(library, pool, pki, version):
    party = pki.leaf(JOE, usage="clientAuth")
    with OurServer(library, "p256.example", remote_proof="none") as server:
        with client_of(pool, server, version, "-msg", *shown(party)) as client, server.plain() as plain:
            assert (plain.session.remote_identity, plain.session.verified_by) == (None, "none")
            client.say("x\n")
            read_line(plain)
    assert "CertificateRequest" not in client.text


@pytest.mark.parametrize("version", VERSIONS)
def test_gnutls_client_with_certificate(library, pool, pki, version):
    party = pki.leaf(JOE, usage="clientAuth")
    with OurServer(library, "p256.example", remote_proof="required") as server:
        with Process("gnutls-cli", "--port", server.port, "--x509cafile", pool.ca, "--priority", GNUTLS_PRIORITY[version],
                     "--x509certfile", party.chain, "--x509keyfile", party.key, "--verify-hostname", "p256.example",
                     "127.0.0.1") as client, server.plain() as plain:
            client.say("hello\n")
            assert read_line(plain) == b"hello\n"
            assert plain.session.remote_identity == JOE


@pytest.mark.parametrize("version", VERSIONS)
def test_user_of_the_pool_proves_itself(library, pool, pki, version):
    with s_server(pki.leaf("web.example"), OPENSSL_VERSION[version], "-Verify", "3", "-CAfile", pool.ca, "-verify_return_error") as server:
        with our_client(library, server.port, "web.example", local_identity=JOE) as plain:
            plain.sendall(b"ping\n")
            assert read_line(plain) == b"gnip\n"
            assert plain.session.local_identity == JOE
        server.wait_for("Peer certificate: .*joe@clients.example")


@pytest.mark.parametrize("version", VERSIONS)
def test_identity_that_nobody_asked_for_is_not_told_as_shown(library, pki, version):
    with s_server(pki.leaf("web.example"), OPENSSL_VERSION[version]) as server:
        for resumed in (False, True):  # and a resumed session shows no more than the first one
            with our_client(library, server.port, "web.example", local_identity=JOE) as plain:
                plain.sendall(b"ping\n")
                assert read_line(plain) == b"gnip\n"
                assert plain.session.local_identity is None, resumed
        assert "Peer certificate:" not in server.text


def test_identity_whose_key_does_not_fit_is_not_told_as_shown(library, pool, pki):
    # The server would take a certificate, but can't check an Ed25519 signature.
    with s_server(pki.leaf("web.example"), "-tls1_2", "-verify", "3", "-CAfile", pool.ca, "-client_sigalgs", "RSA+SHA256") as server:
        with our_client(library, server.port, "web.example", local_identity="ed25519.example") as plain:
            plain.sendall(b"ping\n")
            assert read_line(plain) == b"gnip\n"
            assert plain.session.local_identity is None


def test_server_that_wants_a_certificate_says_so_to_a_client_without(library, pool, pki):
    with s_server(pki.leaf("web.example"), "-tls1_2", "-Verify", "3", "-CAfile", pool.ca) as server:
        with pytest.raises(library.HandshakeFailed) as raised:
            our_client(library, server.port, "web.example")
    assert (raised.value.reason, raised.value.alert_received) == ("alert", "handshake_failure")
    assert "local identity" in str(raised.value)
