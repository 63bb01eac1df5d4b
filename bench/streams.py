# SPDX-License-Identifier: Apache-2.0
"""MB for each CPU second, through one connection and through many at once: over TCP on both sides, as every proxy does it,
and through a socket pair, which only the pool has."""
import os
from dataclasses import dataclass
from pathlib import Path

from processes import Daemon, free_port
from servers import NAMES

MANY = 16


@dataclass(frozen=True)
class Stream:
    name: str
    streams: int
    pair: bool     # the program's end is the pool's socket pair
    what: str
    target: float  # times the best peer
    better: str = "higher"
    against: str = "best"


STREAMS = [
    Stream("throughput_mb_per_cpu_s", 1, False, "MB per CPU second, one stream", 1.1),
    Stream("throughput16_mb_per_cpu_s", MANY, False, f"  {MANY} streams", 1.1),
    Stream("throughput_pair_mb_per_cpu_s", 1, True, "MB per CPU second, one stream, socket pair", 1.5),
    Stream("throughput16_pair_mb_per_cpu_s", MANY, True, f"  {MANY} streams", 1.5),
]


class Program:
    """A program that calls tlspool_starttls_server() and serves what comes on the plain sockets that it gets. Like the plain
    server behind a proxy it is no part of what is measured."""

    def __init__(self, pool, programs, directory):
        self.port = free_port()
        self.daemon = Daemon([Path(programs) / "bench-backend", self.port, NAMES["p256"]], directory / "program.log",
                             {**os.environ, "TLSPOOL_DIR": str(pool.pool)})
        self.daemon.wait_for_port(self.port)

    def stop(self):
        self.daemon.stop()


def stream_round(bench, seconds):
    """Mostly download, as in life: three parts to one upload."""
    for measure in STREAMS:
        for server in bench.servers[:1] if measure.pair else bench.servers:
            port = bench.program.port if measure.pair else server.ports["p256"]
            megabytes = cpu = 0.0
            for word, part in (("download", 0.75), ("upload", 0.25)):
                said, used = bench.run_load(server, word, port, seconds * part, str(measure.streams))
                megabytes += said.get("megabytes", 0.0)
                cpu += used
            if megabytes and cpu:
                bench.keep(measure, server, megabytes / cpu)


def peers_of_pairs(values):
    """What the socket pairs are measured by: the peers over TCP, for they have no other way."""
    for tcp, pair in ((STREAMS[0], STREAMS[2]), (STREAMS[1], STREAMS[3])):
        for (name, who), figures in list(values.items()):
            if name == tcp.name and who != "tlspool":
                values[(pair.name, who)] = figures
