# SPDX-License-Identifier: Apache-2.0
"""After an upgrade the pool shows the sessions that old processes still have, and answers programs about them."""
import json

import pytest

import metrics
from control import Control, call, error_of
from pool import alive, eventually
from test_python_module import both
from upgrades import start, upgrade, works

ADMIN = "io.tlspool.Admin."


@pytest.fixture
def pool(upgradable):
    return upgradable


def ask(pool, method, parameters=None):
    return call(pool.directory / "run" / "admin.sock", ADMIN + method, parameters)["parameters"]


def draining(pool):
    """By id, whether they are in an old process."""
    return {row["id"]: row["draining"] for row in ask(pool, "Sessions")["sessions"]}


def counted(pool):
    """Sessions that are open and handshakes that there have been, by the metrics; None while their process changes."""
    try:
        seen = metrics.scrape(pool)
    except OSError:
        return None
    return seen.get("tlspool_sessions"), seen.get("tlspool_handshakes_total")


def test_administrators(pool, library):
    pool.configure(metrics.listen_on_socket(pool))
    start(pool)
    old = both(library, "pool.example")
    with old[0], old[1]:
        assert counted(pool) == (2, 2)
        first = upgrade(pool)
        new = both(library, "pool.example")
        with new[0], new[1]:
            expected = {s.session.id: s in old for s in (*old, *new)}
            assert draining(pool) == expected
            assert pool.tlspool("sessions").stdout.count("draining") == 2
            seen = json.loads(pool.tlspool("top", "--once", "--json", "--interval", "0.1").stdout)
            assert {s["id"] for s in seen["sessions"]} == set(expected)
            status = pool.status()
            assert status["sessions"] == 4
            workers = [p for p in status["processes"] if p["name"].startswith("worker-")]
            assert {p["draining"] for p in workers} == {True, False}
            assert "draining" in pool.tlspool("status").stdout
            eventually(lambda: counted(pool) == (4, 4))
            second = upgrade(pool)
            assert draining(pool) == {id: True for id in expected}, "two upgrades back"
            for pair in (old, new):
                works(*pair)
        eventually(lambda: set(draining(pool)) == {s.session.id for s in old})
        assert alive(first), "the oldest is reached by it"
    eventually(lambda: not draining(pool))
    eventually(lambda: not alive(first))
    eventually(lambda: counted(pool) == (0, 4))
    assert alive(second) and pool.status()["sessions"] == 0
    assert not any(p["draining"] for p in pool.status()["processes"])


@pytest.mark.parametrize("upgrades", [1, 2])
def test_programs(pool, library, upgrades):
    pool.replace("workers = 0", "workers = 2")
    start(pool)
    pairs = [both(library, "pool.example") for _ in range(3)]
    for n in range(upgrades):
        pool.replace(f"workers = {2 - n}", f"workers = {1 - n or 3}")  # it has another number of them
        upgrade(pool)
    everybody = [s for pair in pairs for s in pair]
    for near, far in pairs:
        assert near.channel_binding() == far.channel_binding()
        assert near.export_keying_material("EXPORTER-test", 40) == far.export_keying_material("EXPORTER-test", 40)
        assert near.peer_certificates() and far.peer_certificates() == []
        near.update_keys(request_peer=True)
        works(near, far)
        assert near.state().state == "open"
    seen = json.loads(pool.tlspool("top", "--once", "--json", "--interval", "0.1").stdout)
    assert {s["id"] for s in seen["sessions"]} == {s.session.id for s in everybody}
    listed, worker, workers = [], 0, 1
    while worker < workers:
        answer = call(pool, "ListSessions", {"worker": worker})["parameters"]
        workers = max(workers, answer["workers"])
        listed += answer["sessions"]
        worker += 1
    assert sorted(row["id"] for row in listed) == sorted(s.session.id for s in everybody)
    assert all(row["draining"] for row in listed)
    for nobodys in ("00" * 17, "00" * 16 + "01", "00" * 16 + "f0"):
        assert error_of(call(pool, "GetSession", {"session": nobodys})) == "SessionUnknown"
    # On one connection, which comes back for what is new.
    with Control(pool) as control:
        for s in everybody:
            state = control.call("GetSession", {"session": s.session.id})["parameters"]["state"]
            assert (state["state"], state["bytesSent"]) == ("open", len(b"still there"))
            assert control.call("ListIdentities")["parameters"]["identities"][0]["name"] == "pool.example"
    for near, far in pairs:
        near.close()
        assert far.recv(100) == b""
        far.close()
        assert {near.state().state, far.state().state} <= {"closeNotify", "local"}, "how it ended can be asked, too"
