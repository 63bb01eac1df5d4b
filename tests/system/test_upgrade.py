# SPDX-License-Identifier: Apache-2.0
"""A new executable takes the pool over: sessions go on in the old process, nobody is turned away, and one that can't serve changes
nothing."""
import os
import shutil
import signal
import socket
import threading

import pytest

from control import Control
from misbehaving import serves
from pool import BIN, PATIENCE, alive, eventually
from test_python_module import both
from tunnels import Echo, Tunnel
from upgrades import start, upgrade


@pytest.fixture
def pool(upgradable):
    return upgradable


class Talk(threading.Thread):
    """Sends numbered lines one way, as fast as the other end reads them, until it is stopped; what arrives must be all of them."""

    def __init__(self, near, far):
        super().__init__(daemon=True)
        self.near, self.far = near, far
        self.enough = threading.Event()
        self.sent, self.wrong = 0, None
        self.came = threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.start()
        self.reader.start()

    def run(self):
        while not self.enough.is_set():
            self.near.sendall(b"%015d\n" % self.sent)
            self.sent += 1
        self.near.shutdown(socket.SHUT_WR)

    def read(self):
        expected, rest = 0, b""
        while data := self.far.recv(65536):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if int(line) != expected:
                    self.wrong = self.wrong or f"{line} in place of {expected}"
                expected += 1
            self.came.set()
        if expected != self.sent or rest:
            self.wrong = self.wrong or f"{expected} of {self.sent} lines, {rest}"

    def more(self):
        self.came.clear()
        assert self.came.wait(PATIENCE), "no byte moves"

    def end(self):
        self.enough.set()
        self.join(PATIENCE)
        self.reader.join(PATIENCE)
        assert not self.reader.is_alive() and self.wrong is None, self.wrong


def test_sessions_live_through_it(pool):
    import tlspool as library
    start(pool)
    near, far = both(library, "pool.example")
    with near, far:
        talks = [Talk(near, far), Talk(far, near)]
        new = upgrade(pool)
        assert new != pool.process.pid and alive(new)
        for talk in talks:
            talk.more()
        assert serves(pool) and pool.socket.exists()
        assert pool.process.poll() is None, "the old process left its session"
        for talk in talks:
            talk.end()
    assert pool.process.wait(PATIENCE) == 0
    pool.wait_for("upgrade.drained")
    assert serves(pool) and alive(new) and pool.socket.exists()


def test_nobody_is_turned_away(pool):
    start(pool)
    waiting = Control(pool)  # has connected, and calls later
    waiting.send("io.tlspool.Pool.ListIdentities")
    assert waiting.receive()
    enough, served, wrong = threading.Event(), [], []

    def connect():
        while not enough.is_set():
            try:
                served.append(None)
                if not serves(pool):
                    wrong.append("no session")
            except Exception as error:  # whatever it is, somebody was turned away
                wrong.append(repr(error))

    callers = [threading.Thread(target=connect, daemon=True) for _ in range(3)]
    for caller in callers:
        caller.start()
    eventually(lambda: len(served) > 3)
    first = upgrade(pool)
    before = len(served)
    eventually(lambda: len(served) > before + 6)
    second = upgrade(pool)
    before = len(served)
    eventually(lambda: len(served) > before + 6)
    enough.set()
    for caller in callers:
        caller.join(PATIENCE)
    assert wrong == []
    eventually(lambda: not alive(first), message="the second one does not end")
    with waiting:
        waiting.send("io.tlspool.Pool.ListIdentities")
        assert waiting.receive()["parameters"]["identities"][0]["name"] == "pool.example"
    assert alive(second)


def garbage(pool):
    (pool.directory / "new").write_bytes(b"no program\n")


def fails_at_once(pool):
    (pool.directory / "new").write_text("#!/bin/sh\nexit 3\n")


def says_nothing(pool):
    (pool.directory / "new").write_text("#!/bin/sh\nexec kill -SEGV $$\n")


