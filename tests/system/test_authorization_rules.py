# SPDX-License-Identifier: Apache-2.0
"""[[rule]]: every condition, the order, the default, and what the program is told, in both roles."""
import os
import sys
import time

import pytest
from authorization import JOE, client
from peers import client_context, in_thread, tcp_pair
from pool import Pool
from talk import PYTHON_VERSION, VERSIONS, OurServer, Raw, our_client, read_exactly, s_client, s_server, shown

WEB = "web.example"
SPIFFE = "spiffe://td.example/ns/prod/sa/web"


def not_now():
    """An hour of the day that is far from this one, however long the tests take."""
    hour = (time.gmtime().tm_hour + 12) % 24
    return f"{hour:02}:00-{hour:02}:30 UTC"


def rules():
    """service of the request -> the conditions of its rule, which allows."""
    me = os.path.realpath(sys.executable)
    return {
        "user": f'remote = "{JOE}"', "users": 'remote = ["@clients.example", ".nowhere"]', "other-user": 'remote = "mary@clients.example"',
        "host": f'remote = "{WEB}"', "hosts": 'remote = ".example"', "other-hosts": 'remote = ".other"',
        "uri": f'san = "{SPIFFE}"', "uris": 'san = "spiffe://td.example/ns/prod/*"', "other-uris": 'san = "spiffe://td.example/ns/test/*"',
        "issuer": 'issuer = "CN=Test CA"', "other-issuer": 'issuer = "CN=Other CA"',
        "local": 'local = "p256.example"', "other-local": 'local = "other.example"',
        "uid": f"uid = {os.geteuid()}", "other-uid": "uid = 4242",
        "executable": f'executable = "{me}"', "other-executable": 'executable = "/bin/false"',
        "as-server": 'role = "server"', "as-client": 'role = "client"',
        "always": 'time = "00:00-24:00"', "not-now": f'time = "{not_now()}"',
        "two": f'uid = {os.geteuid()}\nremote = [".example", "@clients.example"]', "two-other": f'uid = 4242\nremote = [".example", "@clients.example"]',
    }


@pytest.fixture(scope="module")
def ruled(place, pki):
    made = Pool(place / "ruled")
    made.identity("p256.example")
    made.trust(pki.ca().cert)
    (made.directory / "rules").mkdir()
    (made.directory / "rules" / "20-services.toml").write_text(
        "".join(f'[[rule]]\nservice = "{service}"\n{conditions}\naction = "allow"\n' for service, conditions in rules().items()))
    (made.directory / "rules" / "10-first.toml").write_text(
        f'[[rule]]\nservice = "order"\nremote = ["{JOE}", "{WEB}"]\naction = "deny"\n')
    (made.directory / "rules" / "30-last.toml").write_text(
        '[[rule]]\nservice = ["order", "anonymous"]\naction = "allow"\n'
        '[[rule]]\nservice = "told"\naction = "allow"\nalias = "our friend"\ngroups = ["staff", "mail"]\nattributes = { desk = "7", "x-y" = "grün" }\n')
    made.start()
    yield made
    made.remove()


@pytest.fixture
def lib(ruled, library_of):
    return library_of(ruled)


def as_server(lib, pki, service, name=JOE, also=(SPIFFE,)):
    return client(lib, pki, service, name, also)


def as_client(lib, pki, service, **options):
    """The session with a server that proves WEB, or the failure."""
    with s_server(pki.leaf(WEB, also=(SPIFFE,))) as server:
        try:
            with our_client(lib, server.port, WEB, service=service, **options) as plain:
                return plain.session
        except lib.HandshakeFailed as failed:
            return failed


def refused(outcome):
    """Whether a rule, and nothing else, was against it."""
    if not isinstance(outcome, Exception):
        return False
    assert (outcome.reason, outcome.check) == ("policy", "authorization"), outcome
    assert "not authorized" in str(outcome)
    return True


SERVER = {"user", "users", "uri", "uris", "issuer", "local", "uid", "executable", "as-server", "always", "two"}
CLIENT = {"host", "hosts", "uri", "uris", "issuer", "uid", "executable", "as-client", "always", "two"}


@pytest.mark.parametrize("service", sorted(rules()))
def test_a_client_is_let_in_where_its_rule_fits(lib, ruled, pki, service):
    assert refused(as_server(lib, pki, service)) == (service not in SERVER)


@pytest.mark.parametrize("service", sorted(rules()))
def test_a_server_is_accepted_where_its_rule_fits(lib, ruled, pki, service):
    assert refused(as_client(lib, pki, service)) == (service not in CLIENT)


def test_the_first_rule_that_fits_decides_in_the_order_of_the_files(lib, ruled, pki):
    first = as_server(lib, pki, "order")
    assert refused(first) and "rules/10-first.toml:1 denies it" in str(first)
    assert refused(as_client(lib, pki, "order"))
    assert as_server(lib, pki, "order", name="mary@clients.example").remote_identity == "mary@clients.example"


