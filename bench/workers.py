# SPDX-License-Identifier: Apache-2.0
"""What a second worker brings. The load takes as much CPU as the pool, so a machine of two cores can't keep two workers busy. What
counts is therefore the CPU time of the busiest worker: where each has a core to itself, that is how long the handshakes take. And all
processes together must not need more for each, which they would if workers waited for each other."""
from pathlib import Path

from measure import Measure
from processes import cpu_seconds
from servers import Pool

TWO = Measure("two_workers_per_s", "full13", "p256", "handshakes a CPU second of the busiest worker, 2", "higher", "one worker")
TWO_CPU = Measure("two_workers_cpu_us", "full13", "p256", "  CPU us per handshake, all processes", "lower", "one worker")
TARGETS = {TWO.name: 1.7}


class Workers(Pool):
    """The same pool with some number of workers, and one identity."""

    def __init__(self, count, directory, program, backend):
        super().__init__(f"tlspool-{count}", directory, program, backend)
        del self.ports["rsa2048"]
        self.wanted = {("pool", "workers"): str(count), ("log", "level"): '"warning"'}
        self.more = ""

    def workers(self):
        return [pid for pid in self.pids() if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def two_workers(bench, rounds, seconds):
    backend = bench.backend.words[1]
    pools = []
    try:
        for count, who in ((1, "one worker"), (2, "tlspool")):
            pool = Workers(count, bench.directory, bench.options.programs, backend)
            pools.append((pool, who))
            pool.start({})
            bench.run_load(pool, TWO.load, pool.ports["p256"], 0.2, "ec")  # Everything that is set up once is set up.
        for _ in range(rounds):
            for pool, who in pools:
                workers = pool.workers()
                before = [cpu_seconds([pid]) for pid in workers]
                said, cpu = bench.run_load(pool, TWO.load, pool.ports["p256"], seconds, "ec")
                busiest = max(cpu_seconds([pid]) - was for pid, was in zip(workers, before))
                if said.get("handshakes") and not said["wrong"]:
                    bench.values.setdefault((TWO.name, who), []).append(said["handshakes"] / busiest)
                    bench.values.setdefault((TWO_CPU.name, who), []).append(cpu / said["handshakes"] * 1e6)
    finally:
        for pool, _ in pools:
            pool.stop()
