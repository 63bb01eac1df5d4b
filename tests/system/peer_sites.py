# SPDX-License-Identifier: Apache-2.0
"""Two sites whose programs are peers of each other in TLS, and what comes of their connections."""
import contextlib
import socket
import threading

import tlspool
from peers import connect, free_port, in_thread, tcp_pair
from pool import PATIENCE
from talk import FirstConnection


def make_peers(make_pool, extra="", start=True, trusted=()):
    """The pools a.example and b.example, each trusting the other's CA and those `trusted`; `extra`: more configuration
    for both."""
    pools = [make_pool(name=name, extra=extra) for name in ("a.example", "b.example")]
    for one, other in (pools, pools[::-1]):
        one.trust(other.ca, *trusted)
    return [pool.start() for pool in pools] if start else pools


def version_limit(place, version):
    """For the environment of pools that go no further than this version."""
    file = place / f"openssl-{version}.cnf"
    most = {"tls12": "TLSv1.2", "tls13": "TLSv1.3"}[version]
    file.write_text(f"openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = all\n[all]\nMaxProtocol = {most}\n")
    return {"OPENSSL_CONF": str(file)}


class Side:
    """One side of a connection: whose pool, who it is, whom it expects, and how it starts TLS."""

    def __init__(self, pool, other, role="peer", **options):
        self.role = role
        self.options = {"pool": pool.directory, "local_identity": pool.name, "remote_identity": other.name, **options}

    def start(self, sock):
        """The plain socket, or the exception, the given socket being closed then. A strict role is played by the
        function that has it in its name, as a program would."""
        options = dict(self.options)
        sock.settimeout(PATIENCE)
        try:
            if self.role == "client":
                return tlspool.wrap_client(sock, options.pop("remote_identity"), **options)
            if self.role == "server":
                return tlspool.wrap_server(sock, options.pop("local_identity"), **options)
            return tlspool.wrap_peer(sock, options.pop("local_identity"), options.pop("remote_identity"), **options)
        except tlspool.TLSPoolError as failed:
            sock.close()
            return failed


def sides(pools, **options):
    """Both as peers, with the same options."""
    a, b = pools
    return Side(a, b, **options), Side(b, a, **options)


class Waiting(FirstConnection):
    """The side takes it."""

    def __init__(self, side):
        super().__init__(side.start)


def connected(side, port):
    """The side on a new connection to the port; raises where it is refused."""
    outcome = side.start(connect(port))
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def outcomes(one, other, sockets=None):
    """What both get, a plain socket or an exception each; they start at the same time, on a TCP connection."""
    near, far = sockets or tcp_pair()
    with in_thread(other.start, far) as started:
        first = one.start(near)
        return first, started.result(PATIENCE * 2)


@contextlib.contextmanager
def joined(one, other, sockets=None):
    """The plain sockets of both, checked to carry bytes both ways."""
    near, far = outcomes(one, other, sockets)
    with contextlib.ExitStack() as stack:
        for end in (near, far):
            if not isinstance(end, Exception):
                stack.enter_context(end)
        for end in (near, far):
            if isinstance(end, Exception):
                raise AssertionError(f"no connection: {near!r} {far!r}") from end
        speak(near, far)
        yield near, far


def failures(one, other, sockets=None):
    """The exceptions of both, where no connection may come about."""
    near, far = outcomes(one, other, sockets)
    for end in (near, far):
        if not isinstance(end, Exception):
            end.close()
    assert isinstance(near, Exception) and isinstance(far, Exception), f"it was not refused: {near!r} {far!r}"
    return near, far


def move(source, sink):
    """Bytes until the end, which is passed on."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def crossing():
    """Two ends of a connection on which no byte arrives before both sides have sent one: both hellos are under way."""
    near, here = tcp_pair()
    far, there = tcp_pair()

    def relay():
        with here, there:
            try:
                here.settimeout(PATIENCE)
                there.settimeout(PATIENCE)
                first, second = here.recv(65536), there.recv(65536)
                there.sendall(first)
                here.sendall(second)
            except OSError:
                return
            here.settimeout(None)
            there.settimeout(None)
            back = threading.Thread(target=move, args=(there, here), daemon=True)
            back.start()
            move(here, there)
            back.join()

    threading.Thread(target=relay, daemon=True).start()
    return near, far


def speak(near, far):
    for sender, receiver in ((near, far), (far, near)):
        sender.sendall(b"to the other side")
        receiver.settimeout(PATIENCE)
        got = b""
        while len(got) < 17:
            chunk = receiver.recv(100)
            assert chunk, f"the stream ended after {got!r}"
            got += chunk
        assert got == b"to the other side"


def in_both_outcomes(one, other, check, most=64):
    """check(near, far) for connections until each side was client once; the tie-break decides which is which."""
    seen = set()
    for _ in range(most):
        with joined(one, other, crossing()) as (near, far):
            check(near, far)
            seen.add(near.session.role)
        if len(seen) == 2:
            return
    raise AssertionError(f"in {most} connections the first side was always {seen}")


def simultaneous_open(most=100):
    """Two TCP sockets that have connected to each other, none of which accepted (RFC 9293 section 3.5). The SYN of the
    first one is lost, for the other one's port listens then and its queue is full; the other one's own SYN comes next."""
    for _ in range(most):
        first, second = socket.socket(), socket.socket()
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", free_port()))
        second.listen(0)
        with socket.create_connection(second.getsockname()):
            first.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                first.connect(second.getsockname())
            second.shutdown(socket.SHUT_RDWR)  # it listens no more
        with contextlib.suppress(OSError):
            second.connect(first.getsockname())
            first.setblocking(True)
            assert first.getpeername() == second.getsockname()
            return first, second
        first.close()
        second.close()
    raise AssertionError(f"no simultaneous open in {most} attempts")