def test_where_no_rule_fits_nobody_is_let_in(lib, ruled, pki):
    nobody = as_server(lib, pki, "nothing")
    assert refused(nobody) and "no [[rule]] allows it" in str(nobody)
    assert refused(as_client(lib, pki, "nothing"))


def test_peers_without_an_identity_meet_the_rules_too(lib, ruled, pki):
    for service, allowed in (("anonymous", True), ("nothing", False), ("hosts", False)):
        with OurServer(lib, "p256.example", service=service) as server, s_client(server.port):
            if allowed:
                with server.plain() as plain:
                    assert plain.session.remote_identity is None
            else:
                assert refused(server.failure())


def test_names_that_nobody_vouches_for_do_not_count(lib, ruled, pki):
    party = pki.leaf("mallory@clients.example", usage="clientAuth", sort="self-signed", also=(SPIFFE,))
    with OurServer(lib, "p256.example", remote_proof="optional", service="uris") as server, s_client(server.port, *shown(party)):
        assert server.failure().reason == "certificate"


def test_the_program_learns_what_the_rule_tells(lib, ruled, pki):
    for session in (as_server(lib, pki, "told"), as_client(lib, pki, "told")):
        assert session.attributes == lib.Attributes("our friend", ("staff", "mail"), {"desk": "7", "x-y": "grün"})
    assert as_server(lib, pki, "user").attributes == lib.Attributes()


def test_connect_prints_what_the_rule_tells(ruled, pki):
    ruled.configure('[[rule]]\nservice = "connect"\naction = "allow"\nalias = "our friend"\ngroups = "staff"\nattributes = { desk = "7" }')
    ruled.tlspool("reload")
    with s_server(pki.leaf(WEB)) as server:
        done = ruled.tlspool("connect", f"127.0.0.1:{server.port}", "--expect", WEB, stdin="")
        assert "the peer: known here as our friend; in the groups staff; desk: 7" in done.stderr
        done = ruled.tlspool("connect", f"127.0.0.1:{server.port}", "--expect", WEB, "--json", stdin="")
        assert '"attributes":{"alias":"our friend","groups":["staff"],"values":{"desk":"7"}}' in done.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_a_resumed_session_meets_the_same_rules(lib, ruled, pki, version):
    context = client_context(ruled.ca, PYTHON_VERSION[version], pki.leaf(JOE, usage="clientAuth", also=(SPIFFE,)))
    context.check_hostname = False
    session = None
    for resumed in (False, True):
        a, b = tcp_pair()
        peer = Raw(b, context, name="p256.example", session=session)
        with in_thread(lambda end=a: lib.wrap_server(end, "p256.example", remote_proof="required", service="uris")) as other:
            peer.handshake()
            ours = other.result()
        with ours:
            peer.read_tickets()
            peer.send(b"question")
            assert read_exactly(ours, 8) == b"question"
            assert (ours.session.resumed, ours.session.remote_identity) == (resumed, JOE)
        session = peer.tls.session
        peer.close()


def test_the_default_and_a_rule_change_with_a_reload(make_pool, pki, library_of):
    made = make_pool(extra='[authorization]\ndefault = "allow"\n[[rule]]\nremote = "@clients.example"\naction = "deny"')
    made.identity("p256.example")
    made.trust(pki.ca().cert)
    made.start()
    tlspool = library_of(made)
    assert refused(as_server(tlspool, pki, ""))
    assert as_client(tlspool, pki, "").remote_identity == WEB
    made.replace('remote = "@clients.example"', f'remote = "{WEB}"')
    made.tlspool("reload")
    assert as_server(tlspool, pki, "").remote_identity == JOE
    assert refused(as_client(tlspool, pki, ""))
    made.replace('default = "allow"', 'default = "deny"')
    made.tlspool("reload")
    assert refused(as_server(tlspool, pki, ""))


def test_a_mistake_in_a_rule_keeps_the_old_ones(make_pool, pki, library_of):
    made = make_pool(extra=f'[[rule]]\nremote = "{WEB}"\naction = "allow"')
    made.trust(pki.ca().cert)
    made.start()
    tlspool = library_of(made)
    for text, said in (('time = "Mo 8-18"', '"Mo" is no day'), ('san = "web.example"', "is no URI"), ('remote = "*.example"', "is no selector"),
                       ('hooks = "nobody"', 'no [[hook]] named "nobody"')):
        before = made.config.read_text()
        made.configure(f'[[rule]]\n{text}\n' + ("" if "hooks" in text else 'action = "allow"'))
        line = made.config.read_text().splitlines().index(text) + 1
        done = made.tlspool("reload", check=False)
        assert done.returncode != 0 and f"tlspool.toml:{line}" in done.stderr and said in done.stderr, done.stderr
        made.config.write_text(before)
    assert as_client(tlspool, pki, "").remote_identity == WEB
