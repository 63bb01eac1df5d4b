# SPDX-License-Identifier: Apache-2.0
"""A peer towards openssl(1), which knows nothing of peers: s_client and s_server, each proving itself and verifying us."""
import pytest
from peer_sites import Side, Waiting, connected
from talk import OPENSSL_VERSION, VERSIONS, read_line, s_client, s_server, shown


def peer_of(sites, name, **options):
    a, b = sites
    side = Side(a, b, **options)
    side.options["remote_identity"] = name
    return side


def both(usage="serverAuth,clientAuth"):
    return {"usage": usage}


@pytest.mark.parametrize("version", VERSIONS)
def test_s_client_finds_a_server(sites, pki, version):
    party = pki.leaf("web.example", **both())
    with Waiting(peer_of(sites, "web.example", remote_role="client")) as ours:
        with s_client(ours.port, OPENSSL_VERSION[version], "-brief", "-CAfile", sites[0].ca, "-verify_return_error", "-verify_hostname",
                      "a.example", *shown(party)) as client, ours.plain() as plain:
            client.say("question\n")
            assert read_line(plain) == b"question\n"
            plain.sendall(b"answer\n")
            client.wait_for("answer")
            facts = plain.session
    assert (facts.role, facts.version) == ("server", version)
    assert (facts.local_identity, facts.remote_identity, facts.verified_by) == ("a.example", "web.example", "chain")
    assert "Verification: OK" in client.text


@pytest.mark.parametrize("remote", ["server", "peer"])
@pytest.mark.parametrize("version", VERSIONS)
def test_s_server_finds_a_client(sites, pki, version, remote):
    """With remoteRole peer as well: a server that knows nothing of peers ignores the extension."""
    with s_server(pki.leaf("web.example", **both()), OPENSSL_VERSION[version], "-Verify", "3", "-CAfile", sites[0].ca,
                  "-verify_return_error") as server:
        with connected(peer_of(sites, "web.example", remote_role=remote), server.port) as plain:
            plain.sendall(b"ping\n")
            assert read_line(plain) == b"gnip\n"
            facts = plain.session
        server.wait_for("Peer certificate: .*a.example")
        server.wait_for("Verification: OK")
    assert (facts.role, facts.version) == ("client", version)
    assert (facts.local_identity, facts.remote_identity, facts.verified_by) == ("a.example", "web.example", "chain")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_wrong_name_of_a_plain_client_is_refused(sites, pki, version):
    with Waiting(peer_of(sites, "b.example", remote_role="client")) as ours:
        with s_client(ours.port, OPENSSL_VERSION[version], *shown(pki.leaf("web.example", **both()))) as client:
            failed = ours.failure()
            client.wait_for("alert bad certificate")
    assert (failed.reason, failed.check) == ("certificate", "name")


def test_a_hello_retry_request_comes_between(sites, pki):
    """The server wants a group for which the peer's first hello has no key share."""
    with s_server(pki.leaf("web.example", **both()), "-tls1_3", "-groups", "P-384") as server:
        with connected(peer_of(sites, "web.example"), server.port) as plain:
            plain.sendall(b"ping\n")
            assert read_line(plain) == b"gnip\n"
            assert plain.session.group == "secp384r1"


def test_a_plain_client_may_need_a_hello_retry_request(sites, pki):
    with Waiting(peer_of(sites, "web.example", remote_role="client")) as ours:
        with s_client(ours.port, "-tls1_3", "-groups", "X448:P-384", *shown(pki.leaf("web.example", **both()))) as client, ours.plain() as plain:
            client.say("question\n")
            assert read_line(plain) == b"question\n"
            assert plain.session.group == "secp384r1"
