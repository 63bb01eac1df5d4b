# SPDX-License-Identifier: Apache-2.0
"""Our peers beside one that was written from docs/p2p-tls.md alone, which also breaks its rules."""
import contextlib
import re

import pytest
from peer_sites import Side, speak
from peers import in_thread, tcp_pair
from pool import BIN, PATIENCE
from talk import VERSIONS, Process

LOWEST = "00" * 31 + "01"
HIGHEST = "ff" * 31 + "fe"
LONG = 600
DIFFERS = "the peer says that it sent another hello than the one that came"


class Other(Process):
    """It, on a connected socket, as web.example."""

    def __init__(self, pool, party, sock, **options):
        options = {"fd": sock.fileno(), "cert": party.chain, "key": party.key, "ca": pool.ca, "name": pool.name} | options
        super().__init__(BIN / "p2p-openssl", *(f"{key}={value}" for key, value in options.items()), pass_fds=[sock.fileno()])
        sock.close()

    @property
    def facts(self):
        return dict(word.split("=") for word in self.wait_for("role=.*").group().split())


@contextlib.contextmanager
def meeting(sites, pki, ours=None, **options):
    """(what ours has come to, a plain socket or an exception; the other one)."""
    pool = sites[0]
    side = Side(pool, pool, **(ours or {}))
    side.options["remote_identity"] = "web.example"
    near, far = tcp_pair()
    near.settimeout(PATIENCE)
    with in_thread(side.start, near) as started, Other(pool, pki.leaf("web.example"), far, **options) as other:
        yield started.result(PATIENCE * 2), other


def connect(sites, pki, ours=None, **options):
    """The facts of both, once bytes went both ways."""
    with meeting(sites, pki, ours, **options) as (plain, other):
        assert not isinstance(plain, Exception), f"{plain!r} {other.text}"
        with plain:
            plain.sendall(b"there and back\n")
            assert plain.recv(100) == b"there and back\n"
            facts = other.facts
            assert facts["role"] != plain.session.role and other.status() == 0
            assert facts["version"] == {"tls12": "TLSv1.2", "tls13": "TLSv1.3"}[plain.session.version]
            assert (plain.session.local_identity, plain.session.remote_identity) == ("a.example", "web.example")
            return plain.session, facts


def refused(sites, pki, ours=None, **options):
    with meeting(sites, pki, ours, **options) as (failed, other):
        assert isinstance(failed, Exception), f"it was not refused: {failed.session}"
        assert other.status() == 1
        return failed, re.search("failed: .*", other.text).group()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("value, role", [(LOWEST, "server"), (HIGHEST, "client"), ("00" * 32, "server"), ("ff" * 32, "client")])
def test_two_hellos_meet_or_one_comes_first(sites, pki, version, value, role):
    session, facts = connect(sites, pki, version=version, value=value)
    assert (session.role, session.version) == (role, version)
    # What we prove, as server, is what it has seen of us: it checked. Ours may have become server before it said hello.
    assert facts["seen"] in (("value", "nothing") if role == "server" else ("value",))


@pytest.mark.parametrize("version", VERSIONS)
def test_we_listen(sites, pki, version):
    session, facts = connect(sites, pki, {"hello_delay": LONG}, version=version, value=HIGHEST)
    assert (session.role, facts["seen"]) == ("server", "nothing")


@pytest.mark.parametrize("version", VERSIONS)
def test_it_listens(sites, pki, version):
    session, facts = connect(sites, pki, version=version, value="none")
    assert (session.role, facts["seen"]) == ("client", "value")


@pytest.mark.parametrize("version", VERSIONS)
def test_who_waits_is_woken_by_a_server(sites, pki, version):
    """Its hello offers nothing that we could answer: we say ours, and become client."""
    session, facts = connect(sites, pki, {"hello_delay": LONG}, version=version, value="ff" * 32)
    assert (session.role, facts["seen"]) == ("client", "value")


@pytest.mark.parametrize("value, role", [(LOWEST, "server"), (HIGHEST, "client")])
def test_a_hello_retry_request_is_no_second_tie_break(sites, pki, value, role):
    """As client it offers a key of a group that we don't have; as server it wants another one than we offer."""
    groups = "ffdhe2048:P-521" if role == "server" else "P-521"
    session, facts = connect(sites, pki, version="tls13", value=value, groups=groups)
    assert (session.role, session.group, facts["hellos"]) == (role, "secp521r1", "2")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("proof, alert, text", [
    (LOWEST, "illegal_parameter", DIFFERS),
    ("ff" * 32, "illegal_parameter", DIFFERS),
    ("00" * 31, "decode_error", "the peer's tie-breaker does not have 32 bytes"),
])
def test_a_wrong_proof_is_refused(sites, pki, version, proof, alert, text):
    """All ones, too: it did send a hello."""
    failed, why = refused(sites, pki, version=version, value=HIGHEST, proof=proof)
    assert failed.reason == "policy" and text in str(failed) and failed.alert_sent == alert
    assert alert.replace("_", " ") in why or "decode error" in why


@pytest.mark.parametrize("version", VERSIONS)
def test_no_proof_is_refused(sites, pki, version):
    failed, _ = refused(sites, pki, version=version, value=HIGHEST, proof="none")
    assert failed.reason == "policy" and "without saying which ClientHello it had sent" in str(failed)


@pytest.mark.parametrize("version", VERSIONS)
def test_no_proof_is_needed_of_who_sent_no_hello(sites, pki, version):
    """It could as well be a server that knows nothing of peers."""
    session, _ = connect(sites, pki, version=version, value="none", proof="none")
    assert session.role == "client"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_hello_that_it_never_sent_is_refused(sites, pki, version):
    failed, _ = refused(sites, pki, version=version, value="none", proof=HIGHEST)
    assert failed.reason == "policy" and DIFFERS in str(failed)


def test_two_hellos_of_one_side_are_refused(sites, pki):
    failed, _ = refused(sites, pki, version="tls13", value=HIGHEST, again=1)
    assert failed.alert_sent == "unexpected_message"


@pytest.mark.parametrize("value, ours, text", [
    ("00" * 32, {"role": "client", "remote_role": "peer"}, "both sides can be a TLS client only"),
    ("ff" * 32, {"role": "server", "remote_role": "peer"}, "both sides can be a TLS server only"),
])
def test_two_that_can_be_the_same_only(sites, pki, value, ours, text):
    failed, _ = refused(sites, pki, ours, version="tls13", value=value)
    assert failed.reason == "policy" and text in str(failed)
