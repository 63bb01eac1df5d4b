# SPDX-License-Identifier: Apache-2.0
"""[[disclosure]]: which identity a peer is shown, decided by rules alone; seen from the peer's side."""
import contextlib
import os
import re

import pytest
from pool import Pool
from talk import GNUTLS_PRIORITY, OPENSSL_VERSION, VERSIONS, OurServer, gnutls_serv, our_client, read_line, refusal, s_client, s_server

JOE = "joe@clients.example"
ANN = "ann@clients.example"
WEB = "web.example"

RULES = """
[[disclosure]]
local = "joe@clients.example"
show = "no"
[[disclosure]]
local = "joe@clients.example"
remote = "web.example"
show = "yes"
[[disclosure]]
local = "joe@clients.example"
remote = "web.example"
service = "secret"
show = "no"
[[disclosure]]
local = "ann@clients.example"
remote = ".example"
service = "offered"
show = "yes"
offer = true
[[disclosure]]
local = "joe@clients.example"
remote = ".example"
service = "offered twice"
show = "yes"
offer = true
[[disclosure]]
local = "ann@clients.example"
remote = ".example"
service = "offered twice"
show = "yes"
offer = true
[[disclosure]]
local = "joe@clients.example"
remote = ".example"
service = "refused offer"
show = "yes"
offer = true
[[disclosure]]
local = "joe@clients.example"
service = "refused offer"
remote = "web.example"
show = "no"
[[disclosure]]
local = "eve@clients.example"
remote = ".example"
service = "not allowed"
show = "yes"
offer = true
[[disclosure]]
local = "hidden.example"
role = ["server"]
show = "no"
"""


@pytest.fixture(scope="module")
def ruled(place, pki):
    made = Pool(place / "disclosure-rules", name="pool.example")
    for name in (JOE, ANN, "eve@clients.example", "hidden.example", "seen.example"):
        made.identity(name)
    made.trust(pki.ca().cert)
    made.configure(RULES)
    made.configure(f'[[allow]]\nuid = [{os.geteuid()}]\nidentity = ["{JOE}", "{ANN}", "hidden.example", "seen.example", "pool.example"]\n')
    made.start()
    yield made
    made.remove()


@pytest.fixture
def lib(ruled, library_of):
    return library_of(ruled)


def wanting(pki, pool, version, name=WEB, must=False):
    """An openssl server that asks for a certificate, and tells what comes."""
    return s_server(pki.leaf(name), OPENSSL_VERSION[version], "-Verify" if must else "-verify", "3", "-CAfile", pool.ca, "-msg")


def proofs_seen(server):
    return len(re.findall(r"<<< TLS[^\n]*CertificateVerify\n", server.text))


def visit(lib, server, name=WEB, **options):
    """The facts of a session, once a line has gone there and back."""
    with our_client(lib, server.port, name, **options) as plain:
        plain.sendall(b"ping\n")
        assert read_line(plain) == b"gnip\n"
        return plain.session


@pytest.mark.parametrize("version", VERSIONS)
def test_no_means_a_connection_without_a_certificate(lib, ruled, pki, version):
    with wanting(pki, ruled, version) as server:
        facts = visit(lib, server, local_identity=JOE, service="secret")
        assert facts.local_identity is None
        assert f"{JOE} was not shown to {WEB}" in facts.not_shown and "tlspool.toml:" in facts.not_shown
        assert proofs_seen(server) == 0
        refused = ruled.wait_for("disclosure.refused", local=JOE, remote=WEB)
        assert "tlspool.toml" in refused["rule"]


@pytest.mark.parametrize("version", VERSIONS)
def test_yes_by_a_narrower_rule(lib, ruled, pki, version):
    with wanting(pki, ruled, version) as server:
        facts = visit(lib, server, local_identity=JOE)
        assert (facts.local_identity, facts.not_shown) == (JOE, None)
        assert proofs_seen(server) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_another_server_sees_nothing(lib, ruled, pki, version):
    with wanting(pki, ruled, version, "p256.example") as server:
        facts = visit(lib, server, "p256.example", local_identity=JOE)
        assert facts.local_identity is None and proofs_seen(server) == 0


def test_no_rule_leaves_it_to_the_request(lib, ruled, pki):
    with wanting(pki, ruled, "tls13") as server:
        facts = visit(lib, server, local_identity=ANN, service="mail")
        assert facts.local_identity == ANN


def test_a_server_that_does_without_is_not_told_about(lib, ruled, pki):
    with s_server(pki.leaf(WEB)) as server:
        facts = visit(lib, server, local_identity=JOE, service="secret")
        assert (facts.local_identity, facts.not_shown) == (None, None)


def test_a_server_of_tls12_that_insists_fails_the_handshake_with_the_rule(lib, ruled, pki):
    with wanting(pki, ruled, "tls12", must=True) as server:
        failed = refusal(lib, server.port, WEB, local_identity=JOE, service="secret")
        assert f"{JOE} was not shown to {WEB} by [[disclosure]] " in str(failed) and "which says no" in str(failed)
        assert proofs_seen(server) == 0


