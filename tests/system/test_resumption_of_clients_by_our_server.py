# SPDX-License-Identifier: Apache-2.0
"""Tickets of the pool's server: they resume, at any of its workers, and only under the identity, the request and the
policy that they were made under."""
import socket
import ssl

import pytest
from peers import client_context, in_thread, tcp_pair
from pool import eventually
from talk import GNUTLS_PRIORITY, OPENSSL_VERSION, PYTHON_VERSION, VERSIONS, OurServer, Process, Raw, read_exactly, s_client

JOE = "joe@clients.example"


def visit(library, context, session=None, identity="p256.example", **options):
    """One connection of Python's ssl: (its session for later, whether it was resumed, our facts, our leaf of it)."""
    a, b = tcp_pair()
    peer = Raw(b, context, name="any.example", session=session)
    with in_thread(lambda: library.wrap_server(a, identity, **options)) as other:
        peer.handshake()
        ours = other.result()
    with ours:
        peer.read_tickets()
        peer.send(b"question")
        assert read_exactly(ours, 8) == b"question"
        ours.sendall(b"answer")
        assert peer.read() == b"answer"
        assert ours.session.resumed == peer.tls.session_reused
        certificates = ours.peer_certificates()
    peer.close()
    return peer.tls.session, peer.tls.session_reused, ours.session, certificates


def visitor(pool, version, certificate=None):
    context = client_context(pool.ca, PYTHON_VERSION[version], certificate)
    context.check_hostname = False
    return context


@pytest.mark.parametrize("version", VERSIONS)
def test_s_client_resumes(library, pool, tmp_path, version):
    file = tmp_path / "session"
    with OurServer(library, "p256.example") as server:
        with s_client(server.port, OPENSSL_VERSION[version], "-CAfile", pool.ca, "-sess_out", file) as client, server.plain() as plain:
            client.wait_for("New, TLS")
            assert not plain.session.resumed
            eventually(file.exists)
            eventually(lambda: "END SSL SESSION" in file.read_text())
    for _ in range(4):  # whichever of the two workers
        with OurServer(library, "p256.example") as server:
            with s_client(server.port, OPENSSL_VERSION[version], "-CAfile", pool.ca, "-sess_in", file) as client:
                with server.plain() as plain:
                    client.wait_for("Reused, TLS")
                    assert plain.session.resumed
                    assert plain.session.signature_algorithm is None
                    client.say("hello\n")
                    assert read_exactly(plain, 6) == b"hello\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_gnutls_resumes(library, pool, version):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with Process("gnutls-cli", "--resume", "--waitresumption", "--port", listener.getsockname()[1], "--x509cafile", pool.ca, "--priority",
                     GNUTLS_PRIORITY[version], "--verify-hostname", "p256.example", "127.0.0.1") as client:
            first, _ = listener.accept()
            with library.wrap_server(first, "p256.example"):
                listener.settimeout(20)
                second, _ = listener.accept()
            with library.wrap_server(second, "p256.example") as plain:
                assert plain.session.resumed
                client.wait_for("This is a resumed session")


@pytest.mark.parametrize("version", VERSIONS)
def test_resumed_again_and_again(library, pool, version):
    context = visitor(pool, version)
    session, reused, _, _ = visit(library, context)
    assert not reused
    for _ in range(6):
        session, reused, facts, _ = visit(library, context, session)
        assert reused
        assert (facts.local_identity, facts.signature_algorithm) == ("p256.example", None)
        assert facts.group == (None if version == "tls12" else "x25519")  # PSK with DHE: forward secret


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("proof", ["required", "optional"])
def test_resumed_client_is_the_same_one(library, pool, pki, version, proof):
    context = visitor(pool, version, pki.leaf(JOE, usage="clientAuth", also=("host.example",)))
    session, _, first, chain = visit(library, context, remote_proof=proof)
    for _ in range(3):
        session, reused, again, known = visit(library, context, session, remote_proof=proof)
        assert reused
        assert (again.remote_identity, again.verified_by, again.remote_names) == (JOE, "chain", first.remote_names)
        assert known[:1] == chain[:1]


OTHERS = [
    dict(identity="p384.example"),
    dict(service="imap"),
    dict(remote_proof="optional"),
    dict(remote_proof="required", remote_identity=JOE),
    dict(alpn=["h2"]),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_not_resumed_under_another_request(library, pool, pki, version, other):
    context = visitor(pool, version, pki.leaf(JOE, usage="clientAuth"))
    session, _, _, _ = visit(library, context)
    _, reused, facts, _ = visit(library, context, session, **other)
    assert not reused and not facts.resumed
    assert facts.remote_identity == (JOE if "remote_proof" in other else None)


@pytest.mark.parametrize("version", VERSIONS)
def test_anonymous_session_does_not_become_a_proved_one(library, pool, pki, version):
    # The other way round: a ticket of a connection that proved nothing is shown where proof is required.
    session, _, _, _ = visit(library, context := visitor(pool, version), remote_proof="optional")
    a, b = tcp_pair()
    peer = Raw(b, context, name="any.example", session=session)
    with in_thread(lambda: pytest.raises(library.HandshakeFailed, library.wrap_server, a, "p256.example", remote_proof="required")) as other:
        with pytest.raises(ssl.SSLError):
            peer.handshake()
            peer.read()
        assert other.result().value.alert_sent in ("certificate_required", "handshake_failure")
    a.close()
    peer.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_ticket_of_another_pool_means_a_full_handshake(library, pool, make_pool, version):
    other = make_pool()
    other.start()
    context = visitor(pool, version)
    context.load_verify_locations(str(other.ca))
    session, _, _, _ = visit(library, context)
    _, reused, _, _ = visit(library, context, session, identity="pool.example", pool=other.directory)
    assert not reused
