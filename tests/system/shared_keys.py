# SPDX-License-Identifier: Apache-2.0
"""Shared keys for tests: a site with a [[peer]], keys that both ends know, and openssl(1) as the other end."""
import base64
import hashlib
import hmac
import secrets
import socket
import struct

from control import Control
from pool import PATIENCE
from talk import Process, s_client

OWN, OTHER = "hsm.a.example", "hsm.b.example"
# A key whose number is even is for connections that the site with the smaller address, a.example, starts.
OUTGOING, INCOMING = 2, 1


def make_site(make_pool, peer="", start=True, name="a.example", own=OWN, other="b.example", store=OTHER, **more):
    """The pool a.example with a [[peer]] b.example; `peer`: more lines of it."""
    pool = make_pool(name=name, **more)
    pool.configure(f"""
[keystore]
address = "{own}"

[[peer]]
name = "{other}"
store = "{store}"
{peer}
""")
    return pool.start() if start else pool


def make_two_sites(make_pool, peer="", start=True):
    return (make_site(make_pool, peer, start),
            make_site(make_pool, peer, start, name="b.example", own=OTHER, other="a.example", store=OWN))


def give(pool, *numbers, peer="b.example"):
    """New keys under these numbers; a dictionary of them in hex."""
    keys = {n: secrets.token_hex(32) for n in numbers}
    put(pool, keys, peer)
    return keys


def put(pool, keys, peer="b.example"):
    pool.tlspool("qkd", "import", peer, stdin="".join(f"{n} {key}\n" for n, key in keys.items()))


def give_both(a, b, *numbers):
    keys = give(a, *numbers)
    put(b, keys, "a.example")
    return keys


def identity(number, store=OTHER):
    """The identity that the other site sends."""
    return f"pkcs:object={store};id={number}"


def own_identity(number):
    return identity(number, OWN)


def lasting(pool, name, key):
    """Puts in a lasting key, by the frames that docs/protocol.md shows."""
    with Control(pool.directory / "run" / "admin.sock") as control:
        answer = control.call("io.tlspool.Admin.OpenKeys")
        assert "error" not in answer, answer
        raw = bytes.fromhex(key)
        body = b"".join(len(part).to_bytes(4, "little") + part for part in (name.encode(), b"", raw)) + b"\0"
        psk_add, done = 200, 220
        with socket.socket(fileno=control.descriptors.pop()) as keys:
            keys.settimeout(PATIENCE)
            keys.sendall(struct.pack("<IHHQ", len(body), psk_add, 0, 1) + body)
            head = keys.recv(16, socket.MSG_WAITALL)
            assert struct.unpack("<IHHQ", head)[1] == done, keys.recv(4096)


# --- sessions in the form that openssl(1) reads ---

def _der(tag, content):
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x81, size])
    return bytes([tag]) + length + content


def session_file(path, version, suite, key, session_id=b"", extended_master_secret=False):
    """A TLS session as PEM: an external PSK of TLS 1.3, or a phantom session of TLS 1.2."""
    body = (_der(2, b"\1") + _der(2, version.to_bytes(2, "big")) + _der(4, suite.to_bytes(2, "big")) + _der(4, session_id) + _der(4, key) +
            _der(0xA1, _der(2, b"\x7f\0\0\0")) + _der(0xA2, _der(2, b"\x7f\0\0\0")))
    if extended_master_secret:
        body += _der(0xAD, _der(2, b"\1"))
    text = base64.encodebytes(_der(0x30, body)).decode()
    path.write_text(f"-----BEGIN SSL SESSION PARAMETERS-----\n{text}-----END SSL SESSION PARAMETERS-----\n")
    return path


def prf(secret, label, size, digest="sha256"):
    """The PRF of TLS 1.2, RFC 5246 section 5."""
    out, a = b"", label
    while len(out) < size:
        a = hmac.new(secret, a, digest).digest()
        out += hmac.new(secret, a + label, digest).digest()
    return out[:size]


def master_secret(secret, seed=b""):
    return prf(secret, b"shared secret" + seed, 48)


def session_id(secret, user):
    return hmac.new(secret, b"tlspool session id\0" + user.encode(), hashlib.sha256).digest()


# --- openssl(1) with a key ---

def psk_client(port, number_or_identity, key, *options, version="-tls1_2"):
    """openssl s_client with a PSK; in TLS 1.3 it is one for SHA-256."""
    name = identity(number_or_identity) if isinstance(number_or_identity, int) else number_or_identity
    return s_client(port, version, "-psk_identity", name, "-psk", key, *options)


def psk_server(number, key, *options):
    """openssl s_server that has no certificate, answers each line reversed, and knows our next key."""
    server = Process("openssl", "s_server", "-accept", "127.0.0.1:0", "-nocert", "-rev", "-psk_identity", own_identity(number),
                     "-psk", key, *options)
    server.port = int(server.wait_for(r"ACCEPT \S*:(\d+)\s").group(1))
    return server
