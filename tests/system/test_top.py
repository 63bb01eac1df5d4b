# SPDX-License-Identifier: Apache-2.0
"""`tlspool top` shows what goes on, on a terminal and to scripts; each user what is his."""
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time

import pytest
from caller import ROOT, STRANGER
from pool import BIN, PATIENCE, eventually
from talk import OurServer
from test_python_module import both


@pytest.fixture
def busy(make_pool, monkeypatch):
    """A pool of two workers with one connection between two sessions of it."""
    pool = make_pool()
    pool.replace("workers = 0", "workers = 2")
    pool.start()
    monkeypatch.setenv("TLSPOOL_DIR", str(pool.directory))
    import tlspool

    near, far = both(tlspool, "pool.example", client={"service": "evil\x1b]0;owned\x07"})
    with near, far:
        near.sendall(b"x" * 1000)
        assert len(far.recv(1000)) == 1000
        yield pool


def once(pool, *words):
    return json.loads(pool.tlspool("top", "--once", "--json", "--interval", "0.1", *words).stdout)


def test_a_script_gets_it_all(busy):
    seen = once(busy)
    assert seen["sees"] == "all" and seen["pool"] == str(busy.directory) and seen["openSessions"] == 2
    assert seen["outcomes"]["completed"]["total"] == 2 and seen["handshakesInFlight"] == 0
    by_role = {s["role"]: s for s in seen["sessions"]}
    assert by_role["client"]["remoteIdentity"] == by_role["server"]["localIdentity"] == "pool.example"
    assert by_role["client"]["bytesSent"] == by_role["server"]["bytesReceived"] == 1000
    assert by_role["client"]["pid"] == os.getpid() and by_role["client"]["program"]
    [token] = seen["tokens"]
    assert token["ready"] and token["latency"]["count"] == 1 and token["refused"] == token["failed"] == 0
    assert {p["name"] for p in seen["processes"]} == {"keeper", "judge", "worker-0", "worker-1"}
    os.kill(busy.pids("judge")[0], signal.SIGKILL)
    eventually(lambda: any(p["restarts"] == 1 for p in once(busy)["processes"]))


def test_text_for_people_without_a_terminal(busy):
    text = busy.tlspool("top", "--once", "--interval", "0.1").stdout
    assert "1 as client, 1 as server" in text and "completed 2 (" in text and "default: ready" in text
    assert "pool.example" in text and "2 sessions, by bytes a second" in text
    assert "\x1b" not in text and "\\x1b" in text


class Screen:
    """A terminal of 24 lines in which a command runs."""

    def __init__(self, *command):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(command[0], [str(word) for word in command])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 160, 0, 0))
        self.text = ""
        self.at = 0

    def see(self, pattern):
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.text[self.at:])):
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no {pattern} in {self.text[self.at:]!r}"
            try:
                self.text += os.read(self.fd, 65536).decode()
            except OSError:  # EIO: the other end is closed
                raise AssertionError(f"it ended without {pattern}: {self.text[self.at:]!r}") from None
        self.at += found.end()
        return found.group()

    def press(self, key):
        os.write(self.fd, key.encode())

    def end(self):
        """Its exit status, and all that it has written."""
        with contextlib.suppress(OSError):
            while data := os.read(self.fd, 65536):
                self.text += data.decode()
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status), self.text


def test_on_a_terminal(busy):
    screen = Screen(BIN / "tlspool", "--pool", busy.directory, "top", "--interval", "0.2")
    assert screen.see(r"\x1b\[\?1049h\x1b\[\?25l")
    screen.see("1 as client, 1 as server")
    screen.see("2 sessions, by bytes a second")
    screen.see("q: quit")
    screen.press("s")
    screen.see("2 sessions, by bytes\x1b")
    screen.press("s")
    screen.see("2 sessions, by age")
    screen.press("q")
    status, text = screen.end()
    assert status == 0 and text.endswith("\x1b[?25h\x1b[?1049l")
    # Nothing but its own sequences; the peer's stand as text.
    assert not re.search(r"\x1b(?!\[H|\[K|\[J|\[\?1049[hl]|\[\?25[hl])", text) and "\x07" not in text
    assert "evil\\x1b]0;owned\\x07" in text


def test_it_outlives_a_restart_of_the_daemon(busy):
    screen = Screen(BIN / "tlspool", "--pool", busy.directory, "top", "--interval", "0.2")
    screen.see("1 as client, 1 as server")
    busy.stop()
    screen.see("no tlspoold runs for this pool")
    busy.start()
    screen.see("0 as client, 0 as server")
    screen.press("q")
    assert screen.end()[0] == 0


def test_ending_it_gives_the_terminal_back(busy):
    screen = Screen(BIN / "tlspool", "--pool", busy.directory, "top")
    screen.see("q: quit")
    os.kill(screen.pid, signal.SIGTERM)
    status, text = screen.end()
    assert status == 0 and text.endswith("\x1b[?25h\x1b[?1049l")


def test_others_see_their_own_sessions_alone(busy, place):
    """As an ordinary user everybody here is the pool's owner, who sees everything."""
    if not ROOT:
        assert once(busy)["sees"] == "all"
        return
    import tlspool

    busy.configure(f'[[allow]]\nuid = [0]\nidentity = ["*"]\n[[allow]]\nuid = [{STRANGER["uid"]}]\nrole = ["client"]\nidentity = ["*"]')
    busy.tlspool("reload")
    program = place / "tlspool-for-others"
    shutil.copy(BIN / "tlspool", program)
    program.chmod(0o755)
    command = [str(program), "--pool", str(busy.directory)]
    who = {"user": STRANGER["uid"], "group": STRANGER["gid"], "extra_groups": []}

    def seen():
        done = subprocess.run([*command, "top", "--once", "--json", "--interval", "0.1"], capture_output=True, text=True, timeout=PATIENCE, cwd="/", **who)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert seen()["sees"] == "own" and seen()["sessions"] == []
    with OurServer(tlspool, "pool.example") as server:
        theirs = subprocess.Popen([*command, "connect", f"127.0.0.1:{server.port}", "--expect", "pool.example"], stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **who)
        with server.plain():
            [session] = eventually(lambda: seen()["sessions"])
            assert (session["uid"], session["pid"], session["role"]) == (STRANGER["uid"], theirs.pid, "client")
            assert once(busy)["openSessions"] == 4
            theirs.stdin.close()
    theirs.wait(PATIENCE)
