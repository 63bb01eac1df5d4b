# SPDX-License-Identifier: Apache-2.0
"""Two pools, two servers of memcached: what one pool has decided, the other need not ask; whatever memcached does, nobody is let in who
would not be, and nobody waits long."""
import time

import pytest
from cluster import JOE, MARY, Cluster, counters, let_in, visit, visitor
from memcache import Memcached, wait_until
from pool import SANITIZED, eventually

MALLORY = "mallory@clients.example"
# A lookup waits for 20 ms. The rest is what a busy machine takes.
FAR_BELOW_A_DEADLINE = 10.0 if SANITIZED else 5.0


@pytest.fixture
def servers(keep):
    return [keep(Memcached()) for _ in range(2)]


@pytest.fixture
def cluster(make_pool, place, pki):
    def make(servers, cache="", **options):
        made = Cluster(make_pool, place, [s if isinstance(s, str) else s.name for s in servers], cache, trust=[pki.ca().cert], **options)
        made.start()
        return made
    return make


@pytest.fixture
def library():
    import tlspool

    return tlspool


def client(pki, name):
    return pki.leaf(name, usage="clientAuth")


def test_what_one_pool_decided_the_other_does_not_ask(cluster, servers, library, pki):
    made = cluster(servers)
    a, b = made.pools
    joe = visitor(a, client(pki, JOE))
    let_in(visit(library, a, joe))
    assert made.asked() == [JOE]
    eventually(lambda: sum(len(s.outcomes()) for s in servers) == 1)
    let_in(visit(library, b, joe))
    let_in(visit(library, a, joe))
    assert made.asked() == [JOE]
    assert (counters(a)["judged"], counters(a)["recalled"], counters(a)["put"]) == (1, 1, 1)
    assert (counters(b)["judged"], counters(b)["shared"], counters(b)["worthless"]) == (0, 1, 0)
    let_in(visit(library, b, joe))  # and now from its own memory
    assert counters(b)["recalled"] == 1
    told = b.tlspool("status").stdout
    assert "outcomes" in told and "by the cluster" in told


def test_refusals_are_shared_and_end_sooner(cluster, servers, library, pki):
    made = cluster(servers, "ttl = 600\nnegative_ttl = 4")
    a, b = made.pools
    mallory = visitor(a, client(pki, MALLORY))
    refused = visit(library, a, mallory)
    at = time.time()
    assert (refused.reason, refused.check) == ("policy", "authorization")
    eventually(lambda: sum(len(s.outcomes()) for s in servers) == 1)
    again = visit(library, b, mallory)
    assert (again.reason, again.check) == ("policy", "authorization")
    assert made.asked() == [MALLORY] or time.time() >= at + 4
    before = len(made.asked())
    wait_until(at + 6)
    assert visit(library, b, mallory).check == "authorization"
    assert len(made.asked()) == before + 1


def test_what_costs_nothing_is_not_put_there(cluster, servers, library, pki):
    made = cluster(servers)
    joe = visitor(made.pools[0], client(pki, JOE))
    let_in(visit(library, made.pools[0], joe, service="free"))
    let_in(visit(library, made.pools[0], joe, service="free"))
    assert counters(made.pools[0])["recalled"] == 1 and counters(made.pools[0])["put"] == 0
    assert [s.outcomes() for s in servers] == [[], []]


def test_a_request_may_bypass_what_is_remembered(cluster, servers, library, pki):
    made = cluster(servers)
    a, b = made.pools
    joe = visitor(a, client(pki, JOE), "tls12")  # of TLS 1.3 visit() waits for a ticket, and such a request gives none
    let_in(visit(library, a, joe))
    let_in(visit(library, a, joe, fresh=True))
    let_in(visit(library, b, joe, fresh=True))
    assert made.asked() == [JOE] * 3


def test_names_in_memcached_say_nothing(cluster, servers, library, pki):
    made = cluster(servers)
    let_in(visit(library, made.pools[0], visitor(made.pools[0], client(pki, JOE))))
    eventually(lambda: sum(len(s.outcomes()) for s in servers) == 1)
    for server in servers:
        for key, value in server.items(server.keys()).items():
            assert set(key.removeprefix("tlspool1o-").removeprefix("tlspool1t-")) <= set("0123456789abcdef")
            for word in (b"joe", b"clients", b"example", b"asked"):
                assert word not in value


