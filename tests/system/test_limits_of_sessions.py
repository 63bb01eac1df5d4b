# SPDX-License-Identifier: Apache-2.0
"""Limits of what a session and a worker may hold: descriptors, bytes that are buffered, silence. At each limit, and beyond."""
import array
import contextlib
import fcntl
import os
import resource
import socket
import statistics
import termios
import time

import pytest
import storm
from caller import ROOT, STRANGER, allowed, calls, start
from control import Control, answers
from misbehaving import serves
from peers import readable, receive_all, tcp_pair
from pool import eventually

KIB = 1024


@pytest.fixture
def make(make_pool, monkeypatch):
    def made(extra="", limits="", **options):
        pool = make_pool(extra=extra)
        pool.replace("workers = 0", "workers = 1")
        if limits:
            name = limits.split(" =")[0]
            pool.replace(next(line for line in pool.config.read_text().splitlines() if line.startswith(f"{name} =")), limits)
        pool.start(**options)
        monkeypatch.setenv("TLSPOOL_DIR", str(pool.directory))
        return pool
    return made


@pytest.fixture
def keep():
    with contextlib.ExitStack() as stack:
        yield lambda thing: stack.enter_context(contextlib.closing(thing))


def session(pool, keep):
    import tlspool as library
    return [keep(end) for end in storm.begin(library, pool, storm.unverified())]


def flows(peer, plain):
    peer.sendall(b"there")
    assert plain.recv(10) == b"there"
    plain.sendall(b"back")
    assert peer.recv(10) == b"back"


def test_descriptors(make, keep):
    """As many sessions as the worker's descriptors allow; one more is told why, the others go on, and it heals."""
    import tlspool as library
    pool = make(open_files=160)
    sessions = []
    with pytest.raises(library.LimitReached) as refused:
        while len(sessions) < 200:
            sessions.append(session(pool, keep))
    assert "descriptors" in str(refused.value) and "LimitNOFILE" in str(refused.value) and refused.value.socket_usable
    assert len(sessions) > 20
    for one in sessions:
        flows(*one)
    for end in sessions.pop():
        end.close()
    eventually(lambda: serves(pool))
    assert not pool.events("process.died")


def test_more_programs_than_descriptors(make):
    """They wait until others leave; nobody is thrown out who was there."""
    pool = make(open_files=100)
    with contextlib.ExitStack() as stack:
        there = [stack.enter_context(Control(pool)) for _ in range(200)]
        for control in there:
            control.send("ListIdentities")
        # In whatever order they come to their turn: each leaves when it has its answer.
        while there:
            ready = eventually(lambda: [c for c in there if readable(c.socket, 0)])
            for control in ready:
                assert "parameters" in control.receive()
                control.close()
                there.remove(control)
    assert answers(pool) and not pool.events("process.died")


def test_the_last_sessions_are_for_other_users(make, keep):
    """As an ordinary user there is no other: then the room is there again when a session has ended."""
    import tlspool as library
    pool = make(f'[[allow]]\nuid = [{os.getuid()}, {STRANGER["uid"]}]\nidentity = ["*"]', limits="sessions = 20")
    sessions = [session(pool, keep) for _ in range(18)]
    with pytest.raises(library.LimitReached) as refused:
        session(pool, keep)
    assert "sessions" in str(refused.value) and "other users" in str(refused.value)
    if not ROOT:
        for end in sessions.pop():
            end.close()
        eventually(lambda: pool.status()["sessions"] == 17)
    (answer,) = calls(pool.socket, start("pool.example"), **STRANGER)
    assert allowed(answer)
    for one in sessions:
        flows(*one)


def waiting(sock, what):
    number = array.array("i", [0])
    fcntl.ioctl(sock, what, number)
    return number[0]


def push(sock):
    """How much goes in before nothing more does."""
    total = 0
    sock.settimeout(1)
    with contextlib.suppress(TimeoutError):
        while True:
            total += sock.send(b"x" * 65536)
    return total


def test_bytes_buffered_from_the_peer(make, keep):
    """What was decrypted and the program does not read: 64 KiB beside what its socket holds."""
    pool = make()
    peer, plain = session(pool, keep)
    push(peer)
    held = plain.state().bytes_received - waiting(plain, termios.FIONREAD)
    assert 0 < held <= 64 * KIB
    before = plain.state().bytes_received
    push(peer)
    assert plain.state().bytes_received == before
    received = 0
    plain.settimeout(1)
    with contextlib.suppress(TimeoutError):
        while True:
            received += len(plain.recv(1 << 20))
    assert received > before


