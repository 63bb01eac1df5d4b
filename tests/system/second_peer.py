# SPDX-License-Identifier: Apache-2.0
"""A second implementation of docs/p2p-tls.md, on GnuTLS by its library: for what our own would never do, and to see that
the two understand each other."""
import contextlib
import ctypes
import socket
import threading

from peer_sites import move
from peers import in_thread, tcp_pair
from pool import PATIENCE

SERVER, CLIENT, KEY_SHARE_TOP = 1, 2, 1 << 11
CERTIFICATE, PEM, CERT_REQUIRE = 1, 1, 2
FLAGS = 1 << 1 | 1 << 2 | 1 << 4 | 1 << 7  # ClientHello, ServerHello of TLS 1.2, EncryptedExtensions; in TLS
HANDSHAKE, CLIENT_HELLO = 22, 1
EXTENSION = 65392
SIZE = 32
ZEROS, LOW = bytes(SIZE), bytes(SIZE - 1) + b"\1"
ONES, HIGH = b"\xff" * SIZE, b"\xff" * (SIZE - 1) + b"\xfe"
PRIORITY = {"tls12": "NORMAL:-VERS-ALL:+VERS-TLS1.2", "tls13": "NORMAL:-VERS-ALL:+VERS-TLS1.3"}

LIBRARY = ctypes.CDLL("libgnutls.so.30")
LIBRARY.gnutls_strerror.restype = ctypes.c_char_p
LIBRARY.gnutls_record_send.restype = LIBRARY.gnutls_record_recv.restype = ctypes.c_ssize_t
Receive = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_ubyte), ctypes.c_size_t)
Send = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
AGAIN = -28


class Refused(Exception):
    """The handshake failed."""


def exactly(sock, size):
    out = b""
    while len(out) < size:
        chunk = sock.recv(size - len(out))
        if not chunk:
            raise ConnectionError(f"the stream ended after {len(out)} of {size} bytes")
        out += chunk
    return out


def first_flight(sock):
    """The records of a ClientHello and the message in them; of anything else one record, and None."""
    raw, message = b"", b""
    while True:
        header = exactly(sock, 5)
        body = exactly(sock, int.from_bytes(header[3:], "big"))
        raw += header + body
        message += body
        if header[0] != HANDSHAKE or message[0] != CLIENT_HELLO:
            return raw, None
        if len(message) >= 4 + int.from_bytes(message[1:4], "big"):
            return raw, message


def extension_of(hello, number):
    """extension_data in a ClientHello; None: it has no such extension."""
    at = 4 + 2 + 32
    for width in (1, 2, 1):  # session id, suites, compression methods
        at += width + int.from_bytes(hello[at:at + width], "big")
    at += 2
    while at < len(hello):
        size = int.from_bytes(hello[at + 2:at + 4], "big")
        if int.from_bytes(hello[at:at + 2], "big") == number:
            return hello[at + 4:at + 4 + size]
        at += 4 + size
    return None


def in_records(message, size):
    """A handshake message over records of that many bytes; no signature or hash sees the difference."""
    return b"".join(b"\x16\3\1" + len(part).to_bytes(2, "big") + part
                    for part in (message[at:at + size] for at in range(0, len(message), size)))


class Session:
    """One GnuTLS session, whose network is .network."""

    def __init__(self, role, party, ca, expect, priority, extensions):
        """extensions: (number, data to send, where to note what came)."""
        self.inner, self.network = socket.socketpair()
        self.handle, self._credentials = ctypes.c_void_p(), ctypes.c_void_p()
        check(LIBRARY.gnutls_init(ctypes.byref(self.handle), role | KEY_SHARE_TOP))
        check(LIBRARY.gnutls_priority_set_direct(self.handle, priority.encode(), None))
        check(LIBRARY.gnutls_certificate_allocate_credentials(ctypes.byref(self._credentials)))
        check(LIBRARY.gnutls_certificate_set_x509_key_file(self._credentials, str(party.chain).encode(), str(party.key).encode(), PEM))
        check(LIBRARY.gnutls_certificate_set_x509_trust_file(self._credentials, str(ca).encode(), PEM))
        check(LIBRARY.gnutls_credentials_set(self.handle, CERTIFICATE, self._credentials))
        self._expect = ctypes.create_string_buffer(expect.encode())
        LIBRARY.gnutls_session_set_verify_cert(self.handle, self._expect, 0)
        if role == SERVER:
            LIBRARY.gnutls_certificate_server_set_request(self.handle, CERT_REQUIRE)
        LIBRARY.gnutls_handshake_set_timeout(self.handle, int(PATIENCE * 1000))
        LIBRARY.gnutls_transport_set_int2(self.handle, self.inner.fileno(), self.inner.fileno())
        self._callbacks = [self._register(*extension) for extension in extensions]

    def _register(self, number, data, came):
        def send(_, buffer):
            if data is None:
                return 0
            check(LIBRARY.gnutls_buffer_append_data(ctypes.c_void_p(buffer), data, ctypes.c_size_t(len(data))))
            return len(data)

        def receive(_, content, size):
            came.append(bytes(content[:size]))
            return 0

        kept = Receive(receive), Send(send)
        check(LIBRARY.gnutls_session_ext_register(self.handle, b"extension", number, 1, *kept, None, None, None, FLAGS))
        return kept

    def handshake(self):
        result = LIBRARY.gnutls_handshake(self.handle)
        if result < 0:
            LIBRARY.gnutls_alert_send_appropriate(self.handle, result)
            with contextlib.suppress(OSError):
                self.inner.shutdown(socket.SHUT_RDWR)
            raise Refused(LIBRARY.gnutls_strerror(result).decode())

    def send(self, data):
        check(LIBRARY.gnutls_record_send(self.handle, data, ctypes.c_size_t(len(data))))

    def receive(self):
        room = ctypes.create_string_buffer(4096)
        while True:
            size = LIBRARY.gnutls_record_recv(self.handle, room, ctypes.c_size_t(len(room)))
            if size != AGAIN:  # a ticket came, or the like
                return room.raw[:check(size)]

    def exporter(self, label, size):
        out = ctypes.create_string_buffer(size)
        check(LIBRARY.gnutls_prf_rfc5705(self.handle, ctypes.c_size_t(len(label)), label, ctypes.c_size_t(0), None, ctypes.c_size_t(size), out))
        return out.raw

    def close(self):
        LIBRARY.gnutls_deinit(self.handle)
        LIBRARY.gnutls_certificate_free_credentials(self._credentials)
        self.inner.close()
        self.network.close()