def for_another_machine(pool):
    program = bytearray((BIN / "tlspoold").read_bytes())
    program[18:20] = b"\x16\x00" if program[5] == 1 else b"\x00\x16"  # ELF's e_machine: S/390
    (pool.directory / "new").write_bytes(program)


def broken_configuration(pool):
    shutil.copy(pool.daemon, pool.directory / "new")
    pool.configure("[nonsense]\nkey = 1")


@pytest.mark.parametrize("how, why", [(garbage, "Exec format error"), (for_another_machine, "Exec format error"), (fails_at_once, "exit status 3"), (says_nothing, "signal 11"),
                                      (broken_configuration, "tlspool.toml:")], ids=lambda value: getattr(value, "__name__", ""))
def test_one_that_cannot_serve_changes_nothing(pool, how, why):
    import tlspool as library
    start(pool)
    before = pool.pids("")
    near, far = both(library, "pool.example")
    with near, far:
        good = pool.config.read_text()
        how(pool)
        (pool.directory / "new").chmod(0o755)
        os.replace(pool.directory / "new", pool.daemon)
        done = pool.tlspool("upgrade", check=False, timeout=3 * PATIENCE)
        assert done.returncode == 1 and why in done.stderr, done.stderr
        assert why in pool.wait_for("upgrade.failed")["reason"]
        pool.config.write_text(good)
        near.sendall(b"untouched")
        assert far.recv(100) == b"untouched"
        assert pool.pids("") == before and serves(pool) and pool.socket.exists()
        shutil.copy(BIN / "tlspoold", pool.directory / "new")
        os.replace(pool.directory / "new", pool.daemon)
        assert alive(upgrade(pool)) and serves(pool), "a later one can't"


def test_what_is_left_ends_at_the_deadline(pool):
    import tlspool as library
    pool.replace("[pool]", "[pool]\ndrain = 1")
    start(pool)
    near, far = both(library, "pool.example")
    with near, far:
        upgrade(pool)
        assert pool.process.wait(PATIENCE) == 0
        assert far.recv(100) == b""
    pool.wait_for("upgrade.drain_deadline")
    assert serves(pool)


def test_a_tunnel_goes_over(pool):
    start(pool)
    echo = Echo()
    tunnel = Tunnel(pool, "--side", "tls-in", "--as", "pool.example", "--connect", f"127.0.0.1:{echo.port}")
    try:
        with through(pool, tunnel) as old:
            upgrade(pool)
            with through(pool, tunnel) as new:
                for connection in (old, new):
                    connection.sendall(b"through it")
                    assert connection.recv(100) == b"through it"
        assert pool.process.wait(PATIENCE) == 0
        with through(pool, tunnel) as later:
            later.sendall(b"later")
            assert later.recv(100) == b"later"
        assert [line for line in tunnel.lines if "went away" in line] == []
    finally:
        tunnel.close()
        echo.close()


def through(pool, tunnel):
    import ssl
    context = ssl.create_default_context(cafile=str(pool.ca))
    raw = socket.create_connection(("127.0.0.1", tunnel.port), PATIENCE)
    return context.wrap_socket(raw, server_hostname="pool.example")


def test_a_signal_does_it_and_systemd_is_told(pool, place):
    path = place / "notify.sock"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        systemd.settimeout(PATIENCE)
        start(pool, env={"NOTIFY_SOCKET": str(path)})
        assert "READY=1" in systemd.recv(4096).decode()
        pool.process.send_signal(signal.SIGUSR2)
        assert systemd.recv(4096).decode() == f"MAINPID={pool.wait_for('upgrade.done')['process']}"
        assert "READY=1" in systemd.recv(4096).decode(), "the new one serves"
        assert pool.process.wait(PATIENCE) == 0
        systemd.settimeout(0.2)
        with pytest.raises(TimeoutError):
            print(systemd.recv(4096))  # an end of the old one is none of the service
    assert serves(pool)