def test_bytes_buffered_from_the_program(make, keep):
    """What the peer's socket does not take: 64 KiB beside what the program's socket holds."""
    pool = make()
    peer, plain = session(pool, keep)
    pushed = push(plain)
    sent = plain.state().bytes_sent
    in_its_socket = plain.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    assert 0 < pushed - sent <= 64 * KIB + in_its_socket
    assert push(plain) == 0
    peer.settimeout(1)
    received = 0
    with contextlib.suppress(TimeoutError):
        while True:
            received += len(peer.recv(1 << 20))
    assert received == pushed


def test_stuck_sessions_take_no_more_memory_than_that(make, keep):
    pool = make()
    (pid,) = pool.pids("worker")

    def resident():
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    sessions = [session(pool, keep) for _ in range(20)]
    before = resident()
    for peer, plain in sessions:
        push_once(peer)
        push_once(plain)
    # Both directions, OpenSSL's own record buffers, and what the allocator rounds up.
    assert (resident() - before) / len(sessions) < 2 * 64 + 64 or "TLSPOOL_SANITIZED" in os.environ


def push_once(sock):
    sock.settimeout(0.1)
    with contextlib.suppress(TimeoutError):
        while True:
            sock.send(b"x" * 65536)


def test_an_idle_session_ends(make, keep):
    pool = make(limits="idle_deadline = 2")
    peer, plain = session(pool, keep)
    busy_peer, busy = session(pool, keep)
    ended = []

    def look():
        busy_peer.sendall(b"x")
        assert busy.recv(1) == b"x"
        if not ended and readable(plain, 0):
            ended.append(plain.recv(1))
        return ended

    eventually(look)
    assert ended == [b""] and receive_all(peer) == b""
    state = plain.state()
    assert state.state == "error" and "idle_deadline" in state.detail
    flows(busy_peer, busy)
    assert pool.wait_for("sessions.idle")["ended"] == "1"


def test_half_closed_and_stuck_sessions_are_idle_too(make, keep):
    pool = make(limits="idle_deadline = 1")
    half, _ = session(pool, keep), None
    half[1].shutdown(socket.SHUT_WR)
    stuck = session(pool, keep)
    push_once(stuck[0])
    eventually(lambda: pool.status()["sessions"] == 0)


def test_a_reload_brings_the_deadline_to_open_sessions(make, keep):
    pool = make()
    _, plain = session(pool, keep)
    pool.replace("idle_deadline = 0", "idle_deadline = 1")
    pool.tlspool("reload")
    assert receive_all(plain) == b""


def test_by_default_silence_is_no_end(make):
    assert "idle_deadline = 0" in make().config.read_text()


def honest(pool):
    """Milliseconds of ten handshakes, the middle one."""
    import tlspool as library
    times = []
    for _ in range(10):
        began = time.monotonic()
        for end in storm.begin(library, pool, storm.unverified()):
            end.close()
        times.append(1000 * (time.monotonic() - began))
    return statistics.median(times)


def test_thousands_of_slow_handshakes(make):
    """Honest ones complete while all of them are under way and go on, a byte at a time. How much later is printed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    pool = make(limits="handshakes_per_uid = 4096")
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(505)
    count = int(os.environ.get("TLSPOOL_SLOW_HANDSHAKES", 500))
    alone = honest(pool)
    with contextlib.ExitStack() as stack:
        nears = []
        for _ in range(count):
            near, far = tcp_pair()
            nears.append(stack.enter_context(near))
            control = stack.enter_context(Control(pool))
            control.send("StartTLS", {"fileDescriptor": 0, "role": "server", "deadlineMs": 600_000}, [far.fileno()])
            far.close()
        eventually(lambda: pool.status()["handshakes"] == count)
        beside = []
        for at in range(5):
            for near in nears:
                near.sendall(hello[at:at + 1])
            beside.append(honest(pool))
            assert pool.status()["handshakes"] == count
        print(f"an honest handshake: {alone:.1f} ms alone, {statistics.median(beside):.1f} ms beside {count} slow ones")
    eventually(lambda: pool.status()["handshakes"] == 0)
    assert serves(pool)
