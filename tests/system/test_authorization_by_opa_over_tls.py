# SPDX-License-Identifier: Apache-2.0
"""[[hook]] services over TLS that the pool itself makes: its own identity is shown, the service's certificate is judged, and its
connection is kept."""
import os
import ssl
import sys

import pytest
from authorization import JOE, client, reason
from pool import ROOT, SANITIZED, Pool, eventually

sys.path.insert(0, str(ROOT / "tests" / "support"))
from opa import Opa  # noqa: E402

DEADLINE = 20000 if SANITIZED else 8000


def server_context(party, client_ca):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(party.chain, party.key)
    context.load_verify_locations(str(client_ca))
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture(scope="module")
def pooled(place, pki):
    made = Pool(place / "opa-tls")
    for name in ("p256.example", "hook.example"):
        made.identity(name)
    made.trust(pki.ca().cert)
    made.opas = {name: Opa(lambda given: given["remote"] == JOE, context=server_context(pki.leaf(name), made.ca)) for name in ("localhost", "other.example")}
    made.configure("".join(f'''[[hook]]
name = "{name}"
url = "https://{host}:{made.opas[name].port}/v1/data/tlspool/allow"
identity = "hook.example"
deadline_ms = {DEADLINE}
[[rule]]
service = "{name}"
hooks = "{name}"
''' for name, host in (("localhost", "localhost"), ("other.example", "127.0.0.1"))))
    made.start()
    yield made
    made.remove()
    for opa in made.opas.values():
        opa.close()


@pytest.fixture
def lib(pooled, library_of):
    return library_of(pooled)


def test_a_service_is_asked_over_one_connection_under_our_identity(lib, pooled, pki):
    opa = pooled.opas["localhost"]
    for _ in range(3):
        assert client(lib, pki, "localhost").remote_identity == JOE
    assert "the hook localhost denies it" in reason(client(lib, pki, "localhost", name="mary@clients.example"))
    assert len(opa.requests) == 4
    assert opa.connections == [["hook.example"]]


def test_a_service_that_proves_another_name_is_not_asked(lib, pooled, pki):
    refused = client(lib, pki, "other.example")
    assert (refused.reason, refused.check) == ("policy", "authorization")
    assert "127.0.0.1" in str(refused) and pooled.opas["other.example"].requests == []


def test_a_connection_that_is_gone_is_made_anew(lib, pooled, pki):
    opa = pooled.opas["localhost"]
    assert client(lib, pki, "localhost").remote_identity == JOE
    before = len(opa.connections)
    workers = pooled.pids("worker")
    for pid in workers:  # the TLS session of the connection was in one of them
        os.kill(pid, 9)
    eventually(lambda: len(set(pooled.pids("worker")) - set(workers)) == len(workers))
    eventually(lambda: answered(lib, pki) == JOE)
    assert len(opa.connections) > before


def answered(lib, pki):
    """Whom the hook lets in; None while workers are being started."""
    try:
        return getattr(client(lib, pki, "localhost"), "remote_identity", None)
    except lib.TLSPoolError:
        return None
