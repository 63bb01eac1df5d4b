# SPDX-License-Identifier: Apache-2.0
"""What zones may be like, through a running pool: rollover, unusable records, aliases, loops, zones that are bogus, expired, unsigned or
silent, mail domains, services, clients. Each line of the tables says beforehand what `dane` and `dane-if-present` answer."""
import json
import socket

import pytest
from dane import BothFamilies, dns_table, tlsa, verdict
from dnstree import DnsTree
from peers import in_thread
from pool import Pool
from talk import OurServer, our_client, s_client, shown

HOLDS, REFUSES, NO_ANSWER = "dane", "no, ", "no answer, "
BAD = ("broken", "expired", "future", "unsigned-by-mistake", "wrong-ds")


class World:
    def __init__(self, directory, pki):
        self.leaf = leaf = pki.leaf("www.signed.tld", also=("*.signed.tld", "*.mail.tld"), usage="serverAuth,clientAuth")
        self.server = BothFamilies(leaf.chain, leaf.key)
        self.other = pki.leaf("other.example", sort="self-signed").cert
        self.silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # takes questions and says nothing
        self.silent.bind(("127.0.0.1", 0))
        self.tree = DnsTree(directory)
        self.zones(self.server.port, tlsa(leaf.cert), tlsa(self.other))
        self.tree.start()

    def zones(self, port, mine, others):
        def at(name, *records):
            return [f"_{port}._tcp.{name} {record}" for record in records]

        def host(name, *records):
            return [f"{name} A 127.0.0.1", *at(name, *records)]

        unknown = [f"TYPE52 \\# 35 04010{m}{'00' * 32}" for m in (1, 2)] + ["TYPE52 \\# 34 030101" + "11" * 31]
        digest = mine.split()[-1]
        many = [f"TLSA 3 1 2 {i:0128x}" for i in range(1, 61)]
        self.tree.zone(
            "signed.tld", *host("good", mine), *host("bad", others), *host("none"),
            *host("rollover", others, mine), *host("rolled", others, f"TLSA 3 1 1 {'cd' * 32}"),
            *host("half-unusable", unknown[0], mine), *host("unusable", *unknown), *host("unusable-and-bad", *unknown, others),
            *host("agility", f"TLSA 3 1 2 {'ab' * 64}", mine), *host("many", *many), *host("many-and-mine", *many, mine),
            *host("too-many", *[f"TLSA 3 1 1 {i:064x}" for i in range(1, 301)]),
            "alias CNAME good", "alias3 CNAME alias2", "alias2 CNAME alias", "alias-of-none CNAME none", *at("alias-of-none", mine),
            "alias-of-bad CNAME bad", *at("alias-of-bad", mine), "tlsa-alias A 127.0.0.1", f"_{port}._tcp.tlsa-alias CNAME _{port}._tcp.good",
            "loop CNAME pool", "pool CNAME loop", *at("loop", mine), *[f"c{i} CNAME c{i + 1}" for i in range(40)], "c40 A 127.0.0.1",
            "out CNAME www.unsigned.tld.", "out-own CNAME www.unsigned.tld.", *at("out-own", mine), "to-bogus CNAME www.broken.tld.",
            *at("to-bogus", mine), "*.wild A 127.0.0.1", f"*._tcp.wildport {mine}", "wildport A 127.0.0.1",
            # Clients: for what they do, and for all.
            f"_smtp-client.device {mine}", f"device {others}", f"plain {mine}", f"_smtp-client.broken-service CNAME www.expired.tld.",
            f"broken-service {mine}", "nothing A 127.0.0.1", f"s7._device {mine}",
            f"_{port}._udp.udp {mine}", "udp A 127.0.0.1", f"_{port + 1}._tcp.port {mine}",
            "port A 127.0.0.1")
        self.tree.zone("unsigned.tld", *host("www", mine), "back CNAME good.signed.tld.", *at("back", mine), state="unsigned")
        for state in BAD:
            self.tree.zone(f"{state}.tld", *host("www", mine), state=state)
        mx = [f"_{port}._tcp.{name}" for name in ("a", "b")]
        self.tree.zone("mail.tld", "a A 127.0.0.1", "b A 127.0.0.1", f"{mx[0]} {mine}", "both MX 10 a", "both MX 20 b", "only-b MX 10 b", "null MX 0 .",
                       "insecure MX 10 www.unsigned.tld.", "bogus MX 10 www.broken.tld.", "mixed MX 10 a", "mixed MX 20 www.broken.tld.",
                       *host("itself", mine), f"_imap._tcp.site SRV 0 0 {port} a", f"_imap._tcp.elsewhere SRV 0 0 {port + 1} a",
                       "_imap._tcp.refused SRV 0 0 0 .", *host("no-srv", mine))
        self.tree.zone("silent.tld", *host("www", mine))

    def close(self):
        self.tree.close()
        self.server.close()
        self.silent.close()