def check(result):
    if result < 0:
        raise Refused(LIBRARY.gnutls_strerror(int(result)).decode())
    return result


class SecondPeer:
    """One side of a connection: .role, .theirs (the value in their hello), .proof (what they answered as server)."""

    def __init__(self, sock, party, ca, expect, value, version="tls13", groups="", answer="own", extension=EXTENSION, filler=0,
                 shape=None, speaks="second"):
        """value: of the tie-breaker, or a function that makes it of theirs. speaks: "second" sends its hello when the other
        side has sent one, unread; "first" at once; "last" when it has read that; "never": it
        listens, and answers. answer: what it says
        as server that it had sent; "own" is the truth, None says nothing. filler: bytes of another extension in the
        hello. shape: makes the bytes to send, a list of writes, of the hello's message and records."""
        self.sock = sock
        self.sock.settimeout(PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open = []
        self._make = lambda role, extensions: self._session(role, party, ca, expect, PRIORITY[version] + groups, extensions)
        self.value, self._answer, self._extension, self._filler = value, answer, extension, filler
        self._shape, self._speaks = shape or (lambda message, records: [records]), speaks
        self.role = self.theirs = self.proof = None

    def _session(self, *arguments):
        self._open.append(Session(*arguments))
        return self._open[-1]

    def handshake(self):
        """Until the handshake stands; Refused where it does not."""
        if self._speaks == "never":
            return self._answer_only()
        flight, hello = first_flight(self.sock) if self._speaks == "last" else (None, None)
        if callable(self.value):
            self.value = self.value(extension_of(hello, self._extension))
        came = []
        extensions = [(self._extension, self.value, came)]
        if self._filler:
            extensions.append((self._extension + 1, bytes(self._filler), []))
        client = self._make(CLIENT, extensions)
        with in_thread(lambda: self._outcome(client)) as handshake:
            records, message = first_flight(client.network)
            if self._speaks == "second":
                self.sock.recv(1, socket.MSG_PEEK)
            for part in self._shape(message, records):
                self.sock.sendall(part)
            if flight is None:
                flight, hello = first_flight(self.sock)
            self.theirs = None if hello is None else extension_of(hello, self._extension)
            if self.theirs is None or self.value < self.theirs:
                self.role, self.tls = "client", client
                self._connect(b"" if self.theirs is not None else flight)
                failed = handshake.result()
                self.proof = came[0] if came else None
            else:
                client.network.close()  # as if nothing had been sent
                handshake.result()
                self.role = "server"
                self.tls = self._make(SERVER, [(self._extension, self.value if self._answer == "own" else self._answer, [])])
                self._connect(flight)
                failed = self._outcome(self.tls)
        if failed:
            raise failed
        return self

    def _answer_only(self):
        flight, hello = first_flight(self.sock)
        self.theirs, self.role = extension_of(hello, self._extension), "server"
        self.tls = self._make(SERVER, [(self._extension, ONES if self._answer == "own" else self._answer, [])])
        self._connect(flight)
        if failed := self._outcome(self.tls):
            raise failed
        return self

    @staticmethod
    def _outcome(session):
        try:
            session.handshake()
        except Refused as failed:
            return failed
        return None

    def _connect(self, already_read):
        network = self.tls.network
        network.sendall(already_read)
        for source, sink in ((self.sock, network), (network, self.sock)):
            source.settimeout(None)
            threading.Thread(target=move, args=(source, sink), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        for session in self._open:
            session.close()
        self.sock.close()


@contextlib.contextmanager
def beside(side, second, **options):
    """(what our side got, the second peer, what it got): a plain socket or an exception, and None or Refused."""
    near, far = tcp_pair()
    with second(far, **options) as peer, in_thread(side.start, near) as started:
        refused = None
        try:
            peer.handshake()
        except Refused as failed:
            refused = failed
        outcome = started.result(PATIENCE)
        try:
            yield outcome, peer, refused
        finally:
            if not isinstance(outcome, Exception):
                outcome.close()
