# SPDX-License-Identifier: Apache-2.0
"""TLS without keys in the program.

A program gives the machine's TLS pool its connected socket and gets a plain one back, together with the
proved identity of its peer:

    import socket, tlspool
    sock = socket.create_connection(("www.example.org", 443))
    plain = tlspool.wrap_client(sock, "www.example.org")
    print(plain.session.remote_identity, plain.session.cipher_suite)
    plain.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")

When a start succeeds, the given socket is closed (the pool owns the connection). When it fails, it is as it
was, and the exception's `socket_usable` says whether the protocol on it can go on. There is no fallback to
plain text. `wrap_peer` is for protocols in which neither side is the server. `tlspool.aio` has the same for
asyncio. Pure Python over the control socket (docs/protocol.md).
"""

from .errors import (BadDescriptor, HandshakeFailed, HandshakeTimeout, IdentityRefused, InvalidParameter,
                     LimitReached, PermissionRefused, PoolUnavailable, ProtocolError, SessionUnfit,
                     SessionUnknown, TLSPoolError)
from .session import Attributes, Session, SessionState, SharedKey
from .start import TLSPoolSocket, hand_over, wrap_client, wrap_peer, wrap_server

__version__ = "0.1.0"
__all__ = [
    "wrap_client", "wrap_server", "wrap_peer", "hand_over", "TLSPoolSocket", "Session", "SessionState", "SharedKey", "Attributes",
    "TLSPoolError", "PoolUnavailable", "HandshakeFailed", "HandshakeTimeout", "IdentityRefused",
    "BadDescriptor", "LimitReached", "SessionUnknown", "SessionUnfit", "InvalidParameter",
    "PermissionRefused", "ProtocolError",
]
