# SPDX-License-Identifier: Apache-2.0
"""What tests of DANE share: TLSA records computed by openssl(1) and hashlib, a TLS server that shows one chain on IPv4 and IPv6,
and the [dns] table that leads a pool to a tree of zones of its own."""
import hashlib
import socket
import ssl
import threading

from peers import PATIENCE
from pki import openssl

DIGESTS = (lambda data: data.hex(), lambda data: hashlib.sha256(data).hexdigest(), lambda data: hashlib.sha512(data).hexdigest())


def selected(cert, selector):
    if selector == 0:
        return openssl("x509", "-in", cert, "-outform", "DER")
    return openssl("pkey", "-pubin", "-outform", "DER", stdin=openssl("x509", "-in", cert, "-noout", "-pubkey"))


def tlsa(cert, usage=3, selector=1, matching=1):
    """The data of a record of a zone file, about the certificate in a file."""
    return f"TLSA {usage} {selector} {matching} {DIGESTS[matching](selected(cert, selector))}"


def dns_table(tree, *lines):
    return "\n".join(["[dns]", f'forwarders = ["{tree.address}"]', f'root_anchor = "{tree.anchor}"', *lines])


def context_of(chain, key, side=ssl.PROTOCOL_TLS_SERVER):
    context = ssl.SSLContext(side)
    context.load_cert_chain(chain, key)
    return context


class BothFamilies:
    """A TLS server for any number of clients, on 127.0.0.1 and ::1 at one port, that greets each with `hello`."""

    def __init__(self, chain, key):
        self._context = context_of(chain, key)
        self._listeners = self._listen()
        self.port = self._listeners[0].getsockname()[1]
        for listener in self._listeners:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    @staticmethod
    def _listen():
        while True:
            first = socket.create_server(("127.0.0.1", 0))
            try:
                return [first, socket.create_server(("::1", first.getsockname()[1]), family=socket.AF_INET6)]
            except OSError:
                first.close()

    def _accept(self, listener):
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted):
        accepted.settimeout(PATIENCE)
        try:
            with self._context.wrap_socket(accepted, server_side=True) as session:
                session.sendall(b"hello")
                session.recv(1)
        except OSError:
            accepted.close()  # the pool refused: what this is about

    def close(self):
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


def verdict(library, connect):
    """How the peer was verified, or which check refused it, with a "!", and the text."""
    try:
        plain = connect()
    except library.HandshakeFailed as failed:
        return f"{failed.check}!", str(failed)
    with plain:
        return plain.session.verified_by, ""
