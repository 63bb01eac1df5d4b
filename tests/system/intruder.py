# SPDX-License-Identifier: Apache-2.0
"""A pool with somebody in its processes (tests/support/intruder)."""
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


class Memory:
    """A running pool whose processes can be asked what stands in their memory."""

    def __init__(self, pool, place):
        self.pool = pool
        self.file = place / f"{pool.directory.name}.search"
        self.file.write_text("")
        self.file.chmod(0o644)
        pool.replace("workers = 0", "workers = 1")
        pool.start(program="tlspoold-intruder", env={"TLSPOOL_INTRUDER": "all search", "TLSPOOL_INTRUDER_POOL": str(pool.directory),
                                                     "TLSPOOL_INTRUDER_SEARCH": str(self.file)})

    def found(self, process, pid=None, **secrets):
        """How often each of them stands in the memory of the process ("supervisor", "keeper", "judge", "worker-0"); pid: of one of several with
        the name. Of those of 32 bytes and more the second half is looked for: free() writes over the beginning of what it frees, and what is
        left would be enough."""
        secrets = {name: secret[len(secret) // 2:] if len(secret) >= 32 else secret for name, secret in secrets.items()}
        self.file.write_text("".join(f"{name} {bytes(255 - b for b in secret).hex()}\n" for name, secret in secrets.items()))
        done = len(self.pool.events("intruder.done", process=process))
        pids = {p["name"]: p["pid"] for p in self.pool.status()["processes"]} | {"supervisor": self.pool.process.pid}
        os.kill(pid or pids[process], signal.SIGUSR1)
        self.pool.wait_for("intruder.done", process=process, count=done + 1)
        last = self.pool.events("intruder.searched", process=process)[-len(secrets):]
        return {e["what"]: int(e["found"]) for e in last}
