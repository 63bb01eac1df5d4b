# SPDX-License-Identifier: Apache-2.0
"""`tlspool qkd check` finds nothing wrong with `tlspool qkd serve`, and what is wrong with entities that are careless."""
import contextlib
import json

import https
import pytest
from peers import server_context
from sites import Serve, make_sites


def check(pool, port, *words, check=True):
    return pool.tlspool("qkd", "check", f"https://127.0.0.1:{port}", "--as", "sae-a.example", "--expect", "kme-a.example",
                        "--sae", "sae-a.example", "--peer-sae", "sae-b.example", *words, check=check)


def failures_between(pool, master, slave):
    """How many checks fail of a master and a slave: the port and the name of each one's entity, and its own name."""
    port, entity, sae = master
    peer_port, peer_entity, peer_sae = slave
    done = pool.tlspool("qkd", "check", f"https://127.0.0.1:{port}", "--as", sae, "--expect", entity, "--sae", sae, "--peer-sae", peer_sae,
                        "--peer-url", f"https://127.0.0.1:{peer_port}", "--peer-as", peer_sae, "--peer-expect", peer_entity, "--json")
    return json.loads(done.stdout)["failed"]


@pytest.fixture
def sites(make_pool):
    """Pool A has the SAEs' identities of both sites, and each trusts the other's CA."""
    a, b = make_sites(make_pool)
    for name in ("sae-b.example", "sae-c.example"):
        a.identity(name)
    for pool, other in ((a, b), (b, a)):
        pool.trust(other.ca)
        pool.restart()
    return a, b


def slave(b):
    return ("--peer-url", f"https://127.0.0.1:{b.kme_port}", "--peer-as", "sae-b.example", "--peer-expect", "kme-b.example")


def test_our_entities_conform(sites):
    a, b = sites
    serve = Serve(a, b, "--peer-sae", "sae-c.example", keys=24)
    try:
        done = check(a, a.kme_port, *slave(b), "--other-sae", "sae-c.example", "--other-as", "sae-c.example")
        assert done.stdout.splitlines()[0].split() == ["CHECK", "REQUIREMENT", "RESULT", "DETAIL"]
        assert "FAIL" not in done.stdout and done.stdout.rstrip().endswith(" 0 failed, 0 skipped"), done.stdout
        report = json.loads(check(a, a.kme_port, "--json").stdout)
        assert report["failed"] == 0 and {row["check"] for row in report["checks"] if row["result"] == "skipped"} == {"dec_keys", "multicast"}
        assert all(row["expected"] and row["came"] for row in report["checks"] if row["result"] == "pass")
        # The other way round: the master at the second entity, the slave at the first.
        assert failures_between(a, (b.kme_port, "kme-b.example", "sae-b.example"), (a.kme_port, "kme-a.example", "sae-a.example")) == 0
    finally:
        assert serve.close() == 0, serve.lines


def test_master_and_slave_at_one_entity(sites):
    a, b = sites
    serve = Serve(a, b, "--sae", "sae-c.example", keys=24)
    try:
        assert failures_between(a, (a.kme_port, "kme-a.example", "sae-a.example"), (a.kme_port, "kme-a.example", "sae-c.example")) == 0
    finally:
        assert serve.close() == 0, serve.lines


def test_an_entity_that_is_not_there_is_named(sites):
    a, _ = sites
    done = check(a, a.kme_port, check=False)
    assert done.returncode == 1 and "Connection refused" in done.stderr and "no check was made" in done.stderr


@contextlib.contextmanager
def careless(party, status, kind, body):
    """An entity that asks for no certificate and answers every request alike."""

    class Handler(https.Handler):
        def do_GET(self):  # noqa: N802: http.server's name
            self.body()
            self.say(status, body, kind)

        do_POST = do_GET

    server = https.Server(server_context(party), Handler)
    try:
        yield server
    finally:
        server.close()


SAME_KEY = json.dumps({"keys": [{"key_ID": "no-uuid", "key": "not base64"}]})
# What each carelessness is found by; every other check may fail, too.
CARELESS = {
    "always the same": (200, "text/plain", SAME_KEY, {
        "no-certificate", "status-fields", "enc_keys-get", "enc_keys-post", "enc_keys-get-number-size", "enc_keys-post-number-size",
        "size-multiple-of-8", "number-zero", "mandatory-extension", "optional-extension", "unknown-slave", "unknown-slave-status",
        "broken-json", "wrong-type", "dec_keys-get", "dec_keys-post", "key-of-others", "unknown-key-id", "broken-json-dec_keys",
        "malformed-key-id", "multicast-unknown", "content-type", "key-ids-unique"}),
    "not found": (404, "text/html", "<h1>Not Found</h1>", {"status", "status-codes", "enc_keys-get", "unknown-slave", "dec_keys-get"}),
    "bare refusals": (400, "text/plain", "Bad Request", {"status", "error-format", "size-multiple-of-8", "enc_keys-post"}),
    "chatty refusals": (401, "application/json", '{"message": "who are you?"}', {"status", "unauthorized-format", "number-zero"}),
}


@pytest.mark.parametrize("how", CARELESS)
def test_careless_entities_fail_visibly(make_pool, pki, how):
    status, kind, body, expected = CARELESS[how]
    pool = make_pool(name="sae-a.example")
    pool.identity("sae-b.example")
    pool.trust(pki.ca().cert)
    pool.start()
    with careless(pki.leaf("kme-a.example"), status, kind, body) as entity:
        words = ("--peer-url", f"https://127.0.0.1:{entity.port}", "--peer-as", "sae-b.example", "--peer-expect", "kme-a.example")
        done = check(pool, entity.port, *words, check=False)
        assert done.returncode == 1 and "does not keep to ETSI GS QKD 014" in done.stderr
        failed = {line.split()[0] for line in done.stdout.splitlines() if "  FAIL  " in line}
        assert failed >= expected, expected - failed
        report = json.loads(check(pool, entity.port, *words, "--json", check=False).stdout)
        assert {row["check"] for row in report["checks"] if row["result"] == "fail"} == failed
