# SPDX-License-Identifier: Apache-2.0
"""Measures the pool against haproxy, nginx, hitch and stunnel; see bench.sh."""
import argparse
import json
import os
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import memory
from processes import Daemon, free_port
from shared_keys import Keys, settle
from measure import Measure
from mutual import MUTUAL, MUTUAL_ANEW, Mutual
from servers import Authority, Peer, Pool, make_pems, programs_of_peers
from streams import CIPHER, STREAMS, Program, cipher_alone, peers_of_pairs, stream_round
from workers import TARGETS as WORKERS_TARGETS, TWO, TWO_CPU, two_workers


HANDSHAKES = [
    Measure("full_p256_cpu_us", "full13", "p256", "CPU us per full TLS 1.3 handshake, P-256", "lower"),
    Measure("full_rsa2048_cpu_us", "full13", "rsa2048", "CPU us per full TLS 1.3 handshake, RSA-2048", "lower"),
    Measure("resumed12_cpu_us", "resumed12", "p256", "CPU us per resumed TLS 1.2 handshake", "lower"),
    Measure("resumed13_cpu_us", "resumed13", "p256", "CPU us per resumed TLS 1.3 handshake", "lower"),
]
# Beside our own full P-256 handshake: with a shared key there is no signature to make.
PSK = Measure("psk13_cpu_us", "psk13", "p256", "CPU us per TLS 1.3 handshake, one-time key", "lower")
PSK_WHOLE = Measure("psk13_with_destroying_cpu_us", "psk13", "p256", "  the same, used keys destroyed in the token", "lower")
PHANTOM = Measure("phantom12_cpu_us", "phantom12", "p256", "CPU us per phantom session resumed, TLS 1.2", "lower")
LASTING = Measure("psk13_lasting_cpu_us", "psk13", "p256", "  the same with a lasting key: no ledger", "lower")
FLOOR = Measure("openssl_full13_us", "", "p256", "  OpenSSL alone, server's side: certificate", "lower")
FLOOR_PSK = Measure("openssl_psk13_us", "", "p256", "  OpenSSL alone, server's side: shared key", "lower")
LOOKUP = Measure("lookup_many_us", "", "", "CPU us to find and read a key, full token", "lower")
LOOKUP_INDEX = Measure("lookup_index_us", "", "", "  to find it alone", "lower")
VERDICT = Measure("verdict_us", "", "", "CPU us per verdict, two policies apply", "lower")
VERDICT_MANY = Measure("verdict_many_us", "", "", "  the same among 100,000 policies and rules", "lower")
VERDICT_FLOOR = Measure("openssl_verify_us", "", "", "  OpenSSL alone: one P-256 signature verified", "lower")
VERDICT_RECALLED = Measure("verdict_recalled_us", "", "", "us per verdict that is remembered, median", "lower")
CLAIMS = Measure("claimed_keys_per_s", "psk13", "p256", "one-time keys used up a second", "higher")
CLAIMS_WHOLE = Measure("destroyed_keys_per_s", "psk13", "p256", "  and destroyed in the token a second", "higher")
# Both ends are the pool's, with certificates on both sides.
BOTH_ENDS = Measure("both_ends_cpu_us", "plain", "p256", "CPU us per handshake, client and server", "lower")
PEERS = Measure("peers_cpu_us", "peer", "p256", "CPU us per handshake, peer and peer", "lower")
TARGETS = {PEERS.name: 1.25, MUTUAL.name: 1.3, MUTUAL_ANEW.name: 1.3, PSK.name: 0.8, PHANTOM.name: 0.5, LOOKUP.name: 1.2, CLAIMS.name: 1.0,
           VERDICT.name: 1.0, VERDICT_MANY.name: 1.1, VERDICT_RECALLED.name: 1.0, **{s.name: s.target for s in STREAMS},
           **WORKERS_TARGETS}
