# SPDX-License-Identifier: Apache-2.0
"""--outside: the judge is no child of the supervisor. Whoever listens at judge.sock, else systemd, starts one for each connection."""
import contextlib
import os
import signal
import socket
import subprocess
import threading

import pytest

from misbehaving import serves
from pool import BIN, PATIENCE, eventually


class Starter:
    """What systemd does for tlspool-judge.socket (Accept=yes)."""

    def __init__(self, pool, place):
        self.directory = place / "outside"
        self.directory.mkdir(exist_ok=True)
        self.path = self.directory / "judge.sock"
        self.path.unlink(missing_ok=True)
        self.pool = pool
        self.processes = []
        self.refuse = False
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection:
                    if not self.refuse:
                        self.start(connection)

    def start(self, connection):
        script = f'exec 3<&{connection.fileno()} {connection.fileno()}<&-; exec "$@"'
        log = open(self.directory / "log", "ab")
        self.processes.append(subprocess.Popen(
            ["bash", "-c", script, "bash", BIN / "tlspoold", "--process", "judge", "--channel", "3", "--outside", str(self.directory)],
            pass_fds=[connection.fileno()], cwd=self.pool.directory, stdin=subprocess.DEVNULL, stderr=log, **self.user()))

    def user(self):
        if os.geteuid() != 0:
            return {}
        owner = (self.pool.directory / "judge").stat()
        return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for process in self.processes:
            process.wait(PATIENCE)


@pytest.fixture
def outside(make_pool, place):
    pool = make_pool()
    starter = Starter(pool, place)
    yield pool, starter
    pool.stop()
    starter.close()


def options(starter):
    return "--outside", str(starter.directory)


def test_verdicts_come_from_it(outside):
    pool, starter = outside
    pool.start(*options(starter))
    assert [process.pid for process in starter.processes] == pool.pids("judge")
    assert serves(pool)
    pool.stop()
    assert starter.processes[0].wait(PATIENCE) == 0, "it did not end with the supervisor"


def test_it_is_asked_for_again_when_it_died(outside):
    pool, starter = outside
    pool.start(*options(starter))
    starter.processes[0].send_signal(signal.SIGKILL)
    starter.processes[0].wait(PATIENCE)
    pool.wait_for("process.died", name="judge")
    eventually(lambda: pool.pids("judge") == [process.pid for process in starter.processes[1:]] != [])
    assert eventually(lambda: serves(pool))


def test_a_supervisor_that_is_killed_takes_it_along(outside):
    pool, starter = outside
    pool.start(*options(starter))
    pool.process.kill()
    pool.process.wait(PATIENCE)
    starter.processes[0].wait(PATIENCE)


def test_nobody_starts_one(outside):
    pool, starter = outside
    starter.refuse = True
    pool.start(*options(starter), wait=False)
    assert "its unit did not start it" in pool.wait_for("pool.failed")["reason"]
    assert pool.process.wait(PATIENCE) == 1


def test_nobody_listens(outside, place):
    pool, _ = outside
    pool.start("--outside", str(place), wait=False)
    reason = pool.wait_for("pool.failed")["reason"]
    assert str(place / "judge.sock") in reason and "systemctl start" in reason
    assert pool.process.wait(PATIENCE) == 1
