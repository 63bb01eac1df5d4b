# SPDX-License-Identifier: Apache-2.0
"""Whatever a pool waits for, it waits asleep: 1,000 idle sessions, and every state in which something is stuck. TLSPOOL_IDLE_SECONDS is how
long idle sessions are watched, TLSPOOL_IDLE_SESSIONS how many there are."""
import contextlib
import os
import resource
import signal
import socket
import threading

import cpu
import pytest
import storm
from control import Control
from peers import tcp_pair
from pool import SANITIZED, eventually
from records import opposite

SECONDS = float(os.environ.get("TLSPOOL_IDLE_SECONDS", 2 if SANITIZED else 10))
SESSIONS = int(os.environ.get("TLSPOOL_IDLE_SESSIONS", 200 if SANITIZED else 1000))
# Two ticks of the kernel's clock; the sanitizers' own threads take some.
MOST = 100 if SANITIZED else 2 * cpu.TICK
START = "io.tlspool.Pool.StartTLS"


def pids(pool):
    return [pool.process.pid] + [p["pid"] for p in storm.processes(pool)]


def assert_asleep(pool, processes=None, seconds=2.0):
    processes = processes or pids(pool)
    # Whatever was begun right before may still be coming to its end.
    eventually(lambda: not cpu.spent(processes, 0.2))
    ran = cpu.spent(processes, seconds)
    assert sum(ran.values()) <= MOST, f"in {seconds} s: {ran} ms"


@pytest.fixture
def keep():
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def pool(make_pool, monkeypatch):
    made = make_pool()
    made.replace("workers = 0", "workers = 2")
    monkeypatch.setenv("TLSPOOL_DIR", str(made.directory))
    return made


def begin(library, pool, keep):
    peer, plain = storm.begin(library, pool, storm.unverified())
    keep.enter_context(contextlib.closing(peer))
    keep.enter_context(contextlib.closing(plain))
    return peer, plain


def test_idle_sessions(pool, keep):
    import tlspool as library
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    keep.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
    pool.start()
    for _ in range(SESSIONS):
        begin(library, pool, keep)
    assert pool.status()["sessions"] == SESSIONS
    assert_asleep(pool, seconds=SECONDS)


# --- sessions that are stuck in the middle -----------------------------------------------------------------

def half_closed_by_the_peer(library, pool, keep):
    peer, plain = begin(library, pool, keep)
    raw = socket.socket(fileno=os.dup(peer.fileno()))
    keep.enter_context(raw)
    raw.shutdown(socket.SHUT_WR)
    assert plain.recv(1) == b""


def half_closed_by_the_program(library, pool, keep):
    _, plain = begin(library, pool, keep)
    plain.shutdown(socket.SHUT_WR)


def push(sock):
    """Until nothing more goes in."""
    sock.settimeout(0.3)
    with contextlib.suppress(TimeoutError, OSError):
        while True:
            sock.send(b"x" * 65536)
    sock.settimeout(None)


def program_does_not_read(library, pool, keep):
    peer, _ = begin(library, pool, keep)
    push(peer)


def peer_does_not_read(library, pool, keep):
    _, plain = begin(library, pool, keep)
    push(plain)


def nobody_reads(library, pool, keep):
    peer, plain = begin(library, pool, keep)
    push(peer)
    push(plain)


def program_wrote_much_and_left(library, pool, keep):
    _, plain = begin(library, pool, keep)
    push(plain)
    plain.close()


def program_half_closed_and_does_not_read(library, pool, keep):
    peer, plain = begin(library, pool, keep)
    push(peer)
    plain.shutdown(socket.SHUT_WR)


def peer_half_closed_and_does_not_read(library, pool, keep):
    peer, plain = begin(library, pool, keep)
    push(plain)
    raw = socket.socket(fileno=os.dup(peer.fileno()))
    keep.enter_context(raw)
    raw.shutdown(socket.SHUT_WR)


def peer_wants_key_updates_that_it_does_not_read(library, pool, keep):
    peer, _ = keep.enter_context(opposite(library, "client", "tls13", pool=pool.directory, small_buffers=True))
    peer.do("choke")


def peer_wants_key_updates_while_data_is_stuck(library, pool, keep):
    peer, plain = keep.enter_context(opposite(library, "client", "tls13", pool=pool.directory))
    push(plain)
    peer.do("update 1 5")


# --- programs that are stuck in the middle --------------------------------------------------------------------

def silent_control_connection(library, pool, keep):
    keep.enter_context(Control(pool))


def half_a_message(library, pool, keep):
    keep.enter_context(Control(pool)).write(b'{"method": "io.tlspool')


def answers_that_nobody_reads(library, pool, keep):
    control = keep.enter_context(Control(pool))
    control.socket.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        while True:
            control.write(b'{"method":"io.tlspool.Pool.ListIdentities"}\0' * 100)


def handshake(pool, keep, said=b"", wait=True, **parameters):
    near, far = tcp_pair()
    keep.enter_context(near)
    control = keep.enter_context(Control(pool))
    before = handshakes(pool) if wait else 0
    control.send(START, {"fileDescriptor": 0, "deadlineMs": 600_000} | parameters, [far.fileno()])
    far.close()
    near.sendall(said)
    assert not wait or eventually(lambda: handshakes(pool) == before + 1)
    return near, control