VERDICT_WANTED, RECALLED_WANTED = 60.0, 25.0  # us
CLAIMS_WANTED = 500.0  # a second
IDLE = Measure("idle_kib", "idle", "p256", "KiB per idle connection", "lower", "wanted")
IDLE_WANTED, IDLE_OF_PEERS = 14.0, 2000  # KiB; connections, for more of them take others long
STARTTLS = Measure("starttls_us_p50", "", "p256", "us per starttls call, median", "lower")
STARTTLS_MORE = Measure("starttls_more_us", "", "p256", "  of these more than OpenSSL in the program", "lower", "wanted")
STARTTLS_LATE = Measure("starttls_us_p99", "", "p256", "  99th percentile", "lower")
STARTTLS_CROWD = Measure("starttls_crowded_us_p50", "", "p256", "  median, 2,000 slow handshakes under way", "lower")
STARTTLS_CROWD_LATE = Measure("starttls_crowded_us_p99", "", "p256", "  99th percentile, 2,000 slow ones under way", "lower")
STARTTLS_SLOWED = Measure("starttls_slowed_us", "", "p256", "  of these more than without them, median", "lower", "wanted")
STARTTLS_ALL = [STARTTLS, STARTTLS_MORE, STARTTLS_LATE, STARTTLS_CROWD, STARTTLS_CROWD_LATE, STARTTLS_SLOWED]
TARGETS |= {STARTTLS_MORE.name: 1.0, STARTTLS_SLOWED.name: 1.0, IDLE.name: 1.0} | dict(zip([m.name for m in HANDSHAKES], (1.1, 1.5, 0.9, 0.9)))
STARTTLS_WANTED, SLOWED_WANTED, CROWD = 150.0, 10_000.0, 2000  # us, us, handshakes: one user may have 2048 under way


MEMORY = "/dev/shm"  # a full token is filled there in seconds, on a disk in minutes
LONGEST = 300  # seconds for everything; no round starts in the second half


