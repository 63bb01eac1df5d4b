# SPDX-License-Identifier: Apache-2.0
"""Starting TLS."""

from __future__ import annotations

import os
import socket
import ssl
from typing import Any, Sequence

from .errors import BadDescriptor, HandshakeTimeout, InvalidParameter, ProtocolError
from .paths import pool_socket
from .session import Session, SessionState
from .wire import Exchange

DEFAULT_DEADLINE = 30.0
#: The pool ends a handshake by its deadline; longer silence means that the pool itself hangs.
GRACE = 5.0


class TLSPoolSocket(socket.socket):
    """The plain side of a protected connection, with `session`: what was proved and agreed on. End of file
    is the end of the peer's data; state() tells whether it was an orderly one."""

    session: Session

    def state(self) -> SessionState:
        """See Session.state; works after close() too."""
        return self.session.state()

    def export_keying_material(self, label: str, length: int, context: bytes | None = None) -> bytes:
        """See Session.export_keying_material."""
        return self.session.export_keying_material(label, length, context)

    def channel_binding(self) -> bytes:
        """See Session.channel_binding."""
        return self.session.channel_binding()

    def peer_certificates(self) -> list[bytes]:
        """See Session.peer_certificates."""
        return self.session.peer_certificates()

    def update_keys(self, *, request_peer: bool = False) -> None:
        """See Session.update_keys."""
        self.session.update_keys(request_peer=request_peer)


class Start:
    """One start under way, for both the waiting and the asyncio form."""

    def __init__(self, sock: socket.socket, role: str, *, plaintext: socket.socket | None = None,
                 local_identity: str | None = None, remote_identity: str | None = None,
                 remote_proof: str | None = None, server_name: str | None = None,
                 alpn: Sequence[str] | None = None, service: str | None = None,
                 minimum_version: str | None = None, deadline: float | None = None, require_shared_key: bool = False,
                 remote_role: str | None = None, hello_delay: float | None = None, fresh: bool = False,
                 pool: str | os.PathLike[str] | None = None):
        for given in (sock, plaintext):
            if isinstance(given, ssl.SSLSocket):
                raise TypeError("the socket speaks TLS already; give the one below it")
            if given is not None and given.fileno() < 0:
                raise BadDescriptor("the given socket is closed")
        if isinstance(alpn, str):
            raise TypeError("alpn is a list of protocols")
        if role == remote_role != "peer":
            raise InvalidParameter(f"remote_role: both sides would be TLS {role}s, and it takes one of each", socket_usable=True)
        self.deadline = deadline or sock.gettimeout() or DEFAULT_DEADLINE
        parameters: dict[str, Any] = {"fileDescriptor": 0, "role": role,
                                      "deadlineMs": min(600_000, max(1, round(self.deadline * 1000)))}
        optional = {"localIdentity": local_identity, "remoteIdentity": remote_identity, "remoteProof": remote_proof,
                    "sendServerName": server_name, "alpn": None if alpn is None else list(alpn), "service": service,
                    "minimumVersion": minimum_version, "requireSharedKey": True if require_shared_key else None,
                    "remoteRole": remote_role, "fresh": True if fresh else None, "helloDelayMs": None if hello_delay is None else round(hello_delay * 1000)}
        parameters |= {name: value for name, value in optional.items() if value is not None}
        descriptors = [sock.fileno()]
        if plaintext is not None:
            parameters["plaintextFileDescriptor"] = 1
            descriptors.append(plaintext.fileno())
        self._sock = sock
        self._plaintext = plaintext
        self.exchange = Exchange(pool_socket(pool), "io.tlspool.Pool.StartTLS", parameters, descriptors)

    def late(self) -> HandshakeTimeout:
        return HandshakeTimeout(f"the pool on {self.exchange.path} did not answer in time; see its log",
                                reason="timeout", socket_usable=self.exchange.wants_write)

    def _close_given(self) -> None:
        for given in (self._sock, self._plaintext):
            if given is not None:
                os.close(given.detach())

    def handed_over(self) -> Session:
        """After the exchange, where a plaintext side was given."""
        answer, received = self.exchange.answer()
        for descriptor in received:
            os.close(descriptor)
        session = Session.from_answer(self.exchange.path, answer.get("session"))
        self._close_given()
        return session

    def plain_socket(self) -> TLSPoolSocket:
        """After the exchange, where the pool made the plaintext side."""
        timeout = self._sock.gettimeout()
        answer, received = self.exchange.answer()
        try:
            session = Session.from_answer(self.exchange.path, answer.get("session"))
            index = answer.get("plaintextFileDescriptor")
            if not isinstance(index, int) or not 0 <= index < len(received):
                raise ProtocolError("answer of the pool: no plaintext descriptor came with it")
            try:
                plain = TLSPoolSocket(fileno=received[index])
            except OSError as unfit:
                raise ProtocolError(f"answer of the pool: its descriptor is no socket: {unfit}") from unfit
            del received[index]
        finally:
            for descriptor in received:
                os.close(descriptor)
        plain.session = session
        plain.settimeout(timeout)
        self._close_given()
        return plain


