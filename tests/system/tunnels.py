# SPDX-License-Identifier: Apache-2.0
"""`tlspool tunnel`, and what stands on either side of one."""
import contextlib
import re
import socket
import subprocess
import threading

from peers import connect
from pool import BIN, PATIENCE, eventually


class Listener:
    """Accepts on a free port (.port) and has each connection served in a thread, until close()."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._guarded, args=(connection,), daemon=True).start()

    def _guarded(self, connection):
        with contextlib.suppress(OSError):
            self.serve(connection)

    def close(self):
        # Wakes accept() too.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Echo(Listener):
    """A plain server that answers each connection with what it said, and closes when it does; with `context`, by TLS.
    .peers holds the common names that clients proved."""

    def __init__(self, context=None):
        self.context = context
        self.peers = []
        super().__init__()

    def serve(self, connection):
        if self.context is not None:
            connection = self.context.wrap_socket(connection, server_side=True)
            names = (connection.getpeercert() or {}).get("subjectAltName", ())
            self.peers += [name for _, name in names]
        while data := connection.recv(65536):
            connection.sendall(data)
        connection.close()


class Relay(Listener):
    """Stands between two ends and sees (.seen) what the network sees."""

    def __init__(self, port):
        self.target = port
        self.seen = b""
        super().__init__()

    def serve(self, near):
        far = connect(self.target)
        back = threading.Thread(target=self._copy, args=(far, near), daemon=True)
        back.start()
        self._copy(near, far)

    def _copy(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.seen += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


class Tunnel:
    def __init__(self, pool, *words, listen="127.0.0.1:0"):
        self.process = subprocess.Popen([str(BIN / "tlspool"), "--pool", str(pool.directory), "tunnel", "--listen", listen, *words],
                                        stderr=subprocess.PIPE, text=True, env=pool.environment)
        self.lines = []
        self.port = None
        threading.Thread(target=self._read, daemon=True).start()
        eventually(lambda: self.port or self.process.poll() is not None)

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip())
            if found := re.match(r"listening on .*:(\d+)$", line):
                self.port = int(found[1])

    def said(self, words):
        return eventually(lambda: next((line for line in self.lines if words in line), None), message=lambda: f"no {words}: {self.lines}")

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(PATIENCE)
