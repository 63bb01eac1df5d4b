# SPDX-License-Identifier: Apache-2.0
"""The control socket, byte by byte: for messages and descriptors that no well-meaning client sends."""
import array
import json
import socket

from pool import PATIENCE


class Ended(Exception):
    """The service closed the connection."""


class Control:
    """A connection to `path`, or to a pool's socket for programs."""

    def __init__(self, pool_or_path):
        path = getattr(pool_or_path, "socket", pool_or_path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(path))
        self.descriptors = []
        self._input = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()
        for fd in self.descriptors:
            socket.close(fd)
        self.descriptors = []

    def write(self, data, fds=()):
        """Raw bytes in one sendmsg, the descriptors on the first of them."""
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sent = self.socket.sendmsg([data], ancillary)
        if sent < len(data):
            self.socket.sendall(data[sent:])

    def send(self, method, parameters=None, fds=(), **flags):
        self.write(message(method, parameters, **flags), fds)

    def receive(self):
        """The next answer as an object; Ended where the service closed instead."""
        while b"\0" not in self._input:
            try:
                data, descriptors, _, _ = socket.recv_fds(self.socket, 65536, 16)
            except ConnectionResetError as e:
                raise Ended() from e
            self.descriptors += descriptors
            if not data:
                raise Ended()
            self._input += data
        text, self._input = self._input.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, parameters=None, fds=(), **flags):
        self.send(method, parameters, fds, **flags)
        return self.receive()

    def has_ended(self):
        """Waits for the service's next act: true where it is the end of the connection."""
        try:
            self.receive()
        except Ended:
            return True
        return False


def message(method, parameters=None, **flags):
    call = {"method": method if "." in method else f"io.tlspool.Pool.{method}"}
    if parameters is not None:
        call["parameters"] = parameters
    return json.dumps(call | flags).encode() + b"\0"


def call(pool_or_path, method, parameters=None, fds=(), **flags):
    """One call on a connection of its own."""
    with Control(pool_or_path) as control:
        return control.call(method, parameters, fds, **flags)


def answers(pool_or_path):
    """Whether the service works as ever."""
    return call(pool_or_path, "org.varlink.service.GetInfo")["parameters"]["product"] == "TLS Pool"


def error_of(answer):
    """The error's name without its interface."""
    return answer.get("error", "").rsplit(".", 1)[-1]