def test_a_server_of_tls13_that_insists_ends_the_session_with_the_rule(lib, ruled, pki):
    with wanting(pki, ruled, "tls13", must=True) as server:
        with our_client(lib, server.port, WEB, local_identity=JOE, service="secret") as plain:
            with contextlib.suppress(OSError):
                assert plain.recv(1) == b""
            state = plain.state()
        assert state.state == "error"
        assert "certificate_required" in state.detail and f"{JOE} was not shown to {WEB} by [[disclosure]] " in state.detail


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("service,shown", [("", True), ("secret", False)])
def test_gnutls_sees_the_same(lib, ruled, pki, version, service, shown):
    with gnutls_serv(pki.leaf(WEB), "--priority", GNUTLS_PRIORITY[version], "--x509cafile", ruled.ca, "--verify-client-cert") as server:
        server.wait_for("listening")
        options = {"service": service} if service else {}
        with our_client(lib, server.port, WEB, local_identity=JOE, **options) as plain:
            plain.sendall(b"hello\n")
            assert read_line(plain) == b"hello\n"
            assert plain.session.local_identity == (JOE if shown else None)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("proof", ["none", "optional"])
def test_a_server_that_proved_nothing_sees_nothing(lib, ruled, pki, version, proof):
    party = pki.leaf(WEB, sort="good" if proof == "none" else "unknown-ca")
    with s_server(party, OPENSSL_VERSION[version], "-verify", "3", "-CAfile", ruled.ca, "-msg") as server:
        options = {"local_identity": ANN, "remote_proof": proof, "server_name": WEB}
        if proof == "none":
            facts = visit(lib, server, None, **options)
            assert facts.local_identity is None
            assert facts.not_shown == f"{ANN} was not shown, as the server proved no identity"
        else:
            assert refusal(lib, server.port, None, **options).check == "chain"
        assert proofs_seen(server) == 0


# --- identities that are offered where the request names none ---

@pytest.mark.parametrize("version", VERSIONS)
def test_an_offered_identity_is_shown(lib, ruled, pki, version):
    with wanting(pki, ruled, version) as server:
        for _ in range(2):  # the second time as well: it is decided anew
            facts = visit(lib, server, service="offered")
            assert (facts.local_identity, facts.resumed) == (ANN, False)
        assert proofs_seen(server) == 2


@pytest.mark.parametrize("service", ["", "offered twice", "refused offer", "not allowed"])
def test_otherwise_none_is_shown(lib, ruled, pki, service):
    with wanting(pki, ruled, "tls13") as server:
        facts = visit(lib, server, **({"service": service} if service else {}))
        assert facts.local_identity is None and proofs_seen(server) == 0


def test_two_that_are_offered_are_told(lib, ruled, pki):
    with wanting(pki, ruled, "tls13") as server:
        visit(lib, server, service="offered twice")
    ruled.wait_for("disclosure.ambiguous", remote=WEB)


# --- servers ---

@pytest.mark.parametrize("named", [True, False])
def test_a_server_may_be_kept_from_showing_an_identity(lib, ruled, named):
    with OurServer(lib, "hidden.example" if named else None) as server:
        with s_client(server.port, "-servername", "hidden.example", "-CAfile", ruled.ca) as client:
            failed = server.failure()
            client.wait_for("unrecognized name")
            assert "BEGIN CERTIFICATE" not in client.text
        assert "hidden.example was not shown to the peer by [[disclosure]] " in str(failed)


def test_a_rule_that_does_not_name_servers_stops_none(lib, ruled):
    with OurServer(lib, "seen.example") as server, s_client(server.port, "-CAfile", ruled.ca):
        with server.plain() as plain:
            assert plain.session.local_identity == "seen.example"


# --- what sessions rest on ---

def test_a_changed_rule_ends_resumption(make_pool, pki, library_of):
    pool = make_pool()
    pool.identity(JOE)
    pool.trust(pki.ca().cert)
    pool.replace("workers = 0", "workers = 1")  # each remembers its own sessions
    pool.start()
    tlspool = library_of(pool)
    with wanting(pki, pool, "tls13") as server:
        assert visit(tlspool, server, local_identity=JOE).local_identity == JOE
        assert visit(tlspool, server, local_identity=JOE).resumed
        pool.configure(f'[[disclosure]]\nlocal = "{JOE}"\nshow = "no"\n')
        pool.tlspool("reload")
        facts = visit(tlspool, server, local_identity=JOE)
        assert (facts.resumed, facts.local_identity) == (False, None)


def test_a_mistake_is_named_and_nothing_changes(make_pool):
    pool = make_pool()
    pool.start()
    pool.configure('[[disclosure]]\nremote = "*.example"\nshow = "no"\n')
    failed = pool.tlspool("reload", check=False)
    assert failed.returncode == 1 and "[disclosure] remote" in failed.stderr and "is no selector" in failed.stderr
