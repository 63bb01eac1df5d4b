# SPDX-License-Identifier: Apache-2.0
"""Descriptors that are missing, superfluous or can't carry TLS: one clear error each, all of them closed, and
nobody else disturbed."""
import contextlib
import os
import socket

import pytest
from control import Control, answers, call, error_of, message
from peers import in_thread, tcp_pair
from pool import eventually

START = {"fileDescriptor": 0, "role": "server"}
BOTH = START | {"plaintextFileDescriptor": 1}
MOST = 253  # SCM_MAX_FD of Linux


class Opened:
    """Descriptors by kind; close() closes what was opened."""

    def __init__(self, directory):
        self.directory = directory
        self.open = []

    def keep(self, *things):
        self.open += things
        return things[0]

    def file(self):
        return self.keep(open(self.directory / "file", "w+b"))

    def directory_(self):
        return self.keep(open_directory(self.directory))

    def pipe(self):
        reading, writing = os.pipe()
        self.keep(os.fdopen(writing, "wb"))
        return self.keep(os.fdopen(reading, "rb"))

    def datagram(self):
        return self.keep(*socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))

    def seqpacket(self):
        return self.keep(*socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))

    def udp(self):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.connect(("127.0.0.1", 9))
        return self.keep(s)

    def listening(self):
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        s.listen()
        return self.keep(s)

    def unconnected(self):
        return self.keep(socket.socket())

    def tcp(self):
        return self.keep(*tcp_pair())

    def close(self):
        for thing in self.open:
            thing.close()


class open_directory:
    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)

    def fileno(self):
        return self.fd

    def close(self):
        os.close(self.fd)


@pytest.fixture
def opened(tmp_path):
    made = Opened(tmp_path)
    yield made
    made.close()


WRONG = {"file": "no socket", "directory_": "no socket", "pipe": "no socket", "datagram": "no stream socket",
         "seqpacket": "no stream socket", "udp": "no stream socket", "listening": "listening", "unconnected": "not connected"}


@pytest.fixture
def unchanged(pool):
    """The workers have no descriptor more afterwards, and another connection is still served."""
    with Control(pool) as bystander:
        assert "parameters" in bystander.call("ListIdentities")
        before = pool.descriptors()
        yield
        eventually(lambda: pool.descriptors() == before, message=lambda: f"{pool.descriptors()} descriptors instead of {before}")
        assert "parameters" in bystander.call("ListIdentities")


def bad(answer):
    assert error_of(answer) == "BadDescriptor", answer
    return answer["parameters"]["message"]


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_kind(pool, opened, unchanged, kind):
    thing = getattr(opened, kind)()
    assert WRONG[kind] in bad(call(pool, "StartTLS", START, [thing.fileno()]))
    text = bad(call(pool, "StartTLS", BOTH, [opened.tcp().fileno(), thing.fileno()]))
    assert WRONG[kind] in text and "plaintextFileDescriptor" in text


def test_a_peer_that_has_left_is_no_crash(pool, opened, unchanged):
    near, far = tcp_pair()
    far.close()
    answer = call(pool, "StartTLS", START, [near.fileno()])
    near.close()
    assert error_of(answer) in ("HandshakeFailed", "BadDescriptor")


def test_missing(pool, opened, unchanged):
    assert "1 descriptor(s) and carries 0" in bad(call(pool, "StartTLS", START))
    assert "2 descriptor(s) and carries 1" in bad(call(pool, "StartTLS", BOTH, [opened.tcp().fileno()]))


def test_superfluous(pool, opened, unchanged):
    fds = [opened.tcp().fileno(), opened.tcp().fileno(), opened.tcp().fileno()]
    assert "1 descriptor(s) and carries 2" in bad(call(pool, "StartTLS", START, fds[:2]))
    assert "2 descriptor(s) and carries 3" in bad(call(pool, "StartTLS", BOTH, fds))
    assert "carries 16" in bad(call(pool, "StartTLS", START, fds[:1] * 16))


def test_an_index_that_names_none(pool, opened, unchanged):
    fds = [opened.tcp().fileno(), opened.tcp().fileno()]
    assert bad(call(pool, "StartTLS", START | {"fileDescriptor": 1}, fds[:1]))
    for index in (-1, 2, 1 << 40):
        answer = call(pool, "StartTLS", START | {"fileDescriptor": index}, fds[:1])
        assert answer["error"] == "org.varlink.service.InvalidParameter"
        assert "fileDescriptor" in answer["parameters"]["parameter"]


def test_the_same_socket_for_both_sides(pool, opened, unchanged):
    near = opened.tcp()
    copy = opened.keep(near.dup())
    assert "same socket" in bad(call(pool, "StartTLS", BOTH, [near.fileno(), copy.fileno()]))
    answer = call(pool, "StartTLS", START | {"plaintextFileDescriptor": 0}, [near.fileno()])
    assert answer["error"] == "org.varlink.service.InvalidParameter"


