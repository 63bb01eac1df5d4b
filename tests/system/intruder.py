# SPDX-License-Identifier: Apache-2.0
"""A pool with somebody in one of its processes (tests/support/intruder)."""
import os
import signal

from pool import eventually


def take_over(pool, process, *steps, **more):
    """Starts the pool with an intruder in `process` ("worker-0", "judge") and lets him take these steps."""
    pool.start(program="tlspoold-intruder", env={"TLSPOOL_INTRUDER": " ".join((process, *steps)), "TLSPOOL_INTRUDER_POOL": str(pool.directory), **more})
    return begin(pool, process)


def begin(pool, process):
    pid = next(p["pid"] for p in pool.status()["processes"] if p["name"] == process)
    os.kill(pid, signal.SIGUSR1)
    return pid


def tried(pool):
    """What he tried, with what came of it, when he is through."""
    pool.wait_for("intruder.done")
    return {e["what"]: e["outcome"] for e in pool.events("intruder.tried")}


def memory_kib(pid):
    """The most that a process had in memory. Everybody may read that."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


def poured(pool):
    """Waits until a flood has begun in earnest."""
    return eventually(lambda: [e for e in pool.events("intruder.tried") if e["what"] == "pour"], message=pool.text)
