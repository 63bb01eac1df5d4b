# SPDX-License-Identifier: Apache-2.0
"""SIGKILL to processes of the pool at random, under load: what another process holds goes on without the loss of a byte, handshakes
under way end with a clear error, and the pool is whole again at once. TLSPOOL_KILLS says how many, TLSPOOL_SEED repeats a run."""
import os
import random
import signal
import time

import entity as kme
import pytest
import storm
from peers import client_context
from pool import PATIENCE, SANITIZED, alive, eventually

KILLS = int(os.environ.get("TLSPOOL_KILLS", 15 if SANITIZED else 200))
SEED = int(os.environ.get("TLSPOOL_SEED", random.SystemRandom().randrange(1 << 32)))
WORKERS = 3
STREAMS = 9
LOAD = 2
KME = """
[keystore]
address = "hsm.a.example"

[[kme]]
name = "kme-a"
url = "https://127.0.0.1:{port}"
identity = "{identity}"
expect = "kme.example"
"""
HOOK = """
[[hook]]
name = "idle"
program = "/bin/cat"

[[rule]]
service = "asks"
hooks = ["idle"]

[[rule]]
action = "allow"
"""


@pytest.fixture
def pool(make_pool, pki):
    made = make_pool()
    made.identity("sae-a.example")
    made.replace("workers = 0", f"workers = {WORKERS}")
    made.trust(pki.ca().cert)
    with kme.Entity(pki.leaf("kme.example"), made.ca) as entity:
        made.configure(KME.format(port=entity.port, identity="sae-a.example") + HOOK)
        yield made.start()


def hooks(pool):
    """The programs of hooks: children of the supervisor that are no part of it."""
    own = {p["pid"] for p in storm.processes(pool)}
    with open(f"/proc/{pool.process.pid}/task/{pool.process.pid}/children", encoding="ascii") as children:
        return [("hook", int(pid)) for pid in children.read().split() if int(pid) not in own and command(int(pid)) == "cat"]


def command(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as comm:
            return comm.read().strip()
    except OSError:
        return None


def test_what_others_hold_is_not_lost(pool, pki):
    import tlspool as library
    print(f"TLSPOOL_SEED={SEED}")
    joe = pki.leaf("joe@clients.example", usage="clientAuth")
    eventually(lambda: hooks(pool))
    killer = storm.Killer(pool, SEED, more=lambda: hooks(pool))

    def connect():  # key of the token, verdict of the judge
        return storm.begin(library, pool, client_context(pool.ca, certificate=joe), remote_proof="required", deadline=20)

    streams = [storm.Stream(connect, killer.killed, SEED + i) for i in range(STREAMS)]
    load = [storm.Handshakes(connect) for _ in range(LOAD)]
    for thread in streams + load:
        thread.start()
    eventually(lambda: all(s.blocks for s in streams) and all(h.completed for h in load))
    began = time.monotonic()
    killer.many(KILLS, pause=0.05)
    took = time.monotonic() - began
    eventually(lambda: storm.whole(pool))
    blocks, completed = [s.blocks for s in streams], [h.completed for h in load]

    def behind():
        return ([s for s, b in zip(streams, blocks) if s.blocks <= b] + [h for h, c in zip(load, completed) if h.completed <= c])

    # A handshake may have its own deadline before it.
    eventually(lambda: not behind(), timeout=2 * PATIENCE, message=lambda: "\n".join(map(storm.where, behind())))
    for thread in streams + load:
        thread.end()
    problems = [p for thread in streams + load for p in thread.problems]
    assert not problems, problems
    assert pool.process.poll() is None
    back = [int(e["after_ms"]) for e in pool.events("process.ready")]
    print(f"{len(killer.names)} kills in {took:.1f} s; back after {sum(back) / len(back):.0f} ms, {max(back)} ms at most; "
          f"{sum(s.blocks for s in streams)} blocks, {sum(s.ended for s in streams)} sessions ended with their worker; "
          f"{sum(h.completed for h in load)} handshakes, {sum(len(h.failures) for h in load)} refused")
    # A process that had been ready is never left down for a second.
    waits = [int(e["restart_in_ms"]) for e in pool.events("process.died")]
    assert waits and max(waits) < 500


def test_calls_of_an_administrator_wait_for_no_dead_worker(pool):
    """Who was asked and died has answered."""
    names = [p["name"] for p in storm.processes(pool)]
    for _ in range(5):
        victim = next(p for p in storm.processes(pool) if p["name"] == "worker-1")
        os.kill(victim["pid"], signal.SIGSTOP)  # it has the question, and does not answer
        with storm.in_thread(lambda: storm.processes(pool)) as asked:
            eventually(lambda: waits_on_a_socket(pool))
            os.kill(victim["pid"], signal.SIGKILL)
            rows = asked.result(1.5)
        assert [p["name"] for p in rows] == names
        eventually(lambda: storm.whole(pool))


def waits_on_a_socket(pool):
    with open(f"/proc/{pool.process.pid}/stat", encoding="ascii") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] == "S"


@pytest.mark.parametrize("stopped", (False, True), ids=("at rest", "while they can't run"))
def test_the_supervisor_leaves_no_orphans(pool, stopped):
    """Not even of those that are stopped, or deep in a token, and see no closed channel."""
    import tlspool as library
    eventually(lambda: hooks(pool))
    pids = [p["pid"] for p in storm.processes(pool)] + [pid for _, pid in hooks(pool)]
    peer, plain = storm.begin(library, pool, client_context(pool.ca), deadline=20)
    if stopped:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
    pool.process.kill()
    eventually(lambda: not any(map(alive, pids)), message=lambda: f"{[command(p) for p in pids if alive(p)]} live on")
    assert plain.recv(10) == b""
    peer.close()
    plain.close()
    pool.process.wait()
    pool.process = None
    pool.start()
    storm.begin(library, pool, client_context(pool.ca), deadline=20)
