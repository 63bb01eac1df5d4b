# SPDX-License-Identifier: Apache-2.0
"""Mutual TLS: full TLS 1.3 handshakes, P-256, of clients that show a certificate. The others hold it against one CA; the pool has two
policies that apply and rules, of which the sixth lets the client in, and asks its judge."""
import json
import subprocess

from measure import Measure
from servers import NAMES, Authority, Peer, Pool, programs_of_peers

CLIENT = "client.bench.example"
LET_IN, BANNED = "URI:spiffe://bench.example/ns/prod/load", "URI:spiffe://bench.example/banned/load"
RULES = f"""
[[policy]]
remote = ".bench.example"
trust = "chain and name and key-strength(112)"

[[policy]]
service = "tunnel"
trust = "forward-secrecy and local-role(server) and age(30)"

[[rule]]
san = "spiffe://bench.example/banned/*"
action = "deny"

[[rule]]
remote = [".other.example", "@users.example"]
action = "allow"

[[rule]]
issuer = "CN=Elsewhere"
action = "allow"

[[rule]]
uid = 65533
action = "deny"

[[rule]]
service = ["imap", "submission"]
action = "allow"

[[rule]]
local = "{NAMES['p256']}"
remote = "{CLIENT}"
san = "spiffe://bench.example/ns/prod/*"
issuer = "CN=Bench CA"
service = "tunnel"
role = "server"
action = "allow"
groups = ["load"]
attributes = {{ tier = "1" }}

[authorization]
default = "deny"
"""

# No session is resumed: each client signs, and the judge decides by policies and rules, or remembers what it decided.
MUTUAL = Measure("mutual_cpu_us", "full13", "p256", "CPU us per mutual handshake, with rules", "lower", "haproxy")
MUTUAL_ANEW = Measure("mutual_judged_anew_cpu_us", "full13", "p256", "  the same, each judged anew", "lower", "haproxy")


class RuledPool(Pool):
    """Judges every client anew, unless it may remember `entries` outcomes."""
    tunnel = ("--expect", CLIENT)

    def __init__(self, entries, *where):
        super().__init__(*where, keys=("p256",))
        self.wanted = self.wanted | {("trust", "system"): "false", ("trust", "anchors"): f'["{self.anchors}"]'}
        self.more = RULES + f"\n[cache]\nentries = {entries}\n"

    def outcomes(self):
        """How many verdicts were made, and how many remembered."""
        said = json.loads(self.command("status", "--json"))["outcomes"]
        return said["judged"], said["recalled"]


class Mutual:
    """The servers, and what is measured of them."""

    def __init__(self, directory, programs, backend):
        directory = directory / "mutual"
        directory.mkdir()
        authority = Authority(directory / "ca")
        self.client = authority.issue(CLIENT, "clientAuth", LET_IN)
        self.banned = authority.issue(CLIENT, "clientAuth", BANNED)
        where = (programs, backend, authority.certificate)
        self.pools = {MUTUAL: RuledPool(50000, "tlspool", directory, *where), MUTUAL_ANEW: RuledPool(0, "tlspool-anew", directory, *where)}
        self.peers = [Peer(name, directory, program, *where[1:], ("p256",)) for name, program in programs_of_peers()[0].items()]
        self.servers = [*self.pools.values(), *self.peers]

    def start(self, pems):
        for server in self.servers:
            server.start(pems)

    def stop(self):
        for server in self.servers:
            server.stop()

    def round(self, bench, seconds, keep=True):
        for server in self.servers:
            before = server.outcomes() if server not in self.peers else None
            said, cpu = bench.run_load(server, MUTUAL.load, server.ports[MUTUAL.key], seconds, "ec", self.client)
            if before:
                self.check_count(bench, server, said.get("handshakes", 0), before)
            if not keep or not said.get("handshakes") or said["wrong"]:
                continue
            for measure, pool in self.pools.items():
                if server is pool or server in self.peers:
                    who = "tlspool" if server is pool else server.name
                    bench.values.setdefault((measure.name, who), []).append(cpu / said["handshakes"] * 1e6)

    def check_count(self, bench, pool, handshakes, before):
        """Every client's outcome was decided by the judge, or remembered by it where it may."""
        judged, recalled = (now - then for now, then in zip(pool.outcomes(), before))
        if judged + (recalled if pool is self.pools[MUTUAL] else 0) < handshakes:
            bench.faults.append(f"{pool.name} mutual: {handshakes} handshakes, but {judged} judged and {recalled} remembered")

    def check_rules(self, bench):
        """That a rule decides: the same client with a URI that the first rule bans is let in nowhere."""
        for pool in self.pools.values():
            done = subprocess.run([bench.load, MUTUAL.load, str(pool.ports[MUTUAL.key]), "1", "ec", self.banned], capture_output=True,
                                  text=True, timeout=60)
            said = json.loads(done.stdout or "{}")
            if said.get("handshakes") != 0 or not said.get("errors"):
                bench.faults.append(f"{pool.name} mutual: a client whom a rule denies was let in")
