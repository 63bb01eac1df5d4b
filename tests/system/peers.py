# SPDX-License-Identifier: Apache-2.0
"""TLS peers for tests: openssl(1), gnutls and Python's ssl as the other side, on loopback, on free ports."""
import asyncio
import contextlib
import select
import socket
import ssl
import subprocess
import threading
import time

PATIENCE = 20.0


def free_port(family=socket.AF_INET):
    with socket.socket(family) as s:
        s.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        return s.getsockname()[1]


def connect(port, host="127.0.0.1", timeout=PATIENCE):
    """A connected TCP socket; waits until somebody listens."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return socket.create_connection((host, port), timeout=timeout)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def tcp_pair(host="127.0.0.1"):
    """Two connected TCP sockets on loopback."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind((host, 0))
        listener.listen(1)
        a = socket.create_connection(listener.getsockname()[:2], timeout=PATIENCE)
        b, _ = listener.accept()
        b.settimeout(PATIENCE)
        return a, b


class Server:
    """A command that serves; ended by its id. wait_port waits until it accepts (with one connection that a
    server for many clients survives)."""

    def __init__(self, command, port, **options):
        self.port = port
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
        try:
            connect(port).close()
        except OSError as e:
            self.process.kill()
            raise AssertionError(f"{command} does not listen: {self.process.communicate()[0]!r}") from e

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE)


def s_server(party, *options):
    """openssl s_server that answers each line reversed (-rev)."""
    port = free_port()
    return Server(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(party.cert), "-key", str(party.key),
                   "-cert_chain", str(party.chain), "-rev", *options], port)


def gnutls_serv(party, *options):
    """gnutls-serv that echoes."""
    port = free_port()
    return Server(["gnutls-serv", "--echo", "--port", str(port), "--x509certfile", str(party.chain), "--x509keyfile", str(party.key),
                   *options], port)


@contextlib.contextmanager
def in_thread(function, *arguments):
    """Runs function beside the body; its exception or its result comes out at the end through .result()."""
    class Running:
        def __init__(self):
            self.value = None
            self.error = None

        def run(self):
            try:
                self.value = function(*arguments)
            except BaseException as e:  # noqa: BLE001: handed to the test
                self.error = e

        def result(self, timeout=PATIENCE):
            thread.join(timeout)
            assert not thread.is_alive(), "the peer's thread did not end"
            if self.error is not None:
                raise self.error
            return self.value

    running = Running()
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    yield running
    running.result()


def client_context(ca, version=None, certificate=None):
    """Python's ssl as a client that verifies against `ca`."""
    context = ssl.create_default_context(cafile=str(ca))
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if certificate is not None:
        context.load_cert_chain(certificate.chain, certificate.key)
    return context


def server_context(party, version=None, client_ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(party.chain, party.key)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if client_ca is not None:
        context.load_verify_locations(str(client_ca))
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def receive_all(sock, timeout=PATIENCE):
    """Everything until the end of the stream."""
    sock.settimeout(timeout)
    out = b""
    while True:
        try:
            chunk = sock.recv(65536)
        except ssl.SSLEOFError:
            return out
        if not chunk:
            return out
        out += chunk


def readable(sock, timeout):
    return bool(select.select([sock], [], [], timeout)[0])


async def heard_and_closed(near, far):
    """Two plain sides in asyncio's streams: what one says arrives at the other, and so does the end, both ways."""
    reader, writer = await asyncio.open_connection(sock=near)
    far_reader, far_writer = await asyncio.open_connection(sock=far)
    writer.write(b"hello")
    writer.write_eof()
    assert await far_reader.read() == b"hello"
    far_writer.close()
    assert await reader.read() == b""
    writer.close()
