# SPDX-License-Identifier: Apache-2.0
"""Conversations for tests of TLS itself: the pool's server and client beside foreign processes that are listened to
and spoken to, and a TLS peer whose every byte the test decides on (Raw)."""
import contextlib
import re
import socket
import ssl
import subprocess
import threading
import time

from peers import connect, free_port, in_thread
from pool import PATIENCE

KINDS = ("p256", "p384", "ed25519", "rsa2048", "rsa3072", "rsa4096")
VERSIONS = ("tls12", "tls13")
PYTHON_VERSION = {"tls12": ssl.TLSVersion.TLSv1_2, "tls13": ssl.TLSVersion.TLSv1_3}
OPENSSL_VERSION = {"tls12": "-tls1_2", "tls13": "-tls1_3"}
GNUTLS_PRIORITY = {"tls12": "NORMAL:-VERS-ALL:+VERS-TLS1.2", "tls13": "NORMAL:-VERS-ALL:+VERS-TLS1.3"}


class Process:
    """A foreign program: everything that it says is kept, and it is ended by its id."""

    def __init__(self, *command):
        self.command = [str(word) for word in command]
        self.process = self._popen()
        self.port = None
        self._said = b""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _popen(self):
        return subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def _read(self):
        while chunk := self.process.stdout.read1(65536):
            with self._news:
                self._said += chunk
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    @property
    def text(self):
        with self._news:
            return self._said.decode(errors="replace")

    def wait_for(self, pattern, count=1):
        """The match number `count` of a regular expression in what the program says."""
        deadline = time.monotonic() + PATIENCE
        while True:
            ended = self.process.poll() is not None and not self._reader.is_alive()
            found = list(re.finditer(pattern, self.text))
            if len(found) >= count:
                return found[count - 1]
            assert not ended and time.monotonic() < deadline, f"{self.command} never said {pattern!r} {count} times:\n{self.text}"
            with self._news:
                self._news.wait(0.05)

    def say(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def end_input(self):
        self.process.stdin.close()

    def status(self):
        """Its exit status; waits for its own end."""
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self.process.stdout.close()


def shown(party):
    """openssl(1)'s options for one's own certificate. Its -cert_chain wants the chain without the leaf."""
    _, _, others = party.chain.read_text().partition("-----END CERTIFICATE-----\n")
    options = ["-cert", party.cert, "-key", party.key]
    if others:
        path = party.chain.with_suffix(".others.pem")
        path.write_text(others)
        options += ["-cert_chain", path]
    return options


def s_server(party, *options, host="127.0.0.1", mode="-rev"):
    """openssl s_server on a port of its own choice. mode -rev answers each line reversed and prints a summary of
    each connection; None is the interactive one."""
    name = f"[{host}]" if ":" in host else host
    server = Process("openssl", "s_server", "-accept", f"{name}:0", *shown(party), *([mode] if mode else []), *options)
    server.port = int(server.wait_for(r"ACCEPT \S*:(\d+)\s").group(1))
    return server


def s_client(port, *options, host="127.0.0.1"):
    name = f"[{host}]" if ":" in host else host
    return Process("openssl", "s_client", "-connect", f"{name}:{port}", *options)


def gnutls_serv(party, *options):
    port = free_port()
    server = Process("gnutls-serv", "--echo", "--port", port, "--x509certfile", party.chain, "--x509keyfile", party.key, *options)
    server.port = port
    return server


class FirstConnection:
    """A listener on .port; start() gets the first connection to it, and gives the plain socket or the exception."""

    def __init__(self, start, host="127.0.0.1"):
        self._listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._listener.settimeout(PATIENCE)
        self.port = self._listener.getsockname()[1]
        self._start = start

    def _accept(self):
        accepted, _ = self._listener.accept()
        return self._start(accepted)

    def __enter__(self):
        self._running = in_thread(self._accept)
        self._waiting = self._running.__enter__()
        return self

    def __exit__(self, kind, *_):
        self._listener.close()
        if kind is None:
            self._running.__exit__(None, None, None)

    def plain(self):
        outcome = self._waiting.result(PATIENCE)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def failure(self):
        outcome = self._waiting.result(PATIENCE)
        assert isinstance(outcome, Exception), f"it was not refused: {outcome.session}"
        return outcome


class OurServer(FirstConnection):
    """The pool serves the first connection."""

    def __init__(self, library, identity=None, host="127.0.0.1", **options):
        super().__init__(self._serve, host)
        self._library = library
        self._identity = identity
        self._options = options

    def _serve(self, accepted):
        accepted.settimeout(PATIENCE)
        try:
            return self._library.wrap_server(accepted, self._identity, **self._options)
        except self._library.TLSPoolError as failed:
            accepted.close()
            return failed


def our_client(library, port, name, host="127.0.0.1", **options):
    """The pool as a client of a port; the socket is closed where the pool refuses."""
    sock = connect(port, host)
    sock.settimeout(PATIENCE)
    try:
        return library.wrap_client(sock, name, **options)
    except library.TLSPoolError:
        sock.close()
        raise


def refusal(library, port, name, **options):
    """The failure of our_client()."""
    try:
        plain = our_client(library, port, name, **options)
    except library.TLSPoolError as failed:
        return failed
    with plain:
        raise AssertionError(f"it was not refused: {plain.session}")


def read_line(sock):
    sock.settimeout(PATIENCE)
    line = b""
    while not line.endswith(b"\n"):
        chunk = sock.recv(4096)
        assert chunk, f"the stream ended after {line!r}"
        line += chunk
    return line


def read_exactly(sock, size):
    sock.settimeout(PATIENCE)
    out = bytearray()
    while len(out) < size:
        chunk = sock.recv(min(65536, size - len(out)))
        assert chunk, f"the stream ended after {len(out)} of {size} bytes"
        out += chunk
    return bytes(out)


class Raw:
    """A TLS peer (Python's ssl) between memory and a socket: nothing is sent before flush(), so a test can put
    records together, cut them off, or end the stream where it likes. heard and told keep the raw bytes."""

    def __init__(self, sock, context, server_side=False, name=None, session=None):
        self.sock = sock
        self.sock.settimeout(PATIENCE)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_side=server_side, server_hostname=name, session=session)
        self.heard = b""
        self.told = b""

    def flush(self):
        waiting = self._out.read()
        self.told += waiting
        if waiting:
            self.sock.sendall(waiting)

    def take(self):
        """What flush() would send, for the test to send in its own way."""
        return self._out.read()

    def read_tickets(self):
        """A client of TLS 1.3 has tickets waiting in its socket, and a close() before it has read them would be a
        reset, with the loss of what it sent."""
        if self.tls.version() != "TLSv1.3":
            return
        self._feed()
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.read(1)

    def _feed(self):
        chunk = self.sock.recv(65536)
        self.heard += chunk
        if chunk:
            self._in.write(chunk)
        else:
            self._in.write_eof()

    def _until_done(self, step):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self.flush()
                self._feed()

    def handshake(self, keep_last_flight=False):
        """With keep_last_flight the last handshake bytes wait for the next flush()."""
        try:
            self._until_done(self.tls.do_handshake)
        except ssl.SSLError:
            self.flush()
            raise
        if not keep_last_flight:
            self.flush()
        return self

    def write(self, data):
        """Encrypts; flush() sends."""
        self.tls.write(data)
        return self

    def send(self, data):
        self.write(data)
        self.flush()

    def read(self, size=65536):
        """b'' at the peer's close_notify."""
        try:
            return self._until_done(lambda: self.tls.read(size))
        except ssl.SSLZeroReturnError:
            return b""

    def read_all(self):
        out = b""
        while chunk := self.read():
            out += chunk
        return out

    def close_notify(self):
        """Sends it; reading goes on."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self.flush()

    def close(self):
        self.sock.close()

    def reset(self):
        """The socket's close becomes a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()
