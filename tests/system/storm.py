# SPDX-License-Identifier: Apache-2.0
"""A pool under load while somebody kills its processes: streams that check every byte, and handshakes that must come to an end."""
import contextlib
import os
import random
import ssl
import sys
import threading
import time
import traceback

from control import call
from peers import in_thread, tcp_pair
from pool import PATIENCE, eventually

#: What a program may be told when a process dies under its feet. Each says what failed and what to do.
CLEAR = ("again", "log", "judge", "keeper", "deadline", "closed", "connection")


def processes(pool):
    """The pool's processes, as its supervisor sees them."""
    return call(pool.directory / "run" / "admin.sock", "io.tlspool.Admin.Status")["parameters"]["processes"]


def whole(pool):
    return all(p["ready"] for p in processes(pool))


def worker_of(session):
    return int(session.id[-2:], 16)


def begin(library, pool, context, identity=None, **options):
    """One handshake with the pool as the server: (TLS client, plain socket). What the server's side was told is the error."""
    near, far = tcp_pair()
    near.settimeout(PATIENCE)
    far.settimeout(PATIENCE)
    told = []

    def client():
        try:
            return context.wrap_socket(near, server_hostname=pool.name)
        except OSError:
            near.close()
            return None

    with in_thread(client) as other:
        try:
            plain = library.wrap_server(far, identity or pool.name, pool=pool.directory, **options)
        except library.TLSPoolError as failed:
            told.append(failed)
            far.close()
            plain = None
        peer = other.result(2 * PATIENCE)
    if told or peer is None:
        for one in (peer, plain):
            if one is not None:
                one.close()
        # TLS 1.3: the client may be done when the server is told of a failure; never the other way round without a word.
        raise told[0] if told else ConnectionError("the client was refused and the server was not told")
    return peer, plain


class Stream(threading.Thread):
    """A session on which random blocks go both ways, one after the other, and are compared. `killed` says how often a worker was
    killed so far; a stream may break only when its own was."""

    def __init__(self, connect, killed, seed):
        super().__init__(daemon=True)
        self.connect, self.killed = connect, killed
        self.random = random.Random(seed)
        self.stopped = threading.Event()
        self.problems, self.ended, self.blocks = [], 0, 0

    def run(self):
        try:
            while not self.stopped.is_set():
                self.one_session()
        except BaseException as broken:  # noqa: BLE001: told by the test
            self.problems.append(f"{type(broken).__name__}: {broken}")

    def one_session(self):
        before = [self.killed(w) for w in range(256)]
        try:
            peer, plain = self.connect()
        except OSError:
            return  # counted by those who only make handshakes
        worker = worker_of(plain.session)
        with contextlib.closing(peer), contextlib.closing(plain):
            try:
                while not self.stopped.is_set():
                    for source, sink in ((peer, plain), (plain, peer)):
                        block = self.random.randbytes(self.random.randrange(1, 40_000))
                        source.sendall(block)
                        got = read(sink, len(block))
                        if got != block:
                            raise ConnectionError(f"{len(block)} bytes became {len(got)}")
                        self.blocks += 1
            except OSError as broken:
                if self.killed(worker) == before[worker]:
                    self.problems.append(f"worker {worker} lives, and a session of it broke: {broken}")
                self.ended += 1

    def end(self):
        self.stopped.set()
        self.join(PATIENCE)
        assert not self.is_alive(), "a stream hangs"


def read(sock, size):
    out = bytearray()
    while len(out) < size:
        chunk = sock.recv(size - len(out))
        if not chunk:
            break
        out += chunk
    return bytes(out)


class Handshakes(threading.Thread):
    """One handshake after the other. Each completes or ends with an error that says something."""

    def __init__(self, connect):
        super().__init__(daemon=True)
        self.connect = connect
        self.stopped = threading.Event()
        self.problems, self.failures, self.completed = [], [], 0

    def run(self):
        while not self.stopped.is_set():
            try:
                peer, plain = self.connect()
                peer.sendall(b"x")
                if plain.recv(1) == b"x":
                    self.completed += 1
                peer.close()
                plain.close()
            except ConnectionError:
                continue  # between the handshake and the byte
            except OSError as failed:
                self.failures.append(failed)
                if isinstance(failed, TimeoutError) or not any(word in str(failed) for word in CLEAR):
                    self.problems.append(f"{type(failed).__name__}: {failed}")
            except BaseException as broken:  # noqa: BLE001: told by the test
                self.problems.append(f"{type(broken).__name__}: {broken}")
                return

    def end(self):
        self.stopped.set()
        self.join(2 * PATIENCE)
        assert not self.is_alive(), "a handshake hangs"


class Killer:
    """Kills one process after the other, each of them in its turn at random, and remembers whom."""

    def __init__(self, pool, seed, more=lambda: []):
        self.pool, self.random, self.more = pool, random.Random(seed), more
        self.of_worker = [0] * 256
        self.names = []

    def killed(self, worker):
        return self.of_worker[worker]

    def kill(self):
        """One process that is ready, or a program of a hook."""
        ready = eventually(lambda: [(p["name"], p["pid"]) for p in processes(self.pool) if p["ready"]] + self.more())
        name, pid = self.random.choice(ready)
        if name.startswith("worker-"):
            self.of_worker[int(name[7:])] += 1
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)
            self.names.append(name)

    def many(self, count, pause):
        while len(self.names) < count:
            self.kill()
            time.sleep(pause)  # the rhythm of the storm, nothing is waited for


def where(thread):
    """For people: what a thread that does not come along has met, and where it is."""
    frame = sys._current_frames().get(thread.ident)
    stack = "".join(traceback.format_stack(frame)[-4:]) if frame is not None else "ended\n"
    return f"{type(thread).__name__}: {thread.problems}\n{stack}"


def unverified():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