@pytest.mark.parametrize("change", ["key", "generation", "rules"])
def test_another_cluster_generation_or_policy_finds_nothing(cluster, servers, library, pki, change):
    made = cluster(servers)
    a, b = made.pools
    joe = visitor(a, client(pki, JOE))
    let_in(visit(library, a, joe))
    eventually(lambda: sum(len(s.outcomes()) for s in servers) == 1)
    if change == "key":
        key = b.directory / "cluster.key"
        key.write_text("".join(reversed(key.read_text().strip())) + "\n")
    elif change == "generation":
        b.replace("[cache]\n", "[cache]\ngeneration = 2\n")
    else:
        b.replace('service = "free"', 'service = "other"')
    b.tlspool("reload")
    let_in(visit(library, b, joe))
    assert made.asked() == [JOE, JOE]
    assert counters(b)["shared"] == 0


def test_a_reload_that_changes_nothing_keeps_what_is_shared(cluster, servers, library, pki):
    made = cluster(servers)
    a = made.pools[0]
    joe = visitor(a, client(pki, JOE))
    let_in(visit(library, a, joe))
    eventually(lambda: sum(len(s.outcomes()) for s in servers) == 1)
    a.config.write_text("# a comment, so that everything stands on another line\n" + a.config.read_text())
    a.tlspool("reload")
    let_in(visit(library, a, joe))
    assert made.asked() == [JOE] and counters(a)["shared"] == 1


# --- an attacker has memcached ---

@pytest.fixture
def attacked(cluster, library, pki, keep):
    """(pools with one memcached that has the outcomes of three clients, the memcached, visitors by name)"""
    memcached = keep(Memcached())
    made = cluster([memcached], "ttl = 600\nnegative_ttl = 600")
    visitors = {name: visitor(made.pools[0], client(pki, name)) for name in (JOE, MARY, MALLORY)}
    for name, context in visitors.items():
        outcome = visit(library, made.pools[0], context)
        assert isinstance(outcome, Exception) == (name == MALLORY), outcome
    eventually(lambda: len(memcached.outcomes()) == 3)
    return made, memcached, visitors


def assert_judged_anew(made, library, visitors, worthless):
    pool = made.pools[1]
    before = len(made.asked())
    for name, context in visitors.items():
        assert isinstance(visit(library, pool, context), Exception) == (name == MALLORY)
    assert made.asked()[before:] == list(visitors)
    assert counters(pool)["shared"] == 0
    assert counters(pool)["worthless"] == worthless


