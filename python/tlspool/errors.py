# SPDX-License-Identifier: Apache-2.0
"""What can go wrong. Every exception is an OSError; `str()` of it says what failed, on what, what to do."""

from __future__ import annotations

from typing import Any, Mapping


class TLSPoolError(OSError):
    """Any failure.

    socket_usable: nothing was read from or written to the given socket, so the program may go on with it.
    """

    socket_usable: bool = False

    def __init__(self, message: str, *, socket_usable: bool = False):
        super().__init__(message)
        self.socket_usable = socket_usable


class PoolUnavailable(TLSPoolError):
    """No pool answers, or it went away."""


class ProtocolError(TLSPoolError):
    """The pool's answer was not understood."""


class HandshakeFailed(TLSPoolError):
    """The handshake failed.

    reason: timeout, alert (the peer refused), certificate (its chain or name was refused), policy (a rule of
    the pool refused), token (the key could not sign), sharedKey (no shared key could be used), transport (the
    connection broke, or the peer speaks no TLS). check, certificate: which check refused, and the subject of the certificate at fault. alert_sent,
    alert_received: names of RFC 8446 section 6. All but reason may be None.
    """

    def __init__(self, message: str, *, reason: str, check: str | None = None, certificate: str | None = None,
                 alert_sent: str | None = None, alert_received: str | None = None, socket_usable: bool = False):
        super().__init__(message, socket_usable=socket_usable)
        self.reason = reason
        self.check = check
        self.certificate = certificate
        self.alert_sent = alert_sent
        self.alert_received = alert_received


class HandshakeTimeout(HandshakeFailed, TimeoutError):
    """The deadline passed."""


class IdentityRefused(TLSPoolError):
    """No such local identity, or not for this caller in this role."""


class BadDescriptor(TLSPoolError):
    """The socket can't carry TLS."""


class LimitReached(TLSPoolError):
    """A limit of the pool is reached; later may work."""


class PermissionRefused(TLSPoolError):
    """The pool's rules do not let this program do that."""


class InvalidParameter(TLSPoolError, ValueError):
    """An argument is wrong."""


class SessionUnknown(TLSPoolError):
    """This program started no such session, or the pool has forgotten it."""


class SessionUnfit(TLSPoolError):
    """The session has ended, or can't do this."""


_REFUSALS: dict[str, type[TLSPoolError]] = {
    "io.tlspool.Pool.IdentityRefused": IdentityRefused,
    "io.tlspool.Pool.BadDescriptor": BadDescriptor,
    "io.tlspool.Pool.LimitReached": LimitReached,
    "io.tlspool.Pool.SessionUnknown": SessionUnknown,
    "io.tlspool.Pool.SessionUnfit": SessionUnfit,
    "org.varlink.service.InvalidParameter": InvalidParameter,
    "org.varlink.service.PermissionDenied": PermissionRefused,
}


def from_answer(error: str, parameters: Mapping[str, Any]) -> TLSPoolError:
    """The exception for an error answer."""
    message = parameters.get("message") or f"the pool answered {error} {dict(parameters) or ''}".rstrip()
    if error == "io.tlspool.Pool.HandshakeFailed":
        reason = str(parameters.get("reason"))
        kind = HandshakeTimeout if reason == "timeout" else HandshakeFailed
        return kind(message, reason=reason, check=parameters.get("check"), certificate=parameters.get("certificate"),
                    alert_sent=parameters.get("alertSent"), alert_received=parameters.get("alertReceived"),
                    socket_usable=parameters.get("socketUsable") is True)
    if error in _REFUSALS:
        return _REFUSALS[error](message, socket_usable=True)
    return ProtocolError(message)
