# SPDX-License-Identifier: Apache-2.0
"""Two pools with one memcached: what one has asked the DNS or a responder, the other need not ask, for as long as the answer counts."""
import time

import pytest
from authority import Authority, Web
from cluster import Cluster, counters
from dane import BothFamilies, dns_table, tlsa, verdict
from dnstree import DnsTree
from memcache import Memcached, wait_until
from pool import eventually
from talk import our_client, s_server

SHORT = 8  # seconds that the TLSA records of one name count


@pytest.fixture
def lib():
    import tlspool

    return tlspool


@pytest.fixture
def memcached(keep):
    return keep(Memcached())


def outcomes_of(lib, pool, port, name):
    return verdict(lib, lambda: our_client(lib, port, name, service="free", pool=pool.directory))[0]


def test_what_a_responder_said_is_asked_once(lib, memcached, make_pool, place):
    web = Web()
    try:
        ca = Authority(place / "shared-ca", web)
        good, revoked = (ca.issue(f"{word}.example", responder="/ocsp") for word in ("good", "revoked"))
        ca.revoke(revoked)
        web.pages["/ocsp"] = ca.respond
        made = Cluster(make_pool, place, [memcached.name], trust=[ca.cert])
        for pool in made.pools:
            pool.configure('[revocation]\naia = true\n[[policy]]\nservice = "free"\ntrust = "chain and name and ocsp"\n')
        a, b = made.start()
        with s_server(good) as server, s_server(revoked) as other:
            assert outcomes_of(lib, a, server.port, "good.example") == "chain"
            assert outcomes_of(lib, a, other.port, "revoked.example") == "ocsp!"
            eventually(lambda: len(memcached.outcomes()) == 2)
            asked = web.count("/ocsp")
            assert asked == 2
            assert outcomes_of(lib, b, server.port, "good.example") == "chain"
            assert outcomes_of(lib, b, other.port, "revoked.example") == "ocsp!"
        assert web.count("/ocsp") == asked
        assert counters(b)["shared"] == 2
    finally:
        web.close()


def test_what_the_dns_said_is_shared_while_it_counts(lib, memcached, make_pool, place, pki):
    leaf = pki.leaf("www.signed.tld", also=("*.signed.tld",))
    server = BothFamilies(leaf.chain, leaf.key)
    tree = DnsTree(place / "shared-dns")
    record, other = f"_{server.port}._tcp", tlsa(pki.leaf("other.example", sort="self-signed").cert)
    tree.zone("signed.tld", "long A 127.0.0.1", f"{record}.long {tlsa(leaf.cert)}", "wrong A 127.0.0.1", f"{record}.wrong {other}",
              f"short {SHORT} A 127.0.0.1", f"{record}.short {SHORT} {tlsa(leaf.cert)}")
    tree.start()
    try:
        made = Cluster(make_pool, place, [memcached.name], trust=[pki.ca().cert])
        for pool in made.pools:
            pool.configure(dns_table(tree) + '\n[[policy]]\nservice = "free"\ntrust = "dane"\n')
        a, b = made.start()
        expected = {"long": "dane", "wrong": "dane!", "short": "dane"}
        for word, outcome in expected.items():
            assert outcomes_of(lib, a, server.port, f"{word}.signed.tld") == outcome
        at = time.time()
        eventually(lambda: len(memcached.outcomes()) >= 2)
        tree.close()  # from now on the DNS says nothing
        assert outcomes_of(lib, b, server.port, "long.signed.tld") == "dane"
        assert outcomes_of(lib, b, server.port, "wrong.signed.tld") == "dane!"
        assert counters(b)["shared"] == 2
        wait_until(at + SHORT + 1)
        assert outcomes_of(lib, b, server.port, "short.signed.tld") == "dane!"
        assert counters(b)["shared"] == 2
    finally:
        tree.close()
        server.close()
