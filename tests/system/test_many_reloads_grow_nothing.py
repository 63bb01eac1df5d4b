# SPDX-License-Identifier: Apache-2.0
"""Hundreds of reloads, with policies that come and go, broken ones between them and open sessions: no process has more on its heap
afterwards, none grows or keeps a descriptor. TLSPOOL_RELOADS says how many. The processes say themselves what is in use on their heaps
(tests/support/intruder): the size that the kernel sees would show a small leak only after thousands, and grows a little at first
because glibc keeps freed pieces at hand."""
import os
import signal

import pytest
import storm
from control import Control
from pool import SANITIZED, eventually

RELOADS = int(os.environ.get("TLSPOOL_RELOADS", 40))
WARM = 20
# On each heap, in bytes: what is under way just now (timers, lines of the log), and nothing that a reload leaves behind.
HEAP_SLACK = 8192 + 32 * RELOADS
# What the allocator and the sanitizer's quarantine may still take after the first ones, in KiB.
SLACK = 256 * 1024 if SANITIZED else 1024


@pytest.fixture
def pool(make_pool, pki):
    made = make_pool()
    made.identity("other.example")
    made.replace("workers = 0", "workers = 2")
    made.trust(pki.ca().cert)
    return made.start(program="tlspoold-intruder", env={"TLSPOOL_INTRUDER": "all measure", "TLSPOOL_INTRUDER_POOL": str(made.directory),
                                                        "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"})


def heap(pool, process, pid):
    """Bytes in use."""
    done = len(pool.events("intruder.measured", process=process))
    os.kill(pid, signal.SIGUSR1)
    return int(pool.wait_for("intruder.measured", process=process, count=done + 1)["bytes"])


def sizes(pool):
    """{process: (bytes on the heap, resident KiB, descriptors or nothing)}"""
    out = {}
    for name, pid in [("supervisor", pool.process.pid)] + [(p["name"], p["pid"]) for p in storm.processes(pool)]:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
        links = pool.open_files(pid)
        out[name] = heap(pool, name, pid), resident, None if links is None else len(links)
    return out


def test_sizes(pool):
    import tlspool as library
    good = pool.config.read_text()
    # The same again; other rules, so that policy and ticket key are new; a mistake.
    texts = [good, good + '\n[[rule]]\nservice = "x"\naction = "deny"\n\n[[rule]]\naction = "allow"\n', good, good + "\n[nonsense]\n"]
    peer, plain = storm.begin(library, pool, storm.unverified())
    with Control(pool.directory / "run" / "admin.sock") as admin:
        def reload(count):
            for i in range(count):
                pool.config.write_text(texts[i % len(texts)])
                answer = admin.call("io.tlspool.Admin.Reload")
                assert ("error" in answer) == (i % len(texts) == 3), answer

        reload(WARM)
        before = sizes(pool)
        reload(RELOADS)
        after = eventually(lambda: (now := sizes(pool)) and all(now[n][2] == before[n][2] for n in before) and now,
                           message=lambda: f"{before} became {sizes(pool)}")
    left = {name: after[name][0] - before[name][0] for name in before}
    growth = {name: after[name][1] - before[name][1] for name in before}
    print(f"{RELOADS} reloads: {left} bytes on the heaps, {growth} KiB; descriptors {({n: after[n][2] for n in after})}")
    assert max(left.values()) < HEAP_SLACK, f"{before} became {after}"
    assert max(growth.values()) < SLACK, f"{before} became {after}"
    peer.sendall(b"through all of them")
    assert plain.recv(100) == b"through all of them"
    assert not pool.events("process.died")
    peer.close()
    plain.close()