@pytest.fixture(scope="module")
def world(place, pki):
    made = World(place / "dane-situations", pki)
    yield made
    made.close()


@pytest.fixture(scope="module", params=["dane", "dane-if-present"])
def judged(request, place, world):
    silent = f'stubs = ["silent.tld 127.0.0.1@{world.silent.getsockname()[1]}"]'
    extra = dns_table(world.tree, silent, "deadline = 3000") + f'\n[[policy]]\ntrust = "{request.param}"\n'
    made = Pool(place / f"situations-{request.param}", extra=extra)
    made.identity("p256.example")
    made.start()
    yield request.param, made
    made.remove()


@pytest.fixture
def lib(judged, library_of):
    return library_of(judged[1])


# name, service -> what `dane` answers, what `dane-if-present` answers, words of the reason
SERVERS = {
    ("good.signed.tld", ""): (HOLDS, HOLDS, ""),
    ("GOOD.signed.TLD.", ""): (HOLDS, HOLDS, ""),
    ("bad.signed.tld", ""): (REFUSES, REFUSES, "certificate is another"),
    ("none.signed.tld", ""): (REFUSES, HOLDS, "proved that there is no TLSA record"),
    ("absent.signed.tld", ""): (REFUSES, HOLDS, "proved that there is no TLSA record"),
    ("rollover.signed.tld", ""): (HOLDS, HOLDS, ""),
    ("rolled.signed.tld", ""): (REFUSES, REFUSES, "record 2"),
    ("half-unusable.signed.tld", ""): (HOLDS, HOLDS, ""),
    ("unusable.signed.tld", ""): (REFUSES, HOLDS, "is unusable"),
    ("unusable-and-bad.signed.tld", ""): (REFUSES, REFUSES, "certificate is another"),
    ("agility.signed.tld", ""): (REFUSES, REFUSES, "SHA-512 record"),
    ("many.signed.tld", ""): (REFUSES, REFUSES, "record 60"),
    ("many-and-mine.signed.tld", ""): (REFUSES, REFUSES, "SHA-512 record"),
    ("too-many.signed.tld", ""): (REFUSES, REFUSES, "only 64 are looked at"),
    ("alias.signed.tld", ""): (HOLDS, HOLDS, ""),
    ("alias3.signed.tld", ""): (HOLDS, HOLDS, ""),
    ("alias-of-none.signed.tld", ""): (HOLDS, HOLDS, ""),
    ("alias-of-bad.signed.tld", ""): (REFUSES, REFUSES, "certificate is another"),  # the records at the end come first
    ("tlsa-alias.signed.tld", ""): (HOLDS, HOLDS, ""),
    ("wildport.signed.tld", ""): (HOLDS, HOLDS, ""),
    ("any.wild.signed.tld", ""): (REFUSES, HOLDS, "proved that there is no TLSA record"),
    ("udp.signed.tld", ""): (REFUSES, HOLDS, "proved that there is no TLSA record"),   # another protocol
    ("port.signed.tld", ""): (REFUSES, HOLDS, "proved that there is no TLSA record"),  # another port
    ("loop.signed.tld", ""): (NO_ANSWER, NO_ANSWER, "the DNS failed"),
    ("c0.signed.tld", ""): (NO_ANSWER, NO_ANSWER, "the DNS failed"),
    ("out.signed.tld", ""): (REFUSES, HOLDS, "proved that there is no TLSA record"),
    ("out-own.signed.tld", ""): (HOLDS, HOLDS, ""),
    ("to-bogus.signed.tld", ""): (NO_ANSWER, NO_ANSWER, "is bogus"),
    ("www.unsigned.tld", ""): (REFUSES, HOLDS, "insecure"),
    ("back.unsigned.tld", ""): (REFUSES, HOLDS, "insecure"),
    ("www.silent.tld", ""): (NO_ANSWER, NO_ANSWER, "timed out"),
    **{(f"www.{state}.tld", ""): (NO_ANSWER, NO_ANSWER, "is bogus") for state in BAD},
    ("127.0.0.1", ""): (REFUSES, HOLDS, "no name of a host"),
    # Mail domains: any of their servers.
    ("both.mail.tld", "smtp"): (HOLDS, HOLDS, ""),
    ("only-b.mail.tld", "smtp"): (REFUSES, HOLDS, "proved that there is no TLSA record"),
    ("null.mail.tld", "smtp"): (REFUSES, REFUSES, "does not offer the service"),
    ("insecure.mail.tld", "smtp"): (REFUSES, HOLDS, "insecure"),
    ("bogus.mail.tld", "smtp"): (NO_ANSWER, NO_ANSWER, "is bogus"),
    ("mixed.mail.tld", "smtp"): (HOLDS, HOLDS, ""),
    ("itself.mail.tld", "smtp"): (HOLDS, HOLDS, ""),
    ("a.mail.tld", "smtp"): (HOLDS, HOLDS, ""),
    ("both.mail.tld", ""): (REFUSES, HOLDS, "proved that there is no TLSA record"),  # nobody said that it is about mail
    # Services by SRV records.
    ("site.mail.tld", "_imap._tcp"): (HOLDS, HOLDS, ""),
    ("elsewhere.mail.tld", "_imap._tcp"): (REFUSES, REFUSES, "names port"),
    ("refused.mail.tld", "_imap._tcp"): (REFUSES, REFUSES, "does not offer the service"),
    ("no-srv.mail.tld", "_imap._tcp"): (HOLDS, HOLDS, ""),
}
CLIENTS = {
    ("plain.signed.tld", "any"): (HOLDS, HOLDS, ""),
    ("device.signed.tld", "smtp-client"): (HOLDS, HOLDS, ""),
    ("device.signed.tld", "any"): (REFUSES, REFUSES, "certificate is another"),
    ("s7._device.signed.tld", "any"): (HOLDS, HOLDS, ""),
    ("broken-service.signed.tld", "any"): (HOLDS, HOLDS, ""),
    ("broken-service.signed.tld", "smtp-client"): (NO_ANSWER, NO_ANSWER, "is bogus"),
    ("nothing.signed.tld", "any"): (REFUSES, HOLDS, "proved that there is no TLSA record"),
    ("www.unsigned.tld", "any"): (REFUSES, HOLDS, "insecure"),
    ("www.expired.tld", "any"): (NO_ANSWER, NO_ANSWER, "is bogus"),
}


