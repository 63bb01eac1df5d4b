# SPDX-License-Identifier: Apache-2.0
"""No resumption outlives a change of policy or trust, or the certificate that was verified at first."""
import os
import ssl
import time
import uuid

import pytest
import tlspool
from peers import client_context, in_thread, server_context, tcp_pair
from pool import SANITIZED, eventually
from talk import PYTHON_VERSION, VERSIONS, Raw, read_exactly


class Visitor:
    """A foreign client of the pool's server: keeps its session from visit to visit."""

    def __init__(self, library, pool, version, certificate=None, **options):
        self._library, self._options = library, options
        self._context = client_context(pool.ca, PYTHON_VERSION[version], certificate)
        self._session = None

    def visit(self):
        """Our facts, or the failure."""
        a, b = tcp_pair()
        peer = Raw(b, self._context, name="pool.example", session=self._session)

        def serve():
            try:
                return self._library.wrap_server(a, "pool.example", **self._options)
            except self._library.HandshakeFailed as failed:
                a.close()
                return failed

        with in_thread(serve) as other:
            try:
                peer.handshake()
                peer.read_tickets()
            except (ssl.SSLError, OSError):
                pass  # what we say counts
            ours = other.result()
        if not isinstance(ours, Exception):
            with ours:
                peer.send(b"x")
                assert read_exactly(ours, 1) == b"x"
                ours.sendall(b"y")
                assert peer.read() == b"y"
                self._session = peer.tls.session
                ours = ours.session
        peer.close()
        return ours


class Host:
    """A foreign server of the pool's client."""

    def __init__(self, library, party, version, name):
        self._library, self._name, self._service = library, name, version
        self._context = server_context(party, PYTHON_VERSION[version])

    def visit(self):
        a, b = tcp_pair()
        peer = Raw(b, self._context, server_side=True)

        def serve():
            try:
                peer.handshake()
                peer.send(b"tickets come before this")
            except (ssl.SSLError, OSError):
                pass

        with in_thread(serve):
            try:
                with self._library.wrap_client(a, self._name, service=self._service) as ours:
                    assert read_exactly(ours, 24)
                    return ours.session
            except self._library.HandshakeFailed as failed:
                a.close()
                return failed


@pytest.fixture
def one(make_pool, pki, monkeypatch):
    pool = make_pool()
    pool.trust(pki.ca().cert)
    change(pool, "workers = 0", "workers = 1")
    pool.start()
    monkeypatch.setenv("TLSPOOL_DIR", str(pool.directory))
    return pool


def change(pool, old, new):
    text = pool.config.read_text()
    assert old in text
    pool.config.write_text(text.replace(old, new))


def everybody(library, pool, pki, lasts=None):
    wish = {} if lasts is None else {"lasts": lasts}
    unique = uuid.uuid4().hex[:8]
    host, user = f"{unique}.example", f"{unique}@clients.example"
    party = pki.leaf(host, **wish)
    guest = pki.leaf(user, usage="clientAuth", **wish)
    return ([Host(library, party, v, host) for v in VERSIONS] + [Visitor(library, pool, v, guest, remote_proof="required") for v in VERSIONS],
            [Visitor(library, pool, v) for v in VERSIONS])


def settle(visitors):
    """All have a session that resumes."""
    for v in visitors:
        assert not v.visit().resumed
        assert v.visit().resumed


CHANGES = {
    "lowest version": ('minimum_version = "1.2"', 'minimum_version = "1.3"'),
    "trust": ("system = true", "system = false"),
    "who may": ("# [[allow]]", "[[allow]]\nuid = [0, {uid}]\nidentity = [\"*\"]\n# [[allow]]"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_change_of_policy_ends_all(one, pki, what):
    proving, anonymous = everybody(tlspool, one, pki)
    if what == "lowest version":
        proving, anonymous = proving[1::2], anonymous[1:]
    settle(proving + anonymous)
    old, new = CHANGES[what]
    change(one, old, new.replace("{uid}", str(os.getuid())))
    one.tlspool("reload")
    for visitor in proving + anonymous:
        facts = visitor.visit()
        assert not facts.resumed
        assert visitor.visit().resumed  # and it begins anew


def test_reload_without_a_change_ends_none(one, pki):
    proving, anonymous = everybody(tlspool, one, pki)
    settle(proving + anonymous)
    one.tlspool("reload")
    for visitor in proving + anonymous:
        assert visitor.visit().resumed


def test_peer_whose_authority_is_no_longer_trusted_is_refused(one, pki):
    proving, anonymous = everybody(tlspool, one, pki)
    settle(proving + anonymous)
    change(one, f', "{pki.ca().cert}"', "")
    one.tlspool("reload")
    for visitor in proving:
        failed = visitor.visit()
        assert isinstance(failed, tlspool.HandshakeFailed) and failed.alert_sent == "unknown_ca", failed
    for visitor in anonymous:
        assert not visitor.visit().resumed


def test_restart_ends_all(one, pki):
    proving, anonymous = everybody(tlspool, one, pki)
    settle(proving + anonymous)
    one.restart()
    for visitor in proving + anonymous:
        assert not visitor.visit().resumed


def test_expired_certificate_is_not_outlived(one, pki):
    lasts = 25 if SANITIZED else 8
    made = time.time()
    proving, _ = everybody(tlspool, one, pki, lasts)
    settle(proving)  # with a ticket of a resumed connection, too
    eventually(lambda: time.time() > made + lasts + 2, timeout=lasts + 10)
    for visitor in proving:
        failed = visitor.visit()
        assert isinstance(failed, tlspool.HandshakeFailed), f"let in after the end: {failed}"
        assert (failed.check, failed.alert_sent) == ("validity", "certificate_expired")
