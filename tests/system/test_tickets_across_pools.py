# SPDX-License-Identifier: Apache-2.0
"""Pools of a cluster read each other's tickets: a client that was at one resumes at another, which has another key and another certificate
for the same name."""
import pytest
from cluster import JOE, WEB, Cluster, let_in, visit, visitor
from memcache import Memcached
from pool import eventually
from talk import VERSIONS


@pytest.fixture
def library():
    import tlspool

    return tlspool


@pytest.fixture
def joe(pki):
    return pki.leaf(JOE, usage="clientAuth")


@pytest.fixture
def memcached(keep):
    return keep(Memcached())


@pytest.fixture
def cluster(make_pool, place, pki):
    def make(servers, cache=""):
        return Cluster(make_pool, place, servers, cache, trust=[pki.ca().cert])
    return make


def shared(*pools):
    for pool in pools:
        pool.wait_for("ticket_key.shared")
        eventually(lambda pool=pool: pool.status()["ticketKeyShared"])


def resumes(library, joe, first, second, version="tls13"):
    """Whether a client that was at `first` resumes at `second`, and is the same there."""
    context = visitor(first, joe, version)
    session, facts = let_in(visit(library, first, context, "free"))
    assert not facts.resumed
    _, again = let_in(visit(library, second, context, "free", session))
    assert (again.remote_identity, again.remote_names, again.local_identity) == (facts.remote_identity, facts.remote_names, WEB)
    return again.resumed


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_resumes_at_another_server(library, cluster, memcached, joe, version):
    made = cluster([memcached.name])
    a, b = made.start()
    shared(a, b)
    leaves = [next((p.directory / "identities").glob(f"{WEB}*.pem")).read_bytes() for p in (a, b)]
    assert leaves[0] != leaves[1]
    assert resumes(library, joe, a, b, version)
    assert resumes(library, joe, b, a, version)
    assert sorted(p.events("ticket_key.shared")[0]["made_here"] for p in (a, b)) == ["no", "yes"]
    assert len(memcached.tickets()) == 1


def test_a_client_resumes_after_the_key_was_replaced(library, cluster, memcached, joe):
    made = cluster([memcached.name], "ticket_rotation = 15")
    a, b = made.start()
    shared(a, b)
    context = visitor(a, joe)
    session, _ = let_in(visit(library, a, context, "free"))
    for pool in (a, b):
        first = pool.events("ticket_key.shared")[0]["epoch"]
        eventually(lambda pool=pool, first=first: [e for e in pool.events("ticket_key.shared") if e["epoch"] != first], timeout=60)
    for pool in (a, b):
        session, again = let_in(visit(library, pool, context, "free", session))
        assert again.resumed


def test_without_memcached_each_pool_has_its_own_key(library, cluster, joe):
    made = cluster([Memcached.nowhere()])
    a, b = made.start()
    for pool in (a, b):
        pool.wait_for("ticket_key.alone")
        assert not pool.status()["ticketKeyShared"]
    assert not resumes(library, joe, a, b)
    assert resumes(library, joe, a, a)


def test_memcached_that_comes_later_is_found(library, cluster, keep, joe):
    name = Memcached.nowhere()
    made = cluster([name])
    a, b = made.start()
    for pool in (a, b):
        pool.wait_for("ticket_key.alone")
    context = visitor(a, joe)
    session, _ = let_in(visit(library, a, context, "free"))
    keep(Memcached(port=int(name.rpartition(":")[2])))
    for pool in (a, b):
        pool.wait_for("ticket_key.shared", timeout=90)
    assert resumes(library, joe, a, b)
    _, again = let_in(visit(library, a, context, "free", session))  # a ticket by the key that the pool had alone
    assert again.resumed


@pytest.mark.parametrize("how", ["garbage", "flipped"])
def test_a_ticket_key_by_an_attacker_is_not_taken(library, cluster, memcached, joe, how):
    made = cluster([memcached.name])
    a, b = made.pools
    a.start()
    shared(a)
    key = memcached.tickets()[0]
    value = memcached.get(key)
    memcached.set(key, bytes(200) if how == "garbage" else value[:40] + bytes([value[40] ^ 1]) + value[41:])
    b.start()
    b.wait_for("ticket_key.worthless")
    assert not b.status()["ticketKeyShared"]
    assert not resumes(library, joe, a, b)
    assert resumes(library, joe, b, b)


def test_another_policy_means_another_key(library, cluster, memcached, joe):
    made = cluster([memcached.name])
    a, b = made.pools
    b.configure('[[rule]]\nservice = "more"\naction = "allow"\n')
    made.start()
    shared(a, b)
    assert len(memcached.tickets()) == 2
    assert not resumes(library, joe, a, b)
