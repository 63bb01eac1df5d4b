# SPDX-License-Identifier: Apache-2.0
"""The pool's client resumes its own sessions, tells the same proved identity, and never under another request."""
import ssl

import pytest
from peers import in_thread, server_context, tcp_pair
from pool import Pool
from talk import OPENSSL_VERSION, PYTHON_VERSION, VERSIONS, Raw, our_client, read_exactly, read_line, s_server

JOE = "joe@clients.example"


@pytest.fixture(scope="module")
def one_worker(place, pki):
    """Sessions are known to the worker that made them; with one worker every visit can resume."""
    made = Pool(place / "one-worker", name="pool.example")
    made.identity(JOE)
    made.trust(pki.ca().cert)
    made.config.write_text(made.config.read_text().replace("workers = 0", "workers = 1"))
    made.start()
    yield made
    made.remove()


@pytest.fixture
def client(one_worker, library_of):
    return library_of(one_worker)


def visit(library, context, name="web.example", **options):
    """One connection to Python's ssl: our facts, and our plain socket's certificates of the peer."""
    a, b = tcp_pair()
    peer = Raw(b, context, server_side=True)
    with in_thread(peer.handshake) as done, library.wrap_client(a, name, **options) as ours:
        done.result()
        ours.sendall(b"question")
        assert read_exactly(peer_reader(peer), 8) == b"question"
        peer.send(b"answer")
        assert read_exactly(ours, 6) == b"answer"  # and with it the tickets
        facts, certificates = ours.session, ours.peer_certificates()
        assert facts.resumed == peer.tls.session_reused
    peer.close()
    return facts, certificates


class peer_reader:
    """read_exactly() on a Raw."""

    def __init__(self, peer):
        self.recv = peer.read
        self.settimeout = peer.sock.settimeout


def unique(version, number=[0]):
    """A service of its own keeps a test's sessions apart from those of the others."""
    number[0] += 1
    return {"service": f"{version}-{number[0]}"}


@pytest.mark.parametrize("version", VERSIONS)
def test_resumed_again_and_again_with_the_same_identity(client, pki, version):
    context = server_context(pki.leaf("web.example", also=("other.example",)), PYTHON_VERSION[version])
    own = unique(version)
    first, chain = visit(client, context, **own)
    assert not first.resumed and first.signature_algorithm == "ecdsa_secp256r1_sha256"
    for _ in range(5):
        facts, known = visit(client, context, **own)
        assert facts.resumed
        assert (facts.remote_identity, facts.verified_by, facts.remote_names) == ("web.example", "chain", first.remote_names)
        assert (facts.version, facts.signature_algorithm) == (version, None)
        assert known[:1] == chain[:1]
        assert facts.id != first.id


@pytest.mark.parametrize("version", VERSIONS)
def test_renewed_ticket_remembers_the_identity(client, pki, version):
    # openssl s_server gives a new ticket with every connection, in TLS 1.2 as well.
    with s_server(pki.leaf("web.example"), OPENSSL_VERSION[version], mode=None) as server:
        for count in range(4):
            with our_client(client, server.port, "web.example", service=f"renewed-{version}") as plain:
                plain.sendall(b"ping\n")
                server.wait_for("ping", count + 1)
                server.say("pong\n")
                assert read_line(plain) == b"pong\n"
                assert plain.session.resumed == (count > 0)
                assert (plain.session.remote_identity, plain.session.verified_by) == ("web.example", "chain")
            server.wait_for("DONE", count + 1)
        assert server.text.count("Reused session-id") == 3


@pytest.mark.parametrize("version", VERSIONS)
def test_identity_that_was_shown_is_told_on_the_resumed_one(client, one_worker, pki, version):
    context = server_context(pki.leaf("web.example"), PYTHON_VERSION[version], client_ca=one_worker.ca)
    own = unique(version)
    for resumed in (False, True, True):
        facts, _ = visit(client, context, local_identity=JOE, **own)
        assert (facts.resumed, facts.local_identity) == (resumed, JOE)


OTHERS = [
    dict(local_identity=JOE),
    dict(name="other.example"),
    dict(name=None, remote_proof="optional", server_name="web.example"),
    dict(name=None, remote_proof="none", server_name="web.example"),
    dict(server_name="front.example"),
    dict(alpn=["h2"]),
    dict(service="another"),
]


@pytest.mark.parametrize("other", OTHERS, ids=str)
@pytest.mark.parametrize("version", VERSIONS)
def test_not_resumed_under_another_request(client, pki, version, other):
    context = server_context(pki.leaf("web.example", also=("other.example",)), PYTHON_VERSION[version])
    own = unique(version)
    assert not visit(client, context, **own)[0].resumed
    other = {**own, **other}
    if other.get("service") == "another":
        other["service"] += version
    assert not visit(client, context, **other)[0].resumed
    assert visit(client, context, **own)[0].resumed  # the first one's session was there all along


def test_not_resumed_where_a_higher_version_is_wanted(client, pki):
    context = server_context(pki.leaf("web.example"))
    own = unique("any")
    visit(client, context, **own)
    assert not visit(client, context, minimum_version="tls13", **own)[0].resumed


@pytest.mark.parametrize("version", VERSIONS)
def test_unproved_session_does_not_become_a_proved_one(client, pki, version):
    # The server is not trusted; a session with it that needed no proof must not open the door.
    context = server_context(pki.leaf("web.example", sort="unknown-ca"), PYTHON_VERSION[version])
    own = unique(version)
    visit(client, context, name=None, remote_proof="none", server_name="web.example", **own)
    a, b = tcp_pair()
    peer = Raw(b, context, server_side=True)
    with in_thread(lambda: pytest.raises((ssl.SSLError, OSError), lambda: peer.handshake() and peer.read())):
        with pytest.raises(client.HandshakeFailed) as raised:
            client.wrap_client(a, "web.example", **own)
    assert raised.value.check == "chain"
    a.close()
    peer.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_server_that_has_forgotten_gets_a_full_handshake(client, pki, version):
    party = pki.leaf("web.example")
    own = unique(version)
    visit(client, server_context(party, PYTHON_VERSION[version]), **own)
    facts, _ = visit(client, server_context(party, PYTHON_VERSION[version]), **own)  # with other ticket keys
    assert not facts.resumed and facts.verified_by == "chain"


@pytest.mark.parametrize("version", VERSIONS)
def test_server_that_has_become_another_is_judged_anew(client, pki, version):
    own = unique(version)
    visit(client, server_context(pki.leaf("web.example"), PYTHON_VERSION[version]), **own)
    a, b = tcp_pair()
    peer = Raw(b, server_context(pki.leaf("web.example", sort="expired"), PYTHON_VERSION[version]), server_side=True)
    with in_thread(lambda: pytest.raises((ssl.SSLError, OSError), lambda: peer.handshake() and peer.read())):
        with pytest.raises(client.HandshakeFailed) as raised:
            client.wrap_client(a, "web.example", **own)
    assert raised.value.check == "validity"
    a.close()
    peer.close()


def test_server_that_changes_its_version_is_resumed_again(client, pki):
    own = unique("both")
    contexts = {v: server_context(pki.leaf("web.example"), PYTHON_VERSION[v]) for v in VERSIONS}
    for version in ("tls12", "tls13", "tls12"):
        assert [visit(client, contexts[version], **own)[0].resumed for _ in range(3)] == [False, True, True]
