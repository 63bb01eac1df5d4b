# SPDX-License-Identifier: Apache-2.0
"""Shared keys in the session cache against GnuTLS, which can be given a session's master secret; it wants one without
the extended master secret."""
import ctypes
import secrets
import socket

import tlspool
from peers import connect, in_thread
from pool import PATIENCE
from shared_keys import lasting, make_site, master_secret, session_id
from talk import OurServer, our_client, read_line

PEER = '''use = "session"
source = "psk"
user = "alice"
psk = "alice"
version = "1.2"
suite = "ECDHE-ECDSA-AES128-GCM-SHA256"
extended_master_secret = false
'''
SERVER, CLIENT = 1, 2
CERTIFICATE = 1  # GNUTLS_CRD_CERTIFICATE
LIBRARY = ctypes.CDLL("libgnutls.so.30")


class Datum(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char_p), ("size", ctypes.c_uint)]


class Gnutls:
    """A GnuTLS session on a connected socket, seeded with a phantom session."""

    def __init__(self, sock, role, key):
        self.sock = sock
        self.sock.settimeout(None)  # GnuTLS waits in the kernel
        self.session, self.credentials = ctypes.c_void_p(), ctypes.c_void_p()
        self._check(LIBRARY.gnutls_init(ctypes.byref(self.session), role))
        self._check(LIBRARY.gnutls_priority_set_direct(self.session, b"NORMAL:-VERS-ALL:+VERS-TLS1.2:%NO_SESSION_HASH:%NO_TICKETS", None))
        self._check(LIBRARY.gnutls_certificate_allocate_credentials(ctypes.byref(self.credentials)))
        self._check(LIBRARY.gnutls_credentials_set(self.session, CERTIFICATE, self.credentials))
        LIBRARY.gnutls_handshake_set_timeout(self.session, int(PATIENCE * 1000))
        LIBRARY.gnutls_transport_set_int2(self.session, sock.fileno(), sock.fileno())
        master, number = master_secret(key), session_id(key, "alice")
        self._check(LIBRARY.gnutls_session_set_premaster(
            self.session, role, LIBRARY.gnutls_protocol_get_id(b"TLS1.2"), LIBRARY.gnutls_kx_get_id(b"ECDHE-ECDSA"),
            LIBRARY.gnutls_cipher_get_id(b"AES-128-GCM"), LIBRARY.gnutls_mac_get_id(b"AEAD"), 1,
            ctypes.byref(Datum(master, len(master))), ctypes.byref(Datum(number, len(number)))))

    @staticmethod
    def _check(result):
        LIBRARY.gnutls_strerror.restype = ctypes.c_char_p
        assert result >= 0, LIBRARY.gnutls_strerror(result).decode()

    def handshake(self):
        self._check(LIBRARY.gnutls_handshake(self.session))
        assert LIBRARY.gnutls_session_is_resumed(self.session)

    def send(self, data):
        LIBRARY.gnutls_record_send.restype = ctypes.c_ssize_t
        assert LIBRARY.gnutls_record_send(self.session, data, ctypes.c_size_t(len(data))) == len(data)

    def receive(self):
        LIBRARY.gnutls_record_recv.restype = ctypes.c_ssize_t
        room = ctypes.create_string_buffer(4096)
        size = LIBRARY.gnutls_record_recv(self.session, room, ctypes.c_size_t(len(room)))
        self._check(size)
        return room.raw[:size]

    def close(self):
        LIBRARY.gnutls_deinit(self.session)
        LIBRARY.gnutls_certificate_free_credentials(self.credentials)
        self.sock.close()


def phantom_pool(make_pool):
    pool = make_site(make_pool, PEER)
    key = secrets.token_bytes(32)
    lasting(pool, "alice", key.hex())
    return pool, key


def test_our_server(make_pool):
    pool, key = phantom_pool(make_pool)
    with OurServer(tlspool, pool=pool.directory) as server:
        client = Gnutls(connect(server.port), CLIENT, key)
        client.handshake()
        with server.plain() as plain:
            client.send(b"question\n")
            assert read_line(plain) == b"question\n"
            assert (plain.session.remote_identity, plain.session.resumed) == ("b.example", True)
        client.close()


def test_our_client(make_pool):
    pool, key = phantom_pool(make_pool)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            server = Gnutls(listener.accept()[0], SERVER, key)
            server.handshake()
            server.send(server.receive()[::-1])
            server.close()

        with in_thread(serve):
            with our_client(tlspool, listener.getsockname()[1], "b.example", pool=pool.directory) as plain:
                plain.sendall(b"\ngnip")
                assert read_line(plain) == b"ping\n"
                assert plain.session.verified_by == "sharedKey"