def compare(table, check, find):
    wrong = {}
    for (name, service), row in table.items():
        found, text = find(name, service)
        expected, words = row[check == "dane-if-present"], row[2]
        if expected == HOLDS:
            # What holds by proven absence alone vouches for nobody.
            good = found == ("dane" if row[0] == HOLDS else "policy")
        else:
            good = found == f"{check}!" and f"{check}: {expected}" in text and words in text
        if not good:
            wrong[f"{name} {service}"] = f"{found} {text}; expected: {expected} {words}"
    assert not wrong, json.dumps(wrong, indent=1)


def test_servers(lib, judged, world):
    def find(name, service):
        options = {"service": service} if service else {}
        return verdict(lib, lambda: our_client(lib, world.server.port, name, **options))

    compare(SERVERS, judged[0], find)


def test_clients(lib, judged, world):
    def find(name, service):
        options = dict(remote_identity=name, remote_proof="required", service=service)
        with OurServer(lib, "p256.example", **options) as server, s_client(server.port, "-CAfile", judged[1].ca, *shown(world.leaf)):
            return verdict(lib, server.plain)

    compare(CLIENTS, judged[0], find)


def test_slow_zones_delay_no_other(lib, judged, world):
    """While many wait for a server that says nothing, others get their verdicts."""
    def wait():
        return verdict(lib, lambda: our_client(lib, world.server.port, "slow.silent.tld"))

    with in_thread(wait), in_thread(wait), in_thread(wait) as last:
        for _ in range(20):
            assert verdict(lib, lambda: our_client(lib, world.server.port, "good.signed.tld"))[1] == ""
        found, text = last.result()
    assert found == f"{judged[0]}!" and "timed out" in text


def test_the_judge_keeps_the_roots_key(make_pool, world, library_of):
    """RFC 5011: once its state is there, that counts, and the file that it came from may be gone. A reload may change [dns]."""
    pool = make_pool(extra=dns_table(world.tree) + '\n[[policy]]\ntrust = "dane"\n')
    anchor = pool.directory / "dns" / "root.anchor"
    anchor.parent.mkdir()
    anchor.write_text(world.tree.anchor.read_text())
    pool.replace(f'root_anchor = "{world.tree.anchor}"', 'root_anchor = "dns/root.anchor"')
    pool.start()
    tlspool = library_of(pool)
    def outcome():
        return verdict(tlspool, lambda: our_client(tlspool, world.server.port, "good.signed.tld"))

    kept = pool.directory / "judge" / "root.key"
    assert not kept.exists()  # nobody is asked before somebody wants to know something
    assert outcome() == ("dane", "")
    assert "VALID" in kept.read_text()
    anchor.unlink()
    pool.restart()
    assert outcome() == ("dane", "")
    pool.stop()
    kept.unlink()
    pool.start()
    found, text = outcome()
    assert found == "dane!" and "no key of the root zone" in text and "root.anchor" in text
    anchor.write_text(world.tree.anchor.read_text())
    pool.tlspool("reload")
    assert outcome() == ("dane", "")
    pool.replace(f'forwarders = ["{world.tree.address}"]', f'forwarders = ["127.0.0.1@{world.silent.getsockname()[1]}"]\ndeadline = 1000')
    pool.tlspool("reload")
    found, text = outcome()
    assert found == "dane!" and "timed out" in text
