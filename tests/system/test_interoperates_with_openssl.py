# SPDX-License-Identifier: Apache-2.0
"""Both roles against openssl(1): every key type, TLS 1.2 and 1.3, IPv4 and IPv6; the facts are those that the peer
sees."""
import pytest
from talk import KINDS, OPENSSL_VERSION, VERSIONS, OurServer, our_client, read_line, s_client, s_server

# What the pool prefers and OpenSSL offers by default: PSS for RSA keys, in TLS 1.2 too.
SCHEME = {"p256": "ecdsa_secp256r1_sha256", "p384": "ecdsa_secp384r1_sha384", "ed25519": "ed25519",
          "rsa2048": "rsa_pss_rsae_sha256", "rsa3072": "rsa_pss_rsae_sha256", "rsa4096": "rsa_pss_rsae_sha256"}
SUITE13 = "TLS_AES_128_GCM_SHA256"
SUITE12 = {"rsa": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ec": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"}
# openssl's -brief summary and its own words for the same things.
BRIEF_TYPE = {"p256": "ECDSA", "p384": "ECDSA", "ed25519": "ed25519", "rsa2048": "RSA-PSS", "rsa3072": "RSA-PSS",
              "rsa4096": "RSA-PSS"}
BRIEF_VERSION = {"tls12": "TLSv1.2", "tls13": "TLSv1.3"}


def suite_of(kind, version):
    return SUITE13 if version == "tls13" else SUITE12["rsa" if kind.startswith("rsa") else "ec"]


def scheme_of(kind, version):
    # In TLS 1.2 a scheme says nothing about the curve, and SHA-256 stands first.
    return "ecdsa_secp256r1_sha256" if (kind, version) == ("p384", "tls12") else SCHEME[kind]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_our_client_and_s_server(library, pki, kind, version):
    with s_server(pki.leaf("web.example", key=kind), OPENSSL_VERSION[version], "-alpn", "b,c") as server:
        with our_client(library, server.port, "web.example", alpn=["a", "b"]) as plain:
            plain.sendall(b"ping\n")
            assert read_line(plain) == b"gnip\n"
            facts = plain.session
    assert (facts.role, facts.version) == ("client", version)
    assert facts.cipher_suite == suite_of(kind, version)
    assert facts.group == "x25519"
    assert facts.signature_algorithm == scheme_of(kind, version)
    assert facts.alpn == "b"
    assert (facts.local_identity, facts.remote_identity) == (None, "web.example")
    assert facts.remote_names == ("web.example",)
    assert (facts.verified_by, facts.resumed) == ("chain", False)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_our_client_signs_with_every_key(library, pool, pki, kind, version):
    with s_server(pki.leaf("web.example"), OPENSSL_VERSION[version], "-Verify", "3", "-CAfile", pool.ca,
                  "-verify_return_error") as server:
        with our_client(library, server.port, "web.example", local_identity=f"{kind}.example") as plain:
            plain.sendall(b"ping\n")
            assert read_line(plain) == b"gnip\n"
            assert plain.session.local_identity == f"{kind}.example"
        server.wait_for(f"Peer certificate: .*{kind}.example")
        server.wait_for(f"Signature type: {BRIEF_TYPE[kind]}")
        server.wait_for("Verification: OK")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_our_server_and_s_client(library, pool, kind, version):
    name = f"{kind}.example"
    with OurServer(library, alpn=["b", "a"]) as server:
        with s_client(server.port, OPENSSL_VERSION[version], "-brief", "-CAfile", pool.ca, "-verify_return_error",
                      "-servername", name, "-verify_hostname", name, "-alpn", "a,b") as client:
            with server.plain() as plain:
                client.say("question\n")
                assert read_line(plain) == b"question\n"
                plain.sendall(b"answer\n")
                client.wait_for("answer")
                facts = plain.session
            assert client.status() == 0, client.text
    said = client.text
    assert f"Protocol version: {BRIEF_VERSION[version]}" in said
    assert f"Signature type: {BRIEF_TYPE[kind]}" in said
    assert "Verification: OK" in said
    assert f"Verified peername: {name}" in said
    assert (facts.role, facts.version) == ("server", version)
    assert facts.cipher_suite == suite_of(kind, version)
    assert facts.group == "x25519"
    assert facts.signature_algorithm == scheme_of(kind, version)
    assert facts.alpn == "b"  # our order counts
    assert (facts.local_identity, facts.remote_identity) == (name, None)
    assert (facts.remote_names, facts.verified_by, facts.resumed) == ((), "none", False)


