# SPDX-License-Identifier: Apache-2.0
"""What a handshake proved and agreed on, and the questions that a pool answers about it."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

from . import wire
from .errors import ProtocolError


@dataclass(frozen=True)
class SessionState:
    """How a session stands or ended. state: open, closeNotify (the peer ended it in order), truncated (its
    stream ended without close_notify: data may be missing), reset, local (this program closed first), error."""

    state: str
    detail: str | None
    bytes_sent: int
    bytes_received: int


@dataclass(frozen=True)
class SharedKey:
    """The key that both sides share. store: address of the peer's key store, or the name of a lasting key; keys_left:
    how many remain for connections in this direction, None for a lasting key."""

    store: str
    key_id: str
    forward_secrecy: bool  #: a Diffie-Hellman exchange was made beside it
    keys_left: int | None

    @classmethod
    def from_answer(cls, k: Any) -> "SharedKey | None":
        return k and cls(store=k["store"], key_id=k["keyId"], forward_secrecy=k["forwardSecrecy"], keys_left=k.get("keysLeft"))


@dataclass(frozen=True)
class Attributes:
    """What the administrator's rules and hooks tell about the peer. alias: what this machine calls it; groups: to which
    it belongs; values: whatever else, by name."""

    alias: str | None = None
    groups: tuple[str, ...] = ()
    values: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_answer(cls, a: Any) -> "Attributes":
        return cls(alias=a.get("alias"), groups=tuple(a["groups"]), values=dict(a["values"])) if a else cls()


@dataclass(frozen=True)
class Session:
    """Facts of one session; words and names are those of io.tlspool.Pool.varlink and of IANA."""

    id: str
    role: str  #: what this side was: "client" or "server"
    local_identity: str | None
    remote_identity: str | None  #: the name that the peer proved; authorize by this one
    remote_names: tuple[str, ...]
    verified_by: str
    version: str
    cipher_suite: str
    group: str | None
    signature_algorithm: str | None
    alpn: str | None
    resumed: bool
    _path: str = field(repr=False, compare=False)
    shared_key: SharedKey | None = None  #: that protects the connection
    attributes: Attributes = field(default_factory=Attributes)
    not_shown: str | None = None  #: why the peer was not shown an identity that it asked for

    @classmethod
    def from_answer(cls, path: str, s: Any) -> "Session":
        try:
            return cls(id=s["id"], role=s["role"], local_identity=s.get("localIdentity"),
                       remote_identity=s.get("remoteIdentity"), remote_names=tuple(s["remoteNames"]),
                       verified_by=s["verifiedBy"], version=s["version"], cipher_suite=s["cipherSuite"],
                       group=s.get("group"), signature_algorithm=s.get("signatureAlgorithm"), alpn=s.get("alpn"),
                       resumed=s["resumed"], shared_key=SharedKey.from_answer(s.get("sharedKey")),
                       attributes=Attributes.from_answer(s.get("attributes")), not_shown=s.get("notShown"), _path=path)
        except (KeyError, TypeError, AttributeError) as missing:
            raise ProtocolError(f"answer of the pool: facts of the session are missing: {missing}") from missing

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        return wire.call(self._path, f"io.tlspool.Pool.{method}", {"session": self.id, **parameters})

    def state(self) -> SessionState:
        """How it stands; the pool remembers ends for 10 minutes."""
        s = self._ask("GetSession").get("state")
        try:
            return SessionState(s["state"], s.get("detail"), s["bytesSent"], s["bytesReceived"])
        except (KeyError, TypeError) as missing:
            raise ProtocolError(f"answer of the pool: {missing}") from missing

    def export_keying_material(self, label: str, length: int, context: bytes | None = None) -> bytes:
        """RFC 5705 and RFC 8446 section 7.5; None and b"" as context differ in TLS 1.2."""
        given = None if context is None else base64.b64encode(context).decode("ascii")
        return _bytes(self._ask("ExportKeyingMaterial", label=label, context=given, length=length), "keyingMaterial")

    def channel_binding(self) -> bytes:
        """tls-exporter of RFC 9266, 32 bytes."""
        return _bytes(self._ask("ChannelBinding"), "tlsExporter")

    def peer_certificates(self) -> list[bytes]:
        """As the peer sent them, in DER, its own first; empty where it sent none."""
        return [_decoded(c) for c in self._ask("PeerCertificates").get("certificates") or []]

    def update_keys(self, *, request_peer: bool = False) -> None:
        """New traffic keys for what this side sends (TLS 1.3), and for the peer's side where request_peer."""
        self._ask("UpdateKeys", requestPeer=request_peer)


def _decoded(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as malformed:
        raise ProtocolError(f"answer of the pool: {malformed}") from malformed


def _bytes(answer: dict[str, Any], name: str) -> bytes:
    return _decoded(answer.get(name))
