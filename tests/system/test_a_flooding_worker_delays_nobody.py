# SPDX-License-Identifier: Apache-2.0
"""A taken worker floods keeper, judge and supervisor: requests without end whose answers it does not read, frames that are
too long or never end, refused system calls. The other worker's handshakes go on, and nobody's memory grows beyond its bounds."""
import pytest
from intruder import begin, memory_kib, poured, take_over
from pool import SANITIZED, eventually
from test_python_module import both

# What a flood may make a process grow by: its channels' bounds, with room for what an allocator and the sanitizers add.
ROOM_KIB = (48 if not SANITIZED else 400) * 1024


@pytest.mark.parametrize("flood", ["signatures", "keys", "questions", "frames", "calls"])
def test_handshakes_of_another_worker_go_on(make_pool, monkeypatch, flood):
    import tlspool as library
    pool = make_pool()
    pool.replace("workers = 0", "workers = 2")
    pool.start(program="tlspoold-intruder", env={"TLSPOOL_INTRUDER": f"worker-0 flood-{flood}", "TLSPOOL_INTRUDER_POOL": str(pool.directory)})
    monkeypatch.setenv("TLSPOOL_DIR", str(pool.directory))
    pids = {p["name"]: p["pid"] for p in pool.status()["processes"] if p["name"] != "worker-0"} | {"supervisor": pool.process.pid}
    before = {name: memory_kib(pid) for name, pid in pids.items()}
    begin(pool, "worker-0")
    if flood == "calls":
        eventually(lambda: pool.events("sandbox.held", name="worker-0"), message=pool.text)
    else:
        poured(pool)
    for _ in range(20):
        near, far = both(library, "pool.example")
        with near, far:
            near.sendall(b"through")
            assert far.recv(100) == b"through"
    after = {name: memory_kib(pid) for name, pid in pids.items()}
    assert {name: after[name] - before[name] for name in pids if after[name] - before[name] > ROOM_KIB} == {}
    if flood in ("signatures", "keys"):
        assert 0 < len(pool.events("key.refused", process="keeper")) < 20000
    if flood == "calls":
        assert len(pool.events("sandbox.refused", name="worker-0")) < 2000


def test_a_worker_that_talks_nonsense_is_replaced(make_pool):
    pool = make_pool()
    pool.replace("workers = 0", "workers = 2")
    pid = take_over(pool, "worker-0", "nonsense")
    assert pool.wait_for("process.misbehaved", name="worker-0")["reason"]
    pool.wait_for("process.died", name="worker-0")
    eventually(lambda: any(p["name"] == "worker-0" and p["pid"] not in (0, pid) for p in pool.status()["processes"]))