def test_a_message_that_names_none_gets_its_answer_and_they_are_closed(pool, opened, unchanged):
    fds = [opened.tcp().fileno()] * 16
    with Control(pool) as control:
        for _ in range(20):
            assert error_of(control.call("GetSession", {"session": "00"}, fds)) == "SessionUnknown"
            assert "parameters" in control.call("org.varlink.service.GetInfo", fds=fds)
            assert error_of(control.call("StartTLS", {}, fds)) == "InvalidParameter"
    with Control(pool.directory / "run" / "admin.sock") as control:
        for _ in range(20):
            assert "parameters" in control.call("io.tlspool.Admin.Status", fds=fds)


def test_hundreds_of_them_end_the_connection(make_pool, opened):
    pool = make_pool()
    pool.replace("workers = 0", "workers = 1")
    pool.start()
    fds = [opened.tcp().fileno()] * MOST
    before = 0
    for number, text in enumerate((message("ListIdentities"), message("StartTLS", START), b"x", b"\0"), 1):
        with Control(pool) as control:
            control.write(text, fds)
            assert control.has_ended()
        # After the first, so that an ordinary user's coarse count has grown as far as it may.
        before = before or pool.descriptors()
        line = pool.wait_for("control.dropped", count=number)
        assert "descriptors" in line["problem"] and line["pid"] == str(os.getpid())
    eventually(lambda: pool.descriptors() <= before)
    assert answers(pool)


def test_piecemeal_they_count_together(pool, opened, unchanged):
    """One message in many writes, each with descriptors of its own."""
    fds = [opened.tcp().fileno()] * 4
    with Control(pool) as control:
        text = message("StartTLS", START)
        for byte in text[:4]:
            control.write(bytes([byte]), fds)
        control.write(text[4:])
        assert "carries 16" in bad(control.receive())


def test_descriptors_of_one_message_do_not_count_for_the_next(pool, opened, unchanged):
    fds = [opened.tcp().fileno()]
    with Control(pool) as control:
        assert error_of(control.call("GetSession", {"session": "00"}, fds)) == "SessionUnknown"
        assert "carries 0" in bad(control.call("StartTLS", START))


def test_received_descriptors_are_close_on_exec(pool, opened):
    """While a handshake waits for its peer, every socket of the worker that holds it has O_CLOEXEC. Only root can
    see that from outside."""
    if os.geteuid() != 0:
        assert all(pool.open_files(pid) is None for pid in pool.pids("worker"))
        return
    before = {pid: set(pool.open_files(pid)) for pid in pool.pids("worker")}

    def new():
        found = [(pid, fd) for pid in before for fd in set(pool.open_files(pid)) - before[pid]]
        return found if len(found) >= 3 else None

    inner = opened.keep(*socket.socketpair())
    with Control(pool) as control:
        control.send("StartTLS", BOTH, [opened.tcp().fileno(), inner.fileno()])
        for pid, fd in eventually(new):
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as file:
                flags = next(line.split()[1] for line in file if line.startswith("flags:"))
            assert int(flags, 8) & os.O_CLOEXEC, f"descriptor {fd} of worker {pid} survives an exec"


def test_flags_that_the_program_set_come_back(pool, opened):
    near = opened.tcp()
    near.setblocking(True)
    assert os.get_blocking(near.fileno())
    near.settimeout(None)
    answer = call(pool, "StartTLS", START | {"deadlineMs": 100}, [near.fileno()])
    assert answer["parameters"]["reason"] == "timeout"
    assert os.get_blocking(near.fileno())
    near.setblocking(False)
    answer = call(pool, "StartTLS", START | {"deadlineMs": 100}, [near.fileno()])
    assert answer["parameters"]["reason"] == "timeout"
    assert not os.get_blocking(near.fileno())


def test_a_worker_that_can_open_no_more_drops_the_connection_and_goes_on(make_pool, opened):
    """The kernel then delivers fewer descriptors than were sent (MSG_CTRUNC)."""
    pool = make_pool()
    pool.replace("workers = 0", "workers = 1")
    most = 64  # of which the worker keeps only 16 back
    pool.start(open_files=most)
    idle = pool.descriptors()
    with Control(pool) as control, Control(pool) as bystander:
        assert "parameters" in control.call("ListIdentities") and "parameters" in bystander.call("ListIdentities")
        with contextlib.ExitStack() as others:
            for _ in range(most):
                others.enter_context(Control(pool))
            # More connections than there are descriptors: the last ones wait in the queue.
            pool.wait_for("accept.failed")
            control.send("StartTLS", START, [opened.tcp().fileno()] * 10)
            assert control.has_ended()
            assert "descriptor" in pool.wait_for("control.dropped")["problem"]
            assert "parameters" in bystander.call("ListIdentities")
        assert answers(pool)
    if os.geteuid() != 0:
        idle = most  # the room in the table, which does not shrink
    eventually(lambda: pool.descriptors() <= idle, message=lambda: f"{pool.descriptors()} descriptors, {idle} when idle")


def test_a_good_start_among_wrong_ones(pool, library, opened):
    """Sessions are not disturbed by others' wrong descriptors."""
    a, b = tcp_pair()
    with in_thread(lambda: library.wrap_server(b, "p256.example")) as other:
        near = library.wrap_client(a, "p256.example")
        far = other.result()
    with near, far:
        for kind in WRONG:
            bad(call(pool, "StartTLS", START, [getattr(opened, kind)().fileno()]))
        near.sendall(b"still here")
        assert far.recv(100) == b"still here"
