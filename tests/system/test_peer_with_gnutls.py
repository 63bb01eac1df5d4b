# SPDX-License-Identifier: Apache-2.0
"""A peer towards gnutls-cli and gnutls-serv, which know nothing of peers."""
import pytest
from peer_sites import Side, Waiting, connected
from talk import GNUTLS_PRIORITY, VERSIONS, Process, gnutls_serv, read_line


def peer_of(sites, role):
    a, b = sites
    side = Side(a, b, remote_role=role)
    side.options["remote_identity"] = "web.example"
    return side


def party(pki):
    return pki.leaf("web.example", usage="serverAuth,clientAuth")


@pytest.mark.parametrize("version", VERSIONS)
def test_gnutls_cli_finds_a_server(sites, pki, version):
    ours = party(pki)
    with Waiting(peer_of(sites, "client")) as server:
        with Process("gnutls-cli", "--port", server.port, "--x509cafile", sites[0].ca, "--priority", GNUTLS_PRIORITY[version],
                     "--x509certfile", ours.chain, "--x509keyfile", ours.key, "--verify-hostname", "a.example",
                     "127.0.0.1") as client:
            with server.plain() as plain:
                client.wait_for("Simple Client Mode")
                client.say("question\n")
                assert read_line(plain) == b"question\n"
                plain.sendall(b"answer\n")
                client.wait_for("answer")
                facts = plain.session
            client.wait_for("Peer has closed the GnuTLS connection")
    assert "Status: The certificate is trusted" in client.text
    assert (facts.role, facts.version, facts.remote_identity) == ("server", version, "web.example")


@pytest.mark.parametrize("remote", ["server", "peer"])
@pytest.mark.parametrize("version", VERSIONS)
def test_gnutls_serv_finds_a_client(sites, pki, version, remote):
    with gnutls_serv(party(pki), "--priority", GNUTLS_PRIORITY[version], "--x509cafile", str(sites[0].ca), "--require-client-cert",
                     "--verify-client-cert") as server:
        with connected(peer_of(sites, remote), server.port) as plain:
            plain.sendall(b"hello\n")
            assert read_line(plain) == b"hello\n"
            facts = plain.session
    assert (facts.role, facts.version, facts.local_identity) == ("client", version, "a.example")