class Bench:
    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        self.load = Path(options.programs) / "bench-load"
        self.values = {}
        self.faults = []
        self.servers = []
        self.backend = None
        self.program = None  # speaks TLS by the pool
        self.mutual = None
        self.last_round = 0.0

    def start(self):
        port = free_port()
        self.backend = Daemon([Path(self.options.programs) / "bench-backend", port], self.directory / "backend.log")
        self.backend.wait_for_port(port)
        pems = make_pems(self.directory)
        self.servers.append(Pool("tlspool", self.directory, self.options.programs, port))
        self.servers += [Peer(name, self.directory, program, port) for name, program in programs_of_peers()[0].items()]
        for server in self.servers:
            server.start(pems)
        self.program = Program(self.servers[0], self.options.programs, self.directory)
        self.mutual = Mutual(self.directory, self.options.programs, port)
        self.mutual.start(pems)

    def stop(self):
        if self.program:
            self.program.stop()
        for server in self.servers:
            server.stop()
        if self.mutual:
            self.mutual.stop()
        if self.backend:
            self.backend.stop()

    def keep(self, measure, server, value):
        self.values.setdefault((measure.name, server.name), []).append(value)

    def run_load(self, server, word, port, seconds, *more):
        """What bench-load said, and the CPU seconds that the server took meanwhile."""
        before = server.cpu()
        done = subprocess.run([self.load, word, str(port), str(seconds), *more], capture_output=True, text=True,
                              timeout=seconds + 60)
        said = self.checked(server, word, done.stdout)
        time.sleep(0.05)  # Let the server finish its own ends of the last connections.
        return said, server.cpu() - before

    def checked(self, server, word, line):
        said = json.loads(line) if line.strip() else {"errors": 1, "wrong": 0, "problem": "bench-load failed"}
        if said["errors"] or said["wrong"]:
            self.faults.append(f"{server.name} {word}: {said['errors']} errors, {said['wrong']} not as asked: {said['problem']}")
        return said

    def handshake_round(self, measure, seconds, keep=True):
        for server in self.servers:
            key = "rsa" if measure.key.startswith("rsa") else "ec"
            said, cpu = self.run_load(server, measure.load, server.ports[measure.key], seconds, key)
            if keep and said.get("handshakes") and not said["wrong"]:
                self.keep(measure, server, cpu / said["handshakes"] * 1e6)

    def idle(self, count):
        """First of all, while no server has freed memory lying about that would hide what a connection takes."""
        for server in self.servers:
            of_this = count if isinstance(server, Pool) else min(count, IDLE_OF_PEERS)
            before = server.memory()
            holder = subprocess.Popen([self.load, "idle", str(server.ports["p256"]), str(of_this)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
            try:
                said = self.checked(server, "idle", holder.stdout.readline())
                time.sleep(0.3)
                if said.get("connections"):
                    self.keep(IDLE, server, (server.memory() - before) / said["connections"])
            finally:
                holder.stdin.close()
                holder.wait(60)

    def starttls(self, seconds):
        """One call of the C library, or the same handshake by OpenSSL in the program: bench-starttls does both in turn."""
        program = Path(self.options.programs) / "bench-starttls"
        pool = self.servers[0]
        done = subprocess.run([program, str(self.directory / "p256.pem"), "bench.example", str(seconds), str(CROWD)], capture_output=True,
                              text=True, timeout=seconds + 60, env={**os.environ, "TLSPOOL_DIR": str(pool.pool)})
        if done.returncode != 0:
            self.faults.append(f"starttls: {done.stderr.strip()}")
            return
        said = json.loads(done.stdout)
        for measure, words in ((STARTTLS, ("tlspool", "openssl")), (STARTTLS_LATE, ("tlspool_p99", "openssl_p99")), (STARTTLS_CROWD, ("crowded", "tlspool")),
                               (STARTTLS_CROWD_LATE, ("crowded_p99", "tlspool_p99"))):
            ours, other = words
            self.values[(measure.name, pool.name)] = [said[ours]]
            self.values[(measure.name, "openssl" if other.startswith("openssl") else "alone")] = [said[other]]
        self.values[(STARTTLS_MORE.name, pool.name)] = [said["tlspool"] - said["openssl"]]
        self.values[(STARTTLS_SLOWED.name, pool.name)] = [said["crowded"] - said["tlspool"]]

    def peers(self, seconds):
        program = Path(self.options.programs) / "bench-peers"
        pool = self.servers[0]
        for measure in (BOTH_ENDS, PEERS):
            before = pool.cpu()
            done = subprocess.run([program, measure.load, "bench.example", str(seconds)], capture_output=True, text=True,
                                  timeout=seconds + 60, env={**os.environ, "TLSPOOL_DIR": str(pool.pool)})
            time.sleep(0.05)
            if done.returncode != 0:
                self.faults.append(f"peers: {done.stderr.strip()}")
                return
            self.keep(measure, pool, (pool.cpu() - before) / json.loads(done.stdout)["handshakes"] * 1e6)

    def psk_round(self, keys, count, measures):
        """All of `count` new keys are used up; `measures`: of the CPU until the answers, and until the token is clean."""
        pool = self.servers[0]
        file = keys.stock(count)
        before, _ = settle(pool)
        start = time.monotonic()
        done = subprocess.run([self.load, "psk13", str(pool.ports["p256"]), "60", file], capture_output=True, text=True, timeout=120)
        answered = pool.cpu() - before
        said = self.checked(pool, "psk13", done.stdout)
        whole, rested = settle(pool)
        if said.get("handshakes") and not said["wrong"]:
            for measure, cpu in zip(measures, (answered, whole - before)):
                self.keep(measure, pool, cpu / said["handshakes"] * 1e6)
            return said["handshakes"] / said["seconds"], said["handshakes"] / (rested - start)
        return None

    def shared_keys(self):
        pool = self.servers[0]
        keys = Keys(pool, self.directory)
        for _ in range(self.options.rounds):
            if rates := self.psk_round(keys, self.options.keys, (PSK, PSK_WHOLE)):
                self.keep(CLAIMS, pool, rates[0])
                self.keep(CLAIMS_WHOLE, pool, rates[1])
            said, cpu = self.run_load(pool, "phantom12", pool.ports["p256"], self.options.seconds, keys.phantom)
            if said.get("handshakes") and not said["wrong"]:
                self.keep(PHANTOM, pool, cpu / said["handshakes"] * 1e6)
            said, cpu = self.run_load(pool, "psk13", pool.ports["p256"], 60, keys.lasting(self.options.keys))
            if said.get("handshakes") and not said["wrong"]:
                self.keep(LASTING, pool, cpu / said["handshakes"] * 1e6)

    def alone(self, program, *words, timeout):
        """The JSON line of a program that needs no pool, or nothing."""
        environment = {**os.environ, "TMPDIR": MEMORY} if os.access(MEMORY, os.W_OK) else None
        done = subprocess.run([Path(self.options.programs) / program, *map(str, words)], capture_output=True, text=True,
                              timeout=timeout, env=environment)
        if done.returncode == 0:
            return json.loads(done.stdout)
        self.faults.append(f"{program}: {done.stderr.strip()}")
        return None

    def floor(self):
        if said := self.alone("bench-floor", self.directory / "p256.pem", self.options.seconds, timeout=60):
            self.values[(FLOOR.name, "tlspool")] = [said["full13"]]
            self.values[(FLOOR_PSK.name, "tlspool")] = [said["psk13"]]

    def verdicts(self):
        """A server's certificate by a CA, in the judge's own code: see bench/verdict.cc and bench/recall.cc."""
        authority = Authority(self.directory / "verdicts")
        anchor, chain = authority.certificate, authority.issue("web.example", "serverAuth")
        if said := self.alone("bench-verdict", anchor, chain, "web.example", 100000, 3 * self.options.seconds, timeout=300):
            self.values[(VERDICT.name, "tlspool")] = [said["verdict_us"]]
            self.values[(VERDICT_MANY.name, "tlspool")] = [said["verdict_many_us"]]
        if said := self.alone("bench-recall", 50000, 20000, timeout=300):
            self.values[(VERDICT_RECALLED.name, "tlspool")] = [said["median_us"]]
        speed = subprocess.run(["openssl", "speed", "-seconds", "1", "-mr", "ecdsap256"], capture_output=True, text=True, timeout=60).stdout
        if found := re.search(r"^\+F4:\d+:\d+:[\d.]+:([\d.]+)$", speed, re.MULTILINE):
            self.values[(VERDICT_FLOOR.name, "tlspool")] = [1e6 / float(found[1])]

    def lookup(self):
        """The same 64 keys, in a token that has no others and in a full one: see bench/lookup.cc."""
        said = self.alone("bench-lookup", self.options.many_keys, 2 * self.options.seconds, timeout=3600)
        if said is None:
            return
        print(f"bench.sh: {said['many']} keys were put into a token in {said['filling_s']:.0f} s", file=sys.stderr)
        for measure, what in ((LOOKUP, "read"), (LOOKUP_INDEX, "find")):
            self.values[(measure.name, "tlspool")] = [said[what + "_many"]]
            self.values[(measure.name, "64 keys")] = [said[what + "_few"]]

    def run(self):
        self.start()
        self.last_round = time.monotonic() + LONGEST / 2
        for measure in HANDSHAKES[:2]:
            self.handshake_round(measure, 0.2, keep=False)  # Everything that is set up once is set up.
        self.mutual.round(self, 0.2, keep=False)
        self.mutual.check_rules(self)
        self.idle(self.options.connections)
        for _ in range(self.options.rounds):
            if time.monotonic() > self.last_round:
                break
            for measure in HANDSHAKES:
                self.handshake_round(measure, self.options.seconds)
            self.mutual.round(self, self.options.seconds)
            stream_round(self, self.options.seconds)
            self.peers(self.options.seconds)
        self.starttls(6 * self.options.seconds)
        self.shared_keys()
        peers_of_pairs(self.values)
        cipher_alone(self)
        two_workers(self, self.options.rounds, self.options.seconds)
        self.floor()
        self.verdicts()
        if self.options.many_keys:
            self.lookup()

    def result(self, measure):
        medians = {who: statistics.median(v) for (name, who), v in self.values.items() if name == measure.name}
        ours = medians.pop("tlspool", None)
        medians |= self.yardstick(measure)
        best = (min if measure.better == "lower" else max)(medians.values(), default=None)
        best = medians.get(measure.against, best)
        rounded = lambda v: None if v is None else round(v, 2)
        return {"measure": measure.name, "target": TARGETS.get(measure.name), "against": measure.against, "ours": rounded(ours), "peers": {n: rounded(v) for n, v in medians.items()},
                "ratio": None if ours is None or not best else round(ours / best, 3)}


    def yardstick(self, measure):
        """What shared keys are measured by: our own full handshake, the rate that is wanted."""
        if measure in (CLAIMS, CLAIMS_WHOLE):
            return {"wanted": CLAIMS_WANTED}
        if measure is IDLE:
            return {"wanted": IDLE_WANTED}
        if measure is STARTTLS_MORE:
            return {"wanted": STARTTLS_WANTED}
        if measure is STARTTLS_SLOWED:
            return {"wanted": SLOWED_WANTED}
        if measure in (VERDICT, VERDICT_RECALLED):
            return {"wanted": VERDICT_WANTED if measure is VERDICT else RECALLED_WANTED}
        by = {PSK.name: HANDSHAKES[0], PSK_WHOLE.name: HANDSHAKES[0], LASTING.name: HANDSHAKES[0], PHANTOM.name: HANDSHAKES[0], FLOOR_PSK.name: FLOOR,
              PEERS.name: BOTH_ENDS, VERDICT_MANY.name: VERDICT}.get(measure.name)
        own = self.values.get((by.name, "tlspool")) if by else None
        names = {FLOOR: "certificate", BOTH_ENDS: "client and server", VERDICT: "two policies"}
        return {names.get(by, "own P-256"): statistics.median(own)} if own else {}


def show(results, measures):
    for measure in measures:
        r = results[measure.name]
        peers = sorted(r["peers"].items(), key=lambda p: p[1], reverse=measure.better == "higher")
        ours = "-" if r["ours"] is None else f"{r['ours']:.1f}"
        ratio = "-" if r["ratio"] is None else f"{r['ratio']:.2f}"
        print(f"{measure.what:<44} {ours:>9} {ratio:>6}x {measure.against} ({measure.better} is better)  " +
              (f"target {r['target']}  " if r["target"] else "") +
              "  ".join(f"{n} {v:.1f}" for n, v in peers))


def main():
    parser = argparse.ArgumentParser(prog="bench.sh", description="Measures TLS Pool, one worker, beside other TLS proxies.")
    parser.add_argument("--programs", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    parser.add_argument("--rounds", type=int, default=5, help="times that everything is measured; the median counts")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one measurement")
    parser.add_argument("--connections", type=int, default=5000, help="idle connections")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="measure only the memory of more and more sessions, as a table and as an SVG FILE")
    parser.add_argument("--most", type=int, default=15000, help="sessions held at once for --plot")
    parser.add_argument("--keys", type=int, default=300, help="one-time keys in the token, and used up, in each round")
    parser.add_argument("--many-keys", type=int, default=10000 if os.access(MEMORY, os.W_OK) else 0,
                        help=f"keys in a full token, for a lookup: 0 measures none (default: 10000 where {MEMORY} is there)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # So that everything that was started is ended.
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    measures = [*HANDSHAKES, MUTUAL, MUTUAL_ANEW, BOTH_ENDS, PEERS, PSK, PSK_WHOLE, LASTING, FLOOR, FLOOR_PSK, PHANTOM, VERDICT, VERDICT_MANY, VERDICT_FLOOR, VERDICT_RECALLED, LOOKUP, LOOKUP_INDEX, CLAIMS, CLAIMS_WHOLE, TWO, TWO_CPU, *STREAMS, CIPHER, IDLE, *STARTTLS_ALL]
    with tempfile.TemporaryDirectory(prefix="tlspool-bench-") as directory:
        os.chmod(directory, 0o755)  # The pool's processes have users of their own.
        if options.plot:
            return memory.run(options, Path(directory))
        bench = Bench(options, Path(directory))
        try:
            bench.run()
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            print(f"bench.sh: {error}", file=sys.stderr)
            return 1
        finally:
            bench.stop()
        results = {m.name: bench.result(m) for m in measures}
    if options.json:
        for measure in measures:
            print(json.dumps(results[measure.name]))
    else:
        show(results, measures)
    missing = programs_of_peers()[1]
    if missing:
        print(f"bench.sh: not measured, for they are not installed: {', '.join(missing)}", file=sys.stderr)
    for fault in bench.faults:
        print(f"bench.sh: {fault}", file=sys.stderr)
    return 1 if bench.faults else 0


if __name__ == "__main__":
    sys.exit(main())
