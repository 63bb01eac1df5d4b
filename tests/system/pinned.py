# SPDX-License-Identifier: Apache-2.0
"""What pins and revocations are about: digests and numbers of certificates, and open sessions with foreign peers."""
import contextlib
import hashlib
import json
import ssl

from peers import client_context, in_thread, server_context, tcp_pair
from pki import openssl
from pool import eventually
from talk import PYTHON_VERSION, Raw, our_client, read_exactly, refusal, s_server


def spki(party):
    """SHA-256 of the SubjectPublicKeyInfo, hex."""
    key = openssl("x509", "-in", party.cert, "-noout", "-pubkey")
    return hashlib.sha256(openssl("pkey", "-pubin", "-outform", "DER", stdin=key)).hexdigest()


def fingerprint(party):
    return hashlib.sha256(openssl("x509", "-in", party.cert, "-outform", "DER")).hexdigest()


def serial(party):
    return openssl("x509", "-in", party.cert, "-noout", "-serial").decode().strip().split("=")[1]


def issuer(party):
    return openssl("x509", "-in", party.cert, "-noout", "-issuer", "-nameopt", "RFC2253").decode().strip().split("=", 1)[1]


def listed(pool):
    return json.loads(pool.tlspool("pin-peer", "list", "--json").stdout)


def verified(lib, party, name, service):
    """verified_by of our client's session with a server of this certificate; None: it was refused."""
    with s_server(party) as server:
        try:
            with our_client(lib, server.port, name, service=service) as session:
                return session.session.verified_by
        except lib.HandshakeFailed:
            return None


def refused(lib, party, name, service):
    """The failure of such a client."""
    with s_server(party) as server:
        return refusal(lib, server.port, name, service=service)


class Open:
    """An open session between the pool and a foreign peer. `party` is the peer's certificate."""

    def __init__(self, lib, party, ours, peer):
        self.party, self.ours, self.peer = party, ours, peer
        self._lib = lib

    @classmethod
    def with_server(cls, lib, party, name, version="tls13", **options):
        a, b = tcp_pair()
        peer = Raw(b, server_context(party, PYTHON_VERSION[version]), server_side=True)
        with in_thread(peer.handshake):
            return cls(lib, party, lib.wrap_client(a, name, **options), peer)

    @classmethod
    def with_client(cls, lib, ca, party, local, version="tls13", context=None, session=None, **options):
        a, b = tcp_pair()
        context = context or client_context(ca, PYTHON_VERSION[version], party)
        peer = Raw(b, context, name=local, session=session)
        options = {"remote_proof": "required", **options} if party else options

        def serve():
            try:
                return lib.wrap_server(a, local, **options)
            except lib.HandshakeFailed as failed:
                a.close()
                return failed

        with in_thread(serve) as other:
            with contextlib.suppress(ssl.SSLError, OSError):
                peer.handshake()
                peer.read_tickets()
            ours = other.result()
        if isinstance(ours, Exception):
            peer.close()
            raise ours
        return cls(lib, party, ours, peer)

    def works(self):
        """Bytes flow both ways."""
        self.peer.send(b"to us")
        assert read_exactly(self.ours, 5) == b"to us"
        self.ours.sendall(b"to them")
        got = b""
        while len(got) < 7:
            got += self.peer.read()
        assert got == b"to them"
        assert self.ours.state().state == "open"
        return True

    def ended(self):
        """It was ended from outside; what the program is told of it. The peer gets an end in order."""
        state = eventually(lambda: (s := self.ours.state()).state != "open" and s)
        assert state.state == "error", state
        assert self.peer.read_all() == b""
        assert self.ours.recv(1) == b""
        return state.detail

    def close(self):
        self.ours.close()
        self.peer.close()
