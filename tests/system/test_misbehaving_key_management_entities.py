# SPDX-License-Identifier: Apache-2.0
"""Keys of a key management entity: a good one gives connections; what a bad one does becomes an error that names it, the
key where that is known, and what to do, within the handshake's deadline."""
import json
import re
import time

import entity as kme
import pytest
import tlspool
from peers import in_thread, tcp_pair
from pool import PATIENCE

SITES = ("a", "b")
TIMEOUT = 2  # seconds, for a whole request to the entity
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.fixture(scope="module")
def sites(place, pki, tmp_path_factory):
    """Pools A and B, whose keys come from one entity."""
    from pool import Pool

    pools = {}
    for own in SITES:
        pools[own] = pool = Pool(place / f"kme-site-{own}", name=f"{own}.example")
        pool.identity(f"sae-{own}.example")
        pool.trust(pki.ca().cert)
    both = place / "kme-sites-ca.pem"
    both.write_text("".join(pool.ca.read_text() for pool in pools.values()))
    with kme.Entity(pki.leaf("kme.example"), both) as entity:
        for own, other in (SITES, SITES[::-1]):
            pools[own].configure(f"""
[keystore]
address = "hsm.{own}.example"

[[kme]]
name = "kme-of-{own}"
url = "https://127.0.0.1:{entity.port}"
identity = "sae-{own}.example"
expect = "kme.example"
timeout = {TIMEOUT}

[[peer]]
name = "{other}.example"
as = "{own}.example"
store = "hsm.{other}.example"
source = "kme"
kme = "kme-of-{own}"
sae = "sae-{other}.example"
""")
            pools[own].start()
        yield pools, entity
        for pool in pools.values():
            pool.remove()


@pytest.fixture
def entity(sites):
    _, made = sites
    made.misbehave = None
    made.asked.clear()
    yield made
    made.misbehave = None


def connect(sites):
    """What both programs got: a socket, or the exception."""
    pools, _ = sites
    near, far = tcp_pair()

    def outcome(wrap, *arguments, **options):
        try:
            return wrap(*arguments, **options)
        except tlspool.TLSPoolError as e:
            return e

    with in_thread(lambda: outcome(tlspool.wrap_server, far, "b.example", remote_identity="a.example", pool=pools["b"].directory,
                                   deadline=PATIENCE)) as served:
        client = outcome(tlspool.wrap_client, near, "b.example", pool=pools["a"].directory, deadline=PATIENCE)
        if isinstance(client, Exception):
            near.close()
        server = served.result(PATIENCE * 2)
    return client, server


def test_a_good_one_gives_connections(sites, entity):
    before = entity.handshakes
    for _ in range(3):
        client, server = connect(sites)
        assert not isinstance(client, Exception) and not isinstance(server, Exception), (client, server)
        with client, server:
            client.sendall(b"hello")
            assert server.recv(5) == b"hello"
            for session in (client.session, server.session):
                assert session.verified_by == "sharedKey"
                assert re.fullmatch(UUID, session.shared_key.key_id)
            assert client.session.shared_key.key_id == server.session.shared_key.key_id
    assert [a[0] for a in entity.asked_for("enc_keys")] == ["sae-a.example"] * 3
    assert [a[0] for a in entity.asked_for("dec_keys")] == ["sae-b.example"] * 3
    assert entity.keys == {}, "each key was asked for once by each side"
    assert entity.handshakes - before <= 2, "one connection to the entity serves many keys"


CASES = {
    "401": (kme.says(401), "HTTP 401"),
    "503": (kme.says(503, "the link is down"), "HTTP 503: the link is down"),
    "404": (kme.says(404, "no such page"), "HTTP 404"),
    "400": (kme.says(400, "one or more keys specified are not found on KME"), "not found on KME"),
    "broken JSON": (kme.broken_json, "broken answer"),
    "short key": (kme.short_key, "40 bits"),
    "duplicate ids": (kme.twice, "twice"),
    "nothing": (kme.nothing, "without an answer"),
}


def expect_failure(failure, site, words):
    assert isinstance(failure, tlspool.HandshakeFailed), failure
    assert failure.reason == "sharedKey", (failure.reason, str(failure))
    assert f"kme-of-{site}" in str(failure) and words in str(failure), str(failure)
    assert ";" in str(failure), f"what to do is not said: {failure}"


@pytest.mark.parametrize("case", CASES)
def test_a_client_that_gets_no_key(sites, entity, case):
    entity.misbehave, words = CASES[case]
    client, _ = connect(sites)
    expect_failure(client, "a", words)
    assert len(entity.asked_for("enc_keys")) == 1, "asked for again"
    if case in ("short key", "duplicate ids"):
        assert re.search(UUID, str(client))


@pytest.mark.parametrize("case", CASES)
def test_a_server_that_does_not_get_the_key(sites, entity, case):
    bad, words = CASES[case]
    entity.misbehave = lambda handler, answer: bad(handler, answer) if handler.path.endswith("dec_keys") else handler.say(200, answer)
    client, server = connect(sites)
    assert isinstance(client, Exception)
    expect_failure(server, "b", words)
    [(_, _, body)] = entity.asked_for("dec_keys")
    assert body["key_IDs"][0]["key_ID"] in str(server), "it does not name the key"


@pytest.mark.parametrize("operation", ["enc_keys", "dec_keys"])
def test_a_silent_one_is_given_up_at_its_timeout(sites, entity, operation):
    silent = kme.silent(entity)
    entity.misbehave = lambda handler, answer: silent() if handler.path.endswith(operation) else handler.say(200, answer)
    began = time.monotonic()
    client, server = connect(sites)
    assert time.monotonic() - began < TIMEOUT + PATIENCE
    expect_failure(*((client, "a") if operation == "enc_keys" else (server, "b")), "no answer until the deadline")
    assert len(entity.asked_for(operation)) == 1
    entity.misbehave = None
    client, server = connect(sites)
    assert not isinstance(client, Exception), f"the next one works: {client}, {server}"
    client.close()
    server.close()


def test_one_that_is_not_there(sites, make_pool):
    pools, _ = sites
    pool = make_pool(name="a.example")
    pool.identity("sae-a.example")
    pool.configure(pools["a"].config.read_text()[pools["a"].config.read_text().index("\n[keystore]"):].replace(
        re.search(r"127\.0\.0\.1:\d+", pools["a"].config.read_text())[0], "127.0.0.1:1"))
    pool.start()
    near, far = tcp_pair()
    with far, pytest.raises(tlspool.HandshakeFailed) as failed:
        tlspool.wrap_client(near, "b.example", pool=pool.directory, deadline=PATIENCE)
    expect_failure(failed.value, "a", "Connection refused")
    assert json.dumps(pool.status()["processes"]).count("fetcher") == 1
