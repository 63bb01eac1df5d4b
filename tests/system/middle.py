# SPDX-License-Identifier: Apache-2.0
"""Somebody between two peers: holds back the ClientHello of each until both are there, and sends on what he likes. All
that comes behind them goes through as it is."""
import contextlib
import socket
import threading

from peers import tcp_pair
from pool import PATIENCE

TIE_BREAKER = 0xff70
PADDING = 21
ONES = b"\xff" * 32


class Hello:
    """A ClientHello that can be taken apart and put together again."""

    def __init__(self, message):
        self.message = message
        at = 4 + 2 + 32

        def vector(width):
            nonlocal at
            size = int.from_bytes(message[at:at + width], "big")
            at += width + size
            return message[at - size:at]

        self._front = message[4:at]
        self._session_id, self.suites, self._compression = vector(1), vector(2), vector(1)
        end = at + 2 + int.from_bytes(message[at:at + 2], "big")
        assert end == len(message)
        at += 2
        self.extensions = []
        while at < end:
            kind = int.from_bytes(message[at:at + 2], "big")
            at += 2
            self.extensions.append((kind, vector(2)))

    def put_together(self):
        def vector(width, content):
            return len(content).to_bytes(width, "big") + content

        extensions = b"".join(kind.to_bytes(2, "big") + vector(2, content) for kind, content in self.extensions)
        body = self._front + vector(1, self._session_id) + vector(2, self.suites) + vector(1, self._compression) + vector(2, extensions)
        return b"\x01" + vector(3, body)

    @property
    def value(self):
        return dict(self.extensions)[TIE_BREAKER]

    def with_value(self, value):
        """The same with another tie-breaker; None: without."""
        other = Hello(self.message)
        other.extensions = [(kind, value if kind == TIE_BREAKER else content) for kind, content in self.extensions
                            if kind != TIE_BREAKER or value is not None]
        return Hello(other.put_together())

    def of_size(self, size):
        """The same, made longer in every field that has room: by padding, then by values that nobody knows."""
        other = Hello(self.message)
        other.extensions = [(PADDING, b"")] + [(kind, content) for kind, content in self.extensions if kind != PADDING]

        def missing(room):
            return max(0, min(room, size - len(other.put_together())))

        padding = bytes(missing(65535 - sum(4 + len(content) for _, content in other.extensions)))
        other.extensions[0] = (PADDING, padding)
        other.suites += b"\x5a\x5a" * (missing(65534 - len(other.suites)) // 2)
        other._session_id += bytes(missing(32 - len(other._session_id)))
        other._compression += bytes(missing(255 - len(other._compression)))
        made = Hello(other.put_together())
        assert len(made.message) == size
        return made

    def records(self, longest=16384):
        pieces = [self.message[at:at + longest] for at in range(0, len(self.message), longest)]
        return b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2, "big") + piece for piece in pieces)


def _exactly(sock, size):
    data = b""
    while len(data) < size:
        chunk = sock.recv(size - len(data))
        assert chunk, "the stream ended within a hello"
        data += chunk
    return data


def _hello_from(sock):
    message = b""
    while len(message) < 4 or len(message) < 4 + int.from_bytes(message[1:4], "big"):
        header = _exactly(sock, 5)
        assert header[0] == 22, header
        message += _exactly(sock, int.from_bytes(header[3:5], "big"))
    return Hello(message)


def _pass_on(source, target):
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def between(change, segment=65536):
    """The two ends, as sockets. `change(low, high)` is given both hellos, that with the lower value first, and gives what
    each side gets in place of the other one's: (what the sender of low gets, what the sender of high gets), bytes."""
    a, middle_a = tcp_pair()
    b, middle_b = tcp_pair()
    failure = []
    for sock in (middle_a, middle_b):
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run():
        try:
            of_a, of_b = _hello_from(middle_a), _hello_from(middle_b)
            low, high = (middle_a, of_a), (middle_b, of_b)
            if of_a.value > of_b.value:
                low, high = high, low
            for (target, _), data in zip((low, high), change(low[1], high[1])):
                with contextlib.suppress(OSError):  # it may have seen enough, and gone
                    for at in range(0, len(data), segment):
                        target.sendall(data[at:at + segment])
            back = threading.Thread(target=_pass_on, args=(middle_b, middle_a))
            back.start()
            _pass_on(middle_a, middle_b)
            back.join()
        except BaseException as e:  # noqa: BLE001: handed to the test
            failure.append(e)
            for sock in (middle_a, middle_b):
                sock.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield a, b
    finally:
        for sock in (a, b):
            sock.close()
        thread.join()
        for sock in (middle_a, middle_b):
            sock.close()
    if failure:
        raise failure[0]
