# SPDX-License-Identifier: Apache-2.0
"""Somebody executes code in a process of the pool, behind its sandbox and with its descriptors, and tries the system
calls that it has no use for, and the files, memory and processes of others. All fail, and what the filter of system
calls refused stands in the log, written by the supervisor."""
import pytest
from intruder import take_over, tried
from pool import BIN, eventually

# To those that have threads "clone3" is refused as if the kernel did not have it, so that the C library takes clone().
THREADED = ("judge", "keeper", "fetcher")
ENTITY = """
[[kme]]
name = "alice"
url = "https://127.0.0.1:1"
identity = "pool.example"
"""


def started(make_pool, process, *steps):
    pool = make_pool(extra=ENTITY if process == "fetcher" else "")
    pool.replace("workers = 0", "workers = 2")
    if process == "metrics":
        pool.configure(f'[metrics]\nlisten = "unix:{pool.directory}/run/metrics.sock"')
    take_over(pool, process, *steps)
    return pool


PROCESSES = ("worker-0", "judge", "keeper", "fetcher", "metrics")


@pytest.mark.parametrize("process", PROCESSES)
def test_no_system_call_that_it_has_no_use_for(make_pool, process):
    pool = started(make_pool, process, "calls")
    outcomes = tried(pool)
    assert len(outcomes) > 50
    untold = {"clone3"} if process in THREADED else set()
    assert {outcomes[what] for what in untold} <= {"ENOSYS"}
    assert not {what: outcome for what, outcome in outcomes.items() if outcome not in ("EPERM", "EACCES") and what not in untold}
    told = eventually(lambda: len(found := pool.events("sandbox.refused", name=process)) >= len(outcomes) - len(untold) and found, message=pool.text)
    names = {e["call"] for e in told}
    assert names >= {"execve", "ptrace", "process_vm_readv", "unshare", "bpf", "io_uring_setup", "keyctl", "perf_event_open", "userfaultfd", "mprotect",
                     "kill", "fcntl", "prctl", "setrlimit" if "setrlimit" in names else "prlimit64", "memfd_create", "chmod", "listen", "mount"}
    # Many at once wait, so that neither the log nor the supervisor drowns in them.
    assert pool.events("sandbox.held", name=process)
    assert pool.status()["processes"]


@pytest.mark.parametrize("process", PROCESSES)
def test_no_file_memory_or_process_of_others(make_pool, process):
    pool = started(make_pool, process, "files")
    outcomes = tried(pool)
    assert len(outcomes) > 50
    # A file that is not there is neither here nor there; in an ordinary user's pool, as well, only Landlock stands in the way.
    assert not {what: outcome for what, outcome in outcomes.items() if outcome not in ("EPERM", "EACCES", "ENOENT", "EROFS", "EISDIR", "ENXIO")}
    for what in ("/keeper/pin", "/tlspool.toml") if process != "keeper" else ("/tlspool.toml",):
        assert outcomes[f"read {pool.directory}{what}"] in ("EPERM", "EACCES")
    if process in ("worker-0", "metrics"):
        eventually(lambda: pool.events("sandbox.refused", name=process, call="openat"))


def test_the_shipped_daemon_has_no_such_way():
    assert b"TLSPOOL_INTRUDER" in (BIN / "tlspoold-intruder").read_bytes()
    assert b"TLSPOOL_INTRUDER" not in (BIN / "tlspoold").read_bytes()