def _wait(start: Start) -> None:
    if not start.exchange.run(start.deadline + GRACE):
        raise start.late()


def wrap_client(sock: socket.socket, remote_identity: str | None, **options: Any) -> TLSPoolSocket:
    """Starts TLS as a client on a connected stream socket and waits until the handshake has ended.

    remote_identity: host name, IP address or user@domain that the peer must prove; None needs
    remote_proof="optional" or "none".

    Options, all keywords: pool (directory; see tlspool.paths), local_identity (of the pool; default: none is
    proved), remote_proof ("required", "optional", "none"), server_name (SNI; default remote_identity),
    alpn (most wanted first), service (a name for policy and logs), minimum_version ("tls12", "tls13"),
    deadline (seconds for the handshake; default the socket's timeout, else 30), require_shared_key (True: nothing
    but a key that both sides share may protect the connection), remote_role ("peer": the other side may be client or
    server), fresh (True: no verdict that was remembered, and no session to resume, will do).

    The returned socket has the timeout of the given one, also when that is non-blocking; the handshake is
    waited for all the same. Raises TLSPoolError.
    """
    start = Start(sock, "client", remote_identity=remote_identity, **options)
    with start.exchange:
        _wait(start)
        return start.plain_socket()


def wrap_server(sock: socket.socket, local_identity: str | None = None, **options: Any) -> TLSPoolSocket:
    """Starts TLS as a server. local_identity: whose certificate to show; None: the one that the peer asks for
    by SNI, else the pool's own. Options as for wrap_client, and remote_identity; remote_proof is "none" by
    default, and "required" where remote_identity is given."""
    start = Start(sock, "server", local_identity=local_identity, **options)
    with start.exchange:
        _wait(start)
        return start.plain_socket()


def wrap_peer(sock: socket.socket, local_identity: str | None, remote_identity: str | None,
              **options: Any) -> TLSPoolSocket:
    """Starts TLS as a peer, for protocols in which neither side is the server: the handshake finds out which of the
    two is client and which is server, and session.role says it. Both sides call this.

    local_identity: who this side is; None: it proves nothing, and so can be client only. remote_identity: whom the
    other side must prove to be, whatever it becomes; None needs remote_proof="optional" or "none".

    Options as for wrap_client, and: remote_role ("client" or "server" where the other side is a program that knows
    nothing of peers; default "peer"), hello_delay (seconds to wait for the other side's hello before ours is sent;
    default as the pool's configuration says; a TLS client that knows nothing of peers must speak first).
    """
    start = Start(sock, "peer", local_identity=local_identity, remote_identity=remote_identity, **options)
    with start.exchange:
        _wait(start)
        return start.plain_socket()


def hand_over(sock: socket.socket, plaintext: socket.socket, role: str, **options: Any) -> Session:
    """Starts TLS on `sock` and has the pool itself move the plain bytes to and from `plaintext`; both are
    closed here on success. role: "client", "server" or "peer"; options as for wrap_client and wrap_peer, and both
    identities."""
    start = Start(sock, role, plaintext=plaintext, **options)
    with start.exchange:
        _wait(start)
        return start.handed_over()
