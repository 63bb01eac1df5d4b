# SPDX-License-Identifier: Apache-2.0
"""SIGKILL to any child: it is started again, new handshakes work, sessions of other workers go on, and requests
that were under way get an error instead of silence."""
import os
import signal

import pytest
from control import Control, Ended, answers
from misbehaving import serves, use_shim
from peers import client_context, in_thread, tcp_pair
from pool import eventually
from test_python_module import both


@pytest.fixture
def pool(make_pool, monkeypatch):
    made = make_pool()
    made.replace("workers = 0", "workers = 2")
    made.start()
    monkeypatch.setenv("TLSPOOL_DIR", str(made.directory))
    return made


def restarts(pool, name):
    return next((p["restarts"] for p in pool.status()["processes"] if p["name"] == name), None)


def kill(pool, name):
    """Kills the child; returns when another one has taken its place."""
    pid = next(p["pid"] for p in pool.status()["processes"] if p["name"] == name)
    before = restarts(pool, name)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: restarts(pool, name) == before + 1 and pid not in pool.pids(name))
    died = pool.wait_for("process.died", count=before + 1, name=name)
    assert "signal 9" in died["reason"]


@pytest.mark.parametrize("name", ("keeper", "judge", "worker-0", "worker-1"))
def test_new_handshakes_work_again_every_time(pool, name):
    for _ in range(2):
        kill(pool, name)
        eventually(lambda: serves(pool), message="no handshake after the restart")
    assert pool.process.poll() is None
    assert pool.status()["tokens"][0]["state"] == "ready"


def open_sessions(library, pool, wanted=2):
    """Sessions on at least two workers, as {worker: (near, far)}; both ends of one may be on different ones."""
    ends = []
    for _ in range(40):
        ends.append(both(library, "pool.example"))
        rows = {row["id"]: row["worker"] for row in sessions(pool)}
        if all(any(rows[near.session.id] == rows[far.session.id] == w for near, far in ends) for w in range(wanted)):
            return {rows[near.session.id]: (near, far) for near, far in ends if rows[near.session.id] == rows[far.session.id]}, ends
    raise AssertionError("the kernel gave all connections to one worker")


def sessions(pool):
    import json
    return json.loads(pool.tlspool("sessions", "--json").stdout)


def test_sessions_of_other_workers_go_on_and_those_of_the_dead_one_end(pool):
    import tlspool as library
    by_worker, ends = open_sessions(library, pool)
    kill(pool, "worker-0")
    near, far = by_worker[1]
    near.sendall(b"alive")
    assert far.recv(100) == b"alive"
    dead, _ = by_worker[0]
    dead.settimeout(20)
    try:
        assert dead.recv(100) == b""
    except ConnectionResetError:
        pass
    with pytest.raises(library.SessionUnknown):
        dead.state()
    assert near.state().state == "open"
    for pair in ends:
        for end in pair:
            end.close()


@pytest.mark.parametrize("name", ("keeper", "judge"))
def test_open_sessions_need_neither_keeper_nor_judge(pool, name):
    import tlspool as library
    near, far = both(library, "pool.example")
    with near, far:
        kill(pool, name)
        near.sendall(b"still here")
        assert far.recv(100) == b"still here"
        assert near.export_keying_material("EXPORTER-x", 16) == far.export_keying_material("EXPORTER-x", 16)


def test_a_start_under_way_ends_with_its_worker(make_pool):
    pool = make_pool()
    pool.replace("workers = 0", "workers = 1")
    pool.start()
    a, b = tcp_pair()
    with Control(pool) as control:
        control.send("StartTLS", {"fileDescriptor": 0, "role": "server"}, [b.fileno()])
        eventually(lambda: pool.status()["handshakes"] == 1)
        kill(pool, "worker-0")
        with pytest.raises(Ended):
            control.receive()
    eventually(lambda: answers(pool))
    a.close()
    b.close()


def test_a_signature_under_way_ends_with_its_keeper(make_pool, place, monkeypatch):
    """The keeper dies in the middle of C_Sign."""
    import tlspool as library
    pool = use_shim(make_pool(), place)
    pool.start(env={"TLSPOOL_SLOW_TOKEN_MS": "600000"})
    monkeypatch.setenv("TLSPOOL_DIR", str(pool.directory))
    a, b = tcp_pair()

    def client():
        with pytest.raises(OSError):
            client_context(pool.ca).wrap_socket(a, server_hostname="pool.example")

    def server():
        with pytest.raises(library.HandshakeFailed) as failed:
            library.wrap_server(b, "pool.example", deadline=60)
        return failed.value

    with in_thread(client):
        with in_thread(server) as serving:
            eventually(lambda: pool.status()["handshakes"] == 1)
            signing = pool.pids("keeper")[0]
            # Its threads sleep inside the module: it is there that it dies.
            eventually(lambda: sleeps_in_a_thread(signing))
            kill(pool, "keeper")
            failed = serving.result()
    assert failed.reason == "token"
    a.close()
    b.close()


def sleeps_in_a_thread(pid):
    """One of the threads waits on a clock. Where the kernel does not tell, the handshake has begun: good enough."""
    try:
        calls = []
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/wchan", encoding="ascii") as file:
                calls.append(file.read())
    except OSError:
        return True
    return any("nanosleep" in call for call in calls) or set(calls) <= {"0", ""}


def test_a_child_that_dies_again_and_again_does_not_take_the_machine(pool):
    """Each restart waits longer than the one before."""
    for _ in range(4):
        kill(pool, "judge")
    waits = [int(e["restart_in_ms"]) for e in pool.events("process.died", name="judge")]
    assert waits == sorted(waits) and waits[-1] > waits[0]
    assert eventually(lambda: serves(pool))


def test_a_child_that_dies_at_the_start_ends_the_daemon_with_a_reason(make_pool):
    """Nothing is served by a pool that is not whole."""
    pool = make_pool()
    pool.start(wait=False, open_files=14)
    assert pool.process.wait(60) == 1
    assert pool.wait_for("pool.failed")["reason"]
    assert not pool.socket.exists()