def handshakes(pool):
    from control import call
    return call(pool.directory / "run" / "admin.sock", "io.tlspool.Admin.Status")["parameters"]["handshakes"]


def peer_says_nothing(library, pool, keep):
    handshake(pool, keep, role="server")


def peer_says_half_a_hello(library, pool, keep):
    handshake(pool, keep, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", role="server")


def either_side_waits_for_a_hello(library, pool, keep):
    handshake(pool, keep, role="peer", localIdentity="pool.example", remoteIdentity="other.example", remoteRole="client")


def server_says_nothing(library, pool, keep):
    handshake(pool, keep, role="client", remoteIdentity="other.example")


def key_exchange_waits(library, pool, keep):
    with Control(pool) as control:
        answer = control.call("StartExchange", {"localIdentity": "pool.example", "remoteIdentity": "other.example"})
        assert answer["parameters"]["exchange"]["state"] == "waiting"


STUCK = [half_closed_by_the_peer, half_closed_by_the_program, program_does_not_read, peer_does_not_read, nobody_reads,
         program_wrote_much_and_left, program_half_closed_and_does_not_read, peer_half_closed_and_does_not_read,
         peer_wants_key_updates_that_it_does_not_read, peer_wants_key_updates_while_data_is_stuck, silent_control_connection,
         half_a_message, answers_that_nobody_reads, peer_says_nothing, peer_says_half_a_hello, either_side_waits_for_a_hello,
         server_says_nothing, key_exchange_waits]


def test_stuck_in_the_middle(pool, keep):
    import tlspool as library
    pool.start()
    # All of them wait side by side, and one after the other where that is too loud.
    for make in STUCK:
        make(library, pool, keep)
        if "TLSPOOL_IDLE_EACH" in os.environ:
            print(make.__name__, cpu.spent(pids(pool), 0.5))
    assert_asleep(pool)


# --- what waits for another process ------------------------------------------------------------------------------

def client_in_background(near, keep, party=None):
    """A TLS client whose handshake comes to no end."""
    context = storm.unverified()
    if party:
        context.load_cert_chain(party.chain, party.key)

    def run():
        with contextlib.suppress(OSError, ValueError):
            context.wrap_socket(near, server_hostname="pool.example").recv(1)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    keep.callback(thread.join, 10)


@pytest.mark.parametrize("process", ("keeper", "judge"))
def test_a_process_that_does_not_answer(pool, keep, process):
    """Handshakes that wait for it, some of them with a peer that goes on talking, or has said all."""
    pool.configure('[[rule]]\naction = "allow"\n')  # so that the judge is asked about everybody
    pool.start()
    (pid,) = pool.pids(process)
    processes = pids(pool)
    os.kill(pid, signal.SIGSTOP)
    keep.callback(lambda: os.kill(pid, signal.SIGCONT))
    nears = []
    for _ in range(6):
        near, _ = handshake(pool, keep, role="server", localIdentity="pool.example", wait=False)
        nears.append(near)
        client_in_background(near.dup(), keep)
    eventually(lambda: not cpu.spent(processes, 0.5))
    nears[0].sendall(b"\x17\x03\x03\x00\x05hello" * 100)
    nears[1].shutdown(socket.SHUT_WR)
    assert_asleep(pool, processes)
    for near in nears:
        with contextlib.suppress(OSError):
            near.shutdown(socket.SHUT_RDWR)


def test_a_name_server_that_does_not_answer(pool, keep, pki):
    party = pki.leaf("client.example", usage="clientAuth")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.settimeout(20)
        pool.trust(pki.ca().cert)
        pool.configure(f'[dns]\nforwarders = ["127.0.0.1@{silent.getsockname()[1]}"]\ndeadline = 60000\n\n[[policy]]\ntrust = "dane"\n')
        pool.start()
        near, _ = handshake(pool, keep, role="server", localIdentity="pool.example", remoteProof="required")
        client_in_background(near.dup(), keep, party)
        silent.recv(4096)  # the question
        assert_asleep(pool)
        near.shutdown(socket.SHUT_RDWR)


def test_a_worker_at_its_limits(pool, keep):
    """Connections that it does not take wait in the kernel's queue."""
    pool.replace("workers = 2", "workers = 1")
    pool.replace("control_connections = 8192", "control_connections = 4")
    pool.start()
    within = [keep.enter_context(Control(pool)) for _ in range(2)]
    for control in within:
        control.call("ListIdentities")
    for _ in range(20):
        keep.enter_context(Control(pool))
    assert_asleep(pool)


def test_a_worker_without_descriptors(pool, keep):
    pool.replace("workers = 2", "workers = 1")
    pool.start(open_files=60)
    controls = []
    for _ in range(80):
        control = keep.enter_context(Control(pool))
        with contextlib.suppress(OSError):
            control.send("ListIdentities")
        controls.append(control)
    assert_asleep(pool)
    said = len(pool.events("accept.failed"))
    assert said <= 2, f"it said so {said} times"
