# SPDX-License-Identifier: Apache-2.0
"""`tlspool qkd audit`: two sites compare their keys over a connection that their pools protect, and find every sort of
difference without showing a key."""
import json
import re
import secrets
import subprocess
import threading

import pytest
from pool import BIN, PATIENCE, eventually

PEER = """
[keystore]
address = "{address}"

[[peer]]
name = "{other}"
as = "{own}"
store = "hsm.{other}"
when = "{when}"
"""


class Sites:
    """Pools A and B, which trust each other's CA. address: of B's key store."""

    def __init__(self, make_pool, address="hsm.b.example", when="asked"):
        self.a = make_pool(name="a.example", extra=PEER.format(own="a.example", other="b.example", address="hsm.a.example", when=when))
        self.b = make_pool(name="b.example", extra=PEER.format(own="b.example", other="a.example", address=address, when=when))
        self.a.trust(self.b.ca)
        self.b.trust(self.a.ca)
        self.a.start()
        self.b.start()

    def stock(self, at_a, at_b):
        for pool, other, keys in ((self.a, "b.example", at_a), (self.b, "a.example", at_b)):
            pool.tlspool("qkd", "import", other, stdin="".join(f"{n} {k}\n" for n, k in keys.items()))

    def audit(self, *words, there=None):
        """Both sites' outcomes: of A, which listens, and of B; `there`: other words for B."""
        with Listening(self.a, "b.example", "--json", *words) as listening:
            there = self.b.tlspool("qkd", "audit", "a.example", "--connect", f"127.0.0.1:{listening.port}", "--json",
                                   *(words if there is None else there), check=False)
            return listening.outcome(), (there.returncode, json.loads(there.stdout) if there.stdout else None, there.stderr)


class Listening:
    """`tlspool qkd audit --listen` at one site."""

    def __init__(self, pool, *words):
        self.process = subprocess.Popen([str(BIN / "tlspool"), "--pool", str(pool.directory), "qkd", "audit", *words, "--listen", "127.0.0.1:0"],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=pool.environment)
        self.lines = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.port = int(self.said(r"listening on .*:(\d+)$")[1])

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip())

    def said(self, pattern):
        return eventually(lambda: next((m for line in list(self.lines) if (m := re.search(pattern, line))), None),
                          message=lambda: f"no {pattern}: {self.lines}")

    def outcome(self):
        out = self.process.stdout.read()
        status = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return status, json.loads(out) if out else None, "\n".join(self.lines)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


def keys(*numbers):
    return {n: secrets.token_hex(32) for n in numbers}


@pytest.fixture
def sites(make_pool):
    return Sites(make_pool)


def test_equal_keys_are_equal(sites):
    same = keys(*range(1, 41))
    sites.stock(same, same)
    for status, report, _ in sites.audit():
        assert status == 0 and report["good"] is True
        assert (report["here"], report["there"], report["equal"]) == (40, 40, 40)
        assert report["connection"]["verifiedBy"] == "chain" and report["connection"]["keyId"] is None
    assert len(sites.a.events("key.claimed")) + len(sites.b.events("key.claimed")) == 0, "an audit uses up no key"


def test_every_difference_is_found_at_both_sites(sites):
    same = keys(1, 2, 3, 4)
    sites.stock({**same, **keys(5), **(mine := keys(6, 8))}, {**same, **keys(5), **keys(7)})
    (status_a, at_a, said_a), (status_b, at_b, said_b) = sites.audit()
    assert status_a == status_b == 1
    assert (at_a["onlyHere"], at_a["onlyThere"], at_a["different"]) == (["6", "8"], ["7"], ["5"])
    assert (at_b["onlyHere"], at_b["onlyThere"], at_b["different"]) == (["7"], ["6", "8"], ["5"])
    assert at_a["equal"] == at_b["equal"] == 4
    assert "2 only here, 1 only there, 1 different" in said_a and "1 only here, 2 only there, 1 different" in said_b
    shown = said_a + said_b + json.dumps([at_a, at_b]) + sites.a.text() + sites.b.text()
    assert not [k for k in (*same.values(), *mine.values()) if k in shown]


def test_sites_that_disagree_on_the_direction(make_pool):
    # By what B calls itself, it is the smaller address at both ends.
    sites = Sites(make_pool, address="hsm.0.example")
    same = keys(1, 2)
    sites.stock(same, same)
    for status, report, _ in sites.audit():
        assert status == 1 and report["sameDirection"] == ["1", "2"]


def test_a_shared_key_may_protect_it_and_is_used_up(sites):
    same = keys(*range(1, 11))
    sites.stock(same, same)
    for status, report, said in sites.audit("--shared-key"):
        assert status == 0, said
        assert report["connection"]["verifiedBy"] == "sharedKey"
        assert (report["here"], report["there"], report["equal"]) == (9, 9, 9)
        assert report["connection"]["keyId"] in {str(n) for n in same}


def test_names_without_a_peer_keep_to_certificates(make_pool):
    sites = Sites(make_pool, when="always")
    for pool, own in ((sites.a, "a"), (sites.b, "b")):
        pool.identity(f"audit.{own}.example")
    same = keys(1, 2)
    sites.stock(same, same)
    names = {own: ("--as", f"audit.{own}.example", "--expect", f"audit.{other}.example") for own, other in ("ab", "ba")}
    for status, report, said in sites.audit(*names["a"], there=names["b"]):
        assert status == 0, said
        assert report["equal"] == 2 and report["connection"]["verifiedBy"] == "chain"
    for status, report, said in sites.audit():
        assert status == 0, said
        assert report["equal"] == 1 and report["connection"]["verifiedBy"] == "sharedKey", "as the policy for the peer says"


def test_a_stranger_is_turned_away_and_the_wait_goes_on(sites):
    with Listening(sites.a, "b.example") as listening:
        wrong = sites.b.tlspool("qkd", "audit", "a.example", "--connect", f"127.0.0.1:{listening.port}", "--expect", "c.example", check=False)
        assert wrong.returncode == 1 and "c.example" in wrong.stderr
        listening.said("turned away: TLS: 127.0.0.1")
        assert sites.b.tlspool("qkd", "audit", "a.example", "--connect", f"127.0.0.1:{listening.port}").returncode == 0
        assert listening.process.wait(PATIENCE) == 0


@pytest.mark.parametrize("said, told", {
    "": "ended the connection before the audit was complete",
    "GET / HTTP/1.0\r\n\r\n": "the other site's message",
    '{"seq":0,"kind":"hello","protocol":"tlspool-audit","version":2}\n': "version 2",
    '{"seq":0,"kind":"givenUp","reason":"tired"}\n': "the other site gave up: tired",
    "x" * 70000: "a line without end",
}.items())
def test_a_site_that_misbehaves_gets_a_clear_error(sites, said, told):
    with Listening(sites.a, "b.example") as listening:
        sites.b.tlspool("connect", f"127.0.0.1:{listening.port}", "--as", "b.example", "--expect", "a.example", stdin=said, check=False)
        assert listening.process.wait(PATIENCE) == 1
        listening.said(re.escape(told))


def test_nobody_comes(sites):
    done = sites.a.tlspool("qkd", "audit", "b.example", "--listen", "127.0.0.1:0", "--timeout", "0.3", check=False)
    assert done.returncode == 1 and "nobody connected in time" in done.stderr
    unknown = sites.a.tlspool("qkd", "audit", "z.example", "--listen", "127.0.0.1:0", check=False)
    assert unknown.returncode == 1 and "there are: b.example" in unknown.stderr
    assert sites.a.tlspool("qkd", "audit", "b.example", check=False).returncode == 2
