# SPDX-License-Identifier: Apache-2.0
"""One call over the control socket (docs/protocol.md): JSON that ends in NUL, descriptors alongside."""

from __future__ import annotations

import array
import errno
import json
import os
import select
import socket
import time
from typing import Any, Sequence

from .errors import PoolUnavailable, ProtocolError, TLSPoolError, from_answer

MAX_MESSAGE = 256 * 1024
_MAX_DESCRIPTORS = 253  # SCM_MAX_FD of Linux
_LONGEST_PATH = 107  # sun_path without its NUL
CALL_TIMEOUT = 10.0


def _connect(path: str) -> socket.socket | None:
    """A non-blocking connection; None where the listener's queue is full."""
    directory = -1
    address = path
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        if len(os.fsencode(path)) > _LONGEST_PATH:
            directory = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            address = f"/proc/self/fd/{directory}/{os.path.basename(path)}"
        sock.connect(address)
        return sock
    except BlockingIOError:
        sock.close()
        return None
    except OSError as failed:
        sock.close()
        raise _unavailable(path, failed) from failed
    finally:
        if directory >= 0:
            os.close(directory)


def _unavailable(path: str, failed: OSError) -> PoolUnavailable:
    advice = ""
    if failed.errno in (errno.ENOENT, errno.ENOTDIR, errno.ECONNREFUSED):
        directory = os.path.dirname(path)
        directory = "/etc/tlspool" if directory == "/run/tlspool" else directory.removesuffix("/run")
        advice = f"; start it with `tlspoold --pool {directory}`"
    elif failed.errno in (errno.EACCES, errno.EPERM):
        advice = "; this user may not reach the pool's socket"
    error = PoolUnavailable(f"no pool answers on {path}: {failed.strerror}{advice}", socket_usable=True)
    error.errno = failed.errno
    return error


class Exchange:
    """One call under way; step() never waits."""

    RETRY_DELAY = 0.005

    def __init__(self, path: str, method: str, parameters: dict[str, Any], descriptors: Sequence[int] = ()):
        text = json.dumps({"method": method, "parameters": parameters}, ensure_ascii=False, separators=(",", ":"))
        self.path = path
        self.connection: socket.socket | None = None
        self._output = text.encode("utf-8") + b"\0"
        self._descriptors = list(descriptors)
        self._sent = 0
        self._input = bytearray()
        self._received: list[int] = []

    @property
    def wants_write(self) -> bool:
        return self._sent < len(self._output)

    def step(self) -> bool:
        """True: the answer is there. False: wait until `connection` is readable, or writable where
        wants_write; where it is None, come back after RETRY_DELAY."""
        if self.connection is None:
            self.connection = _connect(self.path)
            if self.connection is None:
                return False
        try:
            return self._send() and self._receive()
        except BlockingIOError:
            return False
        except TLSPoolError:
            raise
        except OSError as failed:
            # An incomplete call, or one that lay unread when the pool closed (ECONNRESET), was not acted on.
            untouched = self.wants_write or (failed.errno == errno.ECONNRESET and not self._input)
            raise PoolUnavailable(f"the pool on {self.path}: it closed the connection: {failed.strerror}; see its log",
                                  socket_usable=untouched) from failed

    def _send(self) -> bool:
        assert self.connection is not None
        while self.wants_write:
            rights = []
            if self._sent == 0 and self._descriptors:
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", self._descriptors))]
            flags = socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT
            self._sent += self.connection.sendmsg([memoryview(self._output)[self._sent:]], rights, flags)
        return True

    def _receive(self) -> bool:
        assert self.connection is not None
        while True:
            # Look first: bytes behind the NUL are the next message's, and so are descriptors that come with them.
            seen = self.connection.recv(65536, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            if not seen:
                raise PoolUnavailable(f"the pool on {self.path} ended before it answered; see its log")
            nul = seen.find(0)
            data, rights, flags, _ = self.connection.recvmsg(
                len(seen) if nul < 0 else nul + 1, socket.CMSG_SPACE(_MAX_DESCRIPTORS * 4),
                socket.MSG_CMSG_CLOEXEC | socket.MSG_DONTWAIT)
            late = bool(self._input)
            count = len(self._received)
            for level, kind, value in rights:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    self._received.extend(array.array("i", value[:len(value) - len(value) % 4]))
            if flags & socket.MSG_CTRUNC:
                raise ProtocolError("answer of the pool: descriptors were lost; too many are open in this program")
            if late and len(self._received) > count:
                raise ProtocolError("answer of the pool: descriptors in the middle of it")
            self._input += data
            if len(self._input) > MAX_MESSAGE + 1:
                raise ProtocolError("answer of the pool: longer than 256 KiB")
            if nul >= 0:
                return True

    def answer(self) -> tuple[dict[str, Any], list[int]]:
        """After step() said True: the answer's parameters and its descriptors, which are the caller's now.
        Raises the exception of an error answer."""
        try:
            message = json.loads(self._input[:-1].decode("utf-8"))
        except ValueError as malformed:
            raise ProtocolError(f"answer of the pool: not JSON: {malformed}") from malformed
        parameters = (message.get("parameters") or {}) if isinstance(message, dict) else None
        if not isinstance(parameters, dict) or message.keys() - {"parameters", "error", "continues"}:
            raise ProtocolError("answer of the pool: not an answer")
        if message.get("continues"):
            raise ProtocolError("answer of the pool: more than one to one call")
        if message.get("error"):
            raise from_answer(str(message["error"]), parameters)
        received, self._received = self._received, []
        return parameters, received

    def close(self) -> None:
        """Ends the exchange; descriptors that nobody took are closed."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        while self._received:
            os.close(self._received.pop())

    def __enter__(self) -> "Exchange":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, timeout: float) -> bool:
        """Steps until the end; False: the time is over."""
        deadline = time.monotonic() + timeout
        while not self.step():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if self.connection is None:
                time.sleep(min(left, self.RETRY_DELAY))
                continue
            waiting = select.poll()
            waiting.register(self.connection, select.POLLOUT if self.wants_write else select.POLLIN)
            waiting.poll(left * 1000)
        return True


def call(path: str, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """One call without descriptors."""
    with Exchange(path, method, parameters) as exchange:
        if not exchange.run(CALL_TIMEOUT):
            raise PoolUnavailable(f"the pool on {path} did not answer within {CALL_TIMEOUT:g} s; see its log")
        answer, received = exchange.answer()
        for descriptor in received:
            os.close(descriptor)
        return answer
