# SPDX-License-Identifier: Apache-2.0
"""[[hook]] services that speak the API of the Open Policy Agent, over TCP and over a Unix socket."""
import sys
import threading

import pytest
from authorization import JOE, client, reason
from pool import ROOT, SANITIZED, Pool
from talk import OurServer, s_client, shown

sys.path.insert(0, str(ROOT / "tests" / "support"))
from opa import Opa  # noqa: E402

DEADLINE = 20000 if SANITIZED else 8000


@pytest.fixture(scope="module")
def opas(place):
    """The service over TCP and the one over a Unix socket; what they answer is `.policy`."""
    made = {"tcp": Opa(None), "unix": Opa(None, place / "opa.sock")}
    yield made
    for opa in made.values():
        opa.close()


@pytest.fixture(scope="module")
def pooled(place, pki, opas):
    made = Pool(place / "opa")
    made.identity("p256.example")
    made.trust(pki.ca().cert)
    made.configure(f'''[[hook]]
name = "tcp"
url = "http://127.0.0.1:{opas["tcp"].port}/v1/data/tlspool/allow"
deadline_ms = {DEADLINE}
[[hook]]
name = "unix"
url = "unix:{place / "opa.sock"}"
path = "/v1/data/tlspool/allow"
deadline_ms = {DEADLINE}
[[hook]]
name = "elsewhere"
url = "http://127.0.0.1:{opas["tcp"].port}/v1/data/other/allow"
[[hook]]
name = "wrong"
url = "http://127.0.0.1:{opas["tcp"].port}/nothing"
[[hook]]
name = "gone"
url = "unix:{place / "nobody.sock"}"
path = "/v1/data/tlspool/allow"
[[hook]]
name = "slow"
url = "http://127.0.0.1:{opas["tcp"].port}/v1/data/tlspool/allow"
deadline_ms = 300
''' + "".join(f'[[rule]]\nservice = "{name}"\nhooks = "{name}"\n' for name in ("tcp", "unix", "elsewhere", "wrong", "gone", "slow")))
    made.start()
    yield made
    made.remove()


@pytest.fixture
def lib(pooled, library_of):
    return library_of(pooled)


@pytest.mark.parametrize("way", ["tcp", "unix"])
def test_true_lets_in_and_false_does_not(lib, opas, pki, way):
    opas[way].policy = lambda given: given["remote"] == JOE
    assert client(lib, pki, way).remote_identity == JOE
    assert f"the hook {way} denies it" in reason(client(lib, pki, way, name="mary@clients.example"))


@pytest.mark.parametrize("way", ["tcp", "unix"])
def test_the_question_says_what_is_known(lib, opas, pki, way):
    opas[way].requests.clear()
    opas[way].policy = lambda given: {"allow": True, "groups": ["g"], "attributes": {"a": "b"}, "alias": "x"}
    assert client(lib, pki, way).attributes == lib.Attributes("x", ("g",), {"a": "b"})
    [(path, kind, body)] = opas[way].requests
    assert (path, kind, list(body)) == ("/v1/data/tlspool/allow", "application/json", ["input"])
    given = body["input"]
    assert (given["remote"], given["names"], given["service"], given["role"]) == (JOE, [JOE], way, "server")
    assert (given["issuer"], given["anchor"], given["verifiedBy"], given["local"]) == ("CN=Test CA", "CN=Test CA", "chain", "p256.example")
    assert given["executable"].startswith("/") and given["resumed"] is False


@pytest.mark.parametrize("way", ["tcp", "unix"])
@pytest.mark.parametrize("answer, said", [
    (None, "it has no result"), (b"", "it is no JSON"), (b"<html>", "it is no JSON"), ({"allow": "yes"}, "no allow that is true or false"),
    (500, "HTTP status 500"), (b'{"result": true, "x": "' + b"x" * 70000 + b'"}', "larger than"), ({"allow": False, "reason": "not today"}, "denies it: not today"),
])
def test_nonsense_refuses(lib, opas, pki, way, answer, said):
    opas[way].policy = lambda given: answer
    assert said in reason(client(lib, pki, way))


def test_a_policy_that_is_not_there_refuses(lib, opas, pki):
    opas["tcp"].policy = lambda given: True
    assert "it has no result" in reason(client(lib, pki, "elsewhere"))
    assert "HTTP status 404" in reason(client(lib, pki, "wrong"))


def test_a_service_that_is_not_there_refuses(lib, pki):
    assert "the hook gone gave no answer that counts" in reason(client(lib, pki, "gone"))


def test_a_slow_service_refuses_at_its_deadline_and_delays_nobody_else(lib, opas, pki):
    go_on = threading.Event()
    opas["tcp"].policy = lambda given: go_on.wait(60)
    opas["unix"].policy = lambda given: True
    party = pki.leaf(JOE, usage="clientAuth")
    try:
        with OurServer(lib, "p256.example", remote_proof="required", service="slow") as server, s_client(server.port, *shown(party)):
            assert client(lib, pki, "unix").remote_identity == JOE
            assert "no complete reply within 300 ms" in reason(server.failure())
    finally:
        go_on.set()