@pytest.mark.parametrize("version", VERSIONS)
def test_pkcs1_and_pss_are_told_apart(library, pool, pki, version):
    # TLS 1.3 forbids PKCS#1 signatures; in 1.2 a peer may want nothing else.
    wanted = {"tls12": ("RSA+SHA256", "rsa_pkcs1_sha256", "RSA"), "tls13": ("RSA-PSS+SHA384", "rsa_pss_rsae_sha384", "RSA-PSS")}
    sigalgs, scheme, brief = wanted[version]
    with OurServer(library, "rsa2048.example") as server:
        with s_client(server.port, OPENSSL_VERSION[version], "-brief", "-CAfile", pool.ca, "-sigalgs", sigalgs) as client:
            with server.plain() as plain:
                assert plain.session.signature_algorithm == scheme
            client.wait_for(rf"Signature type: {brief}\s")
    with s_server(pki.leaf("web.example", key="rsa2048"), OPENSSL_VERSION[version], "-sigalgs", sigalgs) as server:
        with our_client(library, server.port, "web.example") as plain:
            assert plain.session.signature_algorithm == scheme


def test_pkcs1_client_signature(library, pool, pki):
    with s_server(pki.leaf("web.example"), "-tls1_2", "-Verify", "3", "-CAfile", pool.ca, "-client_sigalgs",
                  "RSA+SHA256:ECDSA+SHA256") as server:
        with our_client(library, server.port, "web.example", local_identity="rsa2048.example") as plain:
            plain.sendall(b"ping\n")
            assert read_line(plain) == b"gnip\n"
        server.wait_for(r"Signature type: RSA\s")


@pytest.mark.parametrize("group, name", [("P-256", "secp256r1"), ("P-384", "secp384r1"), ("P-521", "secp521r1"),
                                         ("X25519", "x25519")])
@pytest.mark.parametrize("version", VERSIONS)
def test_groups_that_the_peer_wants(library, pool, pki, group, name, version):
    # In 1.3 all but X25519 need a HelloRetryRequest of the server: ours as client, s_client's as server.
    with s_server(pki.leaf("web.example"), OPENSSL_VERSION[version], "-groups", group) as server:
        with our_client(library, server.port, "web.example") as plain:
            assert plain.session.group == name
    # Not an EC identity: in 1.2 the groups limit its curve, too.
    with OurServer(library, "rsa2048.example") as server:
        with s_client(server.port, OPENSSL_VERSION[version], "-CAfile", pool.ca, "-groups", group), server.plain() as plain:
            assert plain.session.group == name


@pytest.mark.parametrize("suite, name", [("TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
                                         ("TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256")])
def test_suites_of_tls13(library, pki, suite, name):
    with s_server(pki.leaf("web.example"), "-ciphersuites", suite) as server:
        with our_client(library, server.port, "web.example") as plain:
            assert plain.session.cipher_suite == name


@pytest.mark.parametrize("version", VERSIONS)
def test_ipv6(library, pool, pki, version):
    with s_server(pki.leaf("::1"), OPENSSL_VERSION[version], host="::1") as server:
        with our_client(library, server.port, "::1", host="::1") as plain:
            plain.sendall(b"ping\n")
            assert read_line(plain) == b"gnip\n"
            assert plain.session.remote_identity == "::1"
    with OurServer(library, "p256.example", host="::1") as server:
        with s_client(server.port, OPENSSL_VERSION[version], "-brief", "-CAfile", pool.ca, "-verify_return_error", host="::1") as client:
            with server.plain() as plain:
                client.say("over six\n")
                assert read_line(plain) == b"over six\n"


def test_version_and_minimum(library, pool, pki):
    with s_server(pki.leaf("web.example"), "-tls1_2") as server:
        failed = library.HandshakeFailed
        with pytest.raises(failed) as raised:
            our_client(library, server.port, "web.example", minimum_version="tls13")
        assert raised.value.alert_received == "protocol_version"
    with OurServer(library, "p256.example", minimum_version="tls13") as server:
        with s_client(server.port, "-tls1_2", "-CAfile", pool.ca) as client:
            refused = server.failure()
            client.wait_for("alert protocol version")
    assert (refused.reason, refused.alert_sent) == ("policy", "protocol_version")
    # Neither below 1.2, whatever the peer would like.
    with OurServer(library, "p256.example") as server:
        with s_client(server.port, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0") as client:
            assert server.failure().alert_sent == "protocol_version"
            client.wait_for("alert protocol version")


def test_no_common_protocol_is_refused_with_its_alert(library, pool, pki):
    with OurServer(library, "p256.example", alpn=["h2"]) as server:
        with s_client(server.port, "-CAfile", pool.ca, "-alpn", "x") as client:
            refused = server.failure()
            client.wait_for("alert no application protocol")
    assert (refused.reason, refused.alert_sent) == ("policy", "no_application_protocol")
    assert "ALPN" in str(refused)


def test_peer_that_does_not_speak_alpn_goes_on_without(library, pki):
    with s_server(pki.leaf("web.example")) as server:
        with our_client(library, server.port, "web.example", alpn=["a"]) as plain:
            assert plain.session.alpn is None
