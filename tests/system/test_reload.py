# SPDX-License-Identifier: Apache-2.0
"""A new configuration while the pool runs: a good one holds for what starts after it, a broken one changes
nothing, and open sessions go on through both."""
import signal

import pytest
from caller import calls, start
from control import Control, error_of
from misbehaving import ask, refusal, serves, shim
from peers import client_context, in_thread, tcp_pair
from pool import eventually
from test_python_module import both


@pytest.fixture
def pool(make_pool, monkeypatch):
    made = make_pool().start()
    monkeypatch.setenv("TLSPOOL_DIR", str(made.directory))
    return made


def test_an_identity_that_came_while_it_runs(pool):
    import tlspool as library
    near, far = both(library, "pool.example")
    with near, far:
        pool.identity("later.example")
        pool.tlspool("reload")
        assert serves(pool, "later.example") and serves(pool)
        near.sendall(b"through it")
        assert far.recv(100) == b"through it"
    assert len(pool.events("config.applied")) >= 1


def test_an_identity_that_went(pool):
    pool.identity("later.example")
    pool.tlspool("reload")
    assert serves(pool, "later.example")
    for file in (pool.directory / "identities").glob("*later*"):
        file.unlink()
    pool.tlspool("reload")
    (answer,) = calls(pool.socket, start("later.example"))
    assert error_of(answer) == "IdentityRefused"
    assert serves(pool)


def test_a_broken_one_changes_nothing(pool):
    import tlspool as library
    near, far = both(library, "pool.example")
    with near, far:
        good = pool.config.read_text()
        pool.config.write_text(good + "\n[nonsense]\nkey = 1\n")
        line = len(good.splitlines()) + 2
        done = pool.tlspool("reload", check=False)
        assert done.returncode == 1 and f"{pool.config}:{line}" in done.stderr and "nonsense" in done.stderr
        refused = pool.wait_for("config.refused")
        assert f"{pool.config}:{line}" in refused["reason"]
        assert serves(pool)
        near.sendall(b"untouched")
        assert far.recv(100) == b"untouched"
        pool.config.write_text(good)
        pool.tlspool("reload")
        assert serves(pool)
        assert not pool.events("process.died")


@pytest.mark.parametrize("break_it", (
    lambda pool: next((pool.directory / "identities").glob("*.pem")).write_text("no certificate"),
    lambda pool: next((pool.directory / "identities").glob("*.pem")).unlink(),
    lambda pool: pool.config.unlink(),
    lambda pool: pool.config.write_text(""),
    lambda pool: pool.config.write_bytes(b"\xff\xfe\x00"),
), ids=("chain of nonsense", "chain gone", "file gone", "file empty", "file binary"))
def test_files_that_are_gone_or_spoiled(pool, break_it):
    break_it(pool)
    done = pool.tlspool("reload", check=False)
    if done.returncode == 0:
        # An empty file is a configuration: of a pool without tokens, in which nothing can be served.
        assert pool.config.read_bytes() == b""
        assert not serves(pool)
        return
    assert str(pool.directory) in done.stderr
    assert serves(pool)


def test_sighup_is_a_reload(pool):
    pool.identity("later.example")
    known = len(pool.events("config.applied"))
    pool.process.send_signal(signal.SIGHUP)
    pool.wait_for("config.applied", count=known + 1)
    assert serves(pool, "later.example")


def test_many_in_a_row_leak_nothing(pool):
    for _ in range(3):
        pool.tlspool("reload")
    kinds = ("worker", "keeper", "judge")
    before = {kind: pool.descriptors(kind) for kind in kinds}
    for i in range(20):
        pool.config.write_text(pool.config.read_text() + f"# {i}\n")
        pool.tlspool("reload")
    eventually(lambda: {kind: pool.descriptors(kind) for kind in kinds} == before,
               message=lambda: f"{before} became { {kind: pool.descriptors(kind) for kind in kinds} }")
    assert serves(pool)


def test_another_token_of_the_same_module(pool):
    """Its keys can be used without a restart."""
    uri = next(line for line in pool.config.read_text().splitlines() if line.startswith("uri"))
    module = next(line for line in pool.config.read_text().splitlines() if line.startswith("module"))
    pool.configure(f'[[token]]\nname = "second"\n{module}\n{uri}\npin_file = "pin"\n')
    pool.identity("later.example")
    file = next((pool.directory / "identities").glob("*later*.toml"))
    file.write_text(file.read_text().replace('token = "default"', 'token = "second"'))
    pool.tlspool("reload")
    assert {t["name"]: t["state"] for t in pool.status()["tokens"]} == {"default": "ready", "second": "ready"}
    assert serves(pool, "later.example")
    assert serves(pool)


def test_a_module_that_comes_with_a_reload_waits_for_the_next_start(pool, place):
    """The keeper's sandbox is closed by then: it loads nothing more. That is said, and the rest goes on."""
    text = pool.config.read_text()
    uri = next(line for line in text.splitlines() if line.startswith("uri"))
    pool.configure(f'[[token]]\nname = "second"\nmodule = "{shim(place)}"\n{uri}\npin_file = "pin"\n')
    pool.tlspool("reload")
    states = {t["name"]: t for t in pool.status()["tokens"]}
    assert states["second"]["state"] == "missing" and "next start" in states["second"]["problem"]
    assert states["default"]["state"] == "ready" and serves(pool)
    pool.restart()
    assert {t["name"]: t["state"] for t in pool.status()["tokens"]}["second"] in ("ready", "missing")
    assert serves(pool)


def test_a_handshake_under_way_ends_by_the_rules_it_began_with(pool):
    a, b = tcp_pair()
    with Control(pool) as control:
        control.send("StartTLS", {"fileDescriptor": 0, "role": "server", "localIdentity": "pool.example"}, [b.fileno()])
        eventually(lambda: pool.status()["handshakes"] == 1)
        pool.configure('[[allow]]\nuid = [64399]\nidentity = ["*"]')
        pool.tlspool("reload")
        with in_thread(lambda: client_context(pool.ca).wrap_socket(a, server_hostname="pool.example")) as peer:
            assert "session" in control.receive()["parameters"]
            peer.result().close()
        (answer,) = calls(pool.socket, start("pool.example"))
        assert error_of(answer) == "IdentityRefused"
    b.close()


def test_what_needs_a_restart_is_said(pool):
    pool.replace("workers = 0", "workers = 1" if len(pool.pids("worker")) != 1 else "workers = 2")
    before = len(pool.pids("worker"))
    pool.tlspool("reload")
    assert pool.wait_for("config.needs_restart")["setting"] == "[pool] workers"
    assert len(pool.pids("worker")) == before


def test_a_key_that_went_from_the_configuration_signs_no_more(pool):
    """A start by SNI finds nobody either."""
    pool.identity("later.example")
    pool.tlspool("reload")
    for file in (pool.directory / "identities").glob("*later*"):
        file.unlink()
    pool.tlspool("reload")
    reason, message = refusal(ask(pool, "later.example", named=False))
    assert reason == "policy" and "later.example" in message