def poison(how, value):
    return {"empty": b"", "garbage": b"\x01" + bytes(range(200)), "text": b"accepted", "truncated": value[:-1], "longer": value + b"\0",
            "half": value[:len(value) // 2], "flipped": value[:60] + bytes([value[60] ^ 1]) + value[61:], "version": b"\x02" + value[1:],
            "large": bytes(900_000)}[how]


@pytest.mark.parametrize("how", ["empty", "garbage", "text", "truncated", "longer", "half", "flipped", "version", "large"])
def test_a_poisoned_entry_is_worthless(attacked, library, how):
    made, memcached, visitors = attacked
    for key, value in memcached.items(memcached.outcomes()).items():
        memcached.set(key, poison(how, value))
    assert_judged_anew(made, library, visitors, 3)


def test_swapped_entries_are_worthless(attacked, library):
    made, memcached, visitors = attacked
    items = memcached.items(memcached.outcomes())
    keys = list(items)
    for key, other in zip(keys, keys[1:] + keys[:1]):
        memcached.set(key, items[other])
    assert_judged_anew(made, library, visitors, 3)


def test_a_ticket_key_is_no_outcome(attacked, library):
    made, memcached, visitors = attacked
    eventually(memcached.tickets)
    blob = memcached.get(memcached.tickets()[0])
    for key in memcached.outcomes():
        memcached.set(key, blob)
    assert_judged_anew(made, library, visitors, 3)


def test_entries_of_another_cluster_are_worthless(attacked, cluster, library, pki, keep):
    made, memcached, visitors = attacked
    second = keep(Memcached())
    others = cluster([second], "ttl = 600\nnegative_ttl = 600", pools=1)
    for name in visitors:
        visit(library, others.pools[0], visitor(others.pools[0], client(pki, name)))
    eventually(lambda: len(second.outcomes()) == 3)
    assert not set(second.outcomes()) & set(memcached.outcomes())
    for key, foreign in zip(memcached.outcomes(), second.outcomes()):
        memcached.set(key, second.get(foreign))
    assert_judged_anew(made, library, visitors, 3)


def test_an_old_entry_is_worthless_when_its_time_is_over(cluster, library, pki, keep):
    memcached = keep(Memcached())
    made = cluster([memcached], "ttl = 5")
    a, b = made.pools
    joe = visitor(a, client(pki, JOE))
    let_in(visit(library, a, joe))
    at = time.time()
    old = eventually(lambda: memcached.items(memcached.outcomes()))
    wait_until(at + 7)
    for key, value in old.items():
        memcached.set(key, value)  # memcached itself would have forgotten it
    let_in(visit(library, b, joe))
    assert made.asked() == [JOE, JOE]
    assert (counters(b)["shared"], counters(b)["worthless"]) == (0, 1)


# --- memcached fails ---

def test_one_server_of_two_dies(cluster, servers, library, pki):
    made = cluster(servers)
    a, b = made.pools
    people = [f"user{i}@clients.example" for i in range(12)]
    contexts = {name: visitor(a, client(pki, name)) for name in people}
    for name in people[:6]:
        let_in(visit(library, a, contexts[name]))
    eventually(lambda: sum(len(s.outcomes()) for s in servers) == 6)
    servers[0].kill()
    for name in people:
        let_in(visit(library, a, contexts[name]))
    for name in people:
        let_in(visit(library, b, contexts[name]))
    for pool in made.pools:
        assert pool.events("memcached.failed", server=servers[0].name)
        assert not pool.events("memcached.failed", server=servers[1].name)
    # Half a dozen were new, and what lay with the dead one was asked again at most.
    assert set(made.asked()) == set(people) and len(made.asked()) <= 18
    assert counters(b)["shared"] > 0
    servers[0].start()
    for pool in made.pools:
        for i in range(200):  # some of these names are the one that came back's
            name = f"late{i % 40}@clients.example"
            contexts.setdefault(name, visitor(a, client(pki, name)))
            let_in(visit(library, pool, contexts[name]))
            if pool.events("memcached.back", server=servers[0].name):
                break
            time.sleep(0.1)
        assert pool.events("memcached.back", server=servers[0].name)


def test_no_server_is_there_at_all(cluster, library, pki):
    made = cluster([Memcached.nowhere(), "unix:/nonexistent/memcached"], patience=20)
    a, b = made.pools
    joe = visitor(a, client(pki, JOE))
    begun = time.monotonic()
    let_in(visit(library, a, joe))
    let_in(visit(library, b, joe))
    assert time.monotonic() - begun < FAR_BELOW_A_DEADLINE
    assert made.asked() == [JOE, JOE]
    let_in(visit(library, a, joe))
    assert made.asked() == [JOE, JOE] and counters(a)["recalled"] == 1


def test_a_frozen_server_delays_nobody_for_long(cluster, library, pki, keep):
    memcached = keep(Memcached())
    made = cluster([memcached], patience=20)
    a, b = made.pools
    joe = visitor(a, client(pki, JOE))
    let_in(visit(library, a, joe))
    eventually(lambda: len(memcached.outcomes()) == 1)
    memcached.freeze()
    try:
        begun = time.monotonic()
        let_in(visit(library, b, joe))
        for i in range(5):
            let_in(visit(library, b, visitor(a, client(pki, f"user{i}@clients.example"))))
        assert time.monotonic() - begun < FAR_BELOW_A_DEADLINE
        b.wait_for("memcached.failed", server=memcached.name)
        assert len(made.asked()) == 7 and counters(b)["late"] > 0
    finally:
        memcached.thaw()


def test_a_full_server_is_of_less_use(cluster, library, pki, keep):
    memcached = keep(Memcached("-m", "1", "-I", "512k", "-M"))
    memcached.fill()
    made = cluster([memcached])
    a, b = made.pools
    joe = visitor(a, client(pki, JOE))
    for pool in (a, b, a, b):
        let_in(visit(library, pool, joe))
    assert set(made.asked()) == {JOE} and len(made.asked()) <= 2
    assert not memcached.outcomes()
    assert not a.events("memcached.failed") and not b.events("memcached.failed")
