# SPDX-License-Identifier: Apache-2.0
"""GnuTLS by its library, for what its commands can't do: phantom sessions, and PSK identities of any bytes."""
import ctypes

from pool import PATIENCE

SERVER, CLIENT = 1, 2
CERTIFICATE, PSK = 1, 4  # GNUTLS_CRD_...
TLS12 = b"NORMAL:-VERS-ALL:+VERS-TLS1.2"
LIBRARY = ctypes.CDLL("libgnutls.so.30")


class Datum(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char_p), ("size", ctypes.c_uint)]


class Gnutls:
    """A GnuTLS session of TLS 1.2 on a connected socket."""

    def __init__(self, sock, role, options):
        self.sock = sock
        self.sock.settimeout(None)  # GnuTLS waits in the kernel
        self.session, self.credentials = ctypes.c_void_p(), ctypes.c_void_p()
        self._check(LIBRARY.gnutls_init(ctypes.byref(self.session), role))
        self._check(LIBRARY.gnutls_priority_set_direct(self.session, TLS12 + options, None))
        LIBRARY.gnutls_handshake_set_timeout(self.session, int(PATIENCE * 1000))
        LIBRARY.gnutls_transport_set_int2(self.session, sock.fileno(), sock.fileno())
        self.role = role

    def seed(self, master_secret, session_id):
        """Makes it resume a phantom session."""
        self._check(LIBRARY.gnutls_certificate_allocate_credentials(ctypes.byref(self.credentials)))
        self._check(LIBRARY.gnutls_credentials_set(self.session, CERTIFICATE, self.credentials))
        self._check(LIBRARY.gnutls_session_set_premaster(
            self.session, self.role, LIBRARY.gnutls_protocol_get_id(b"TLS1.2"), LIBRARY.gnutls_kx_get_id(b"ECDHE-ECDSA"),
            LIBRARY.gnutls_cipher_get_id(b"AES-128-GCM"), LIBRARY.gnutls_mac_get_id(b"AEAD"), 1,
            ctypes.byref(Datum(master_secret, len(master_secret))), ctypes.byref(Datum(session_id, len(session_id)))))
        self._free = LIBRARY.gnutls_certificate_free_credentials

    def use_psk(self, identity, key):
        self._check(LIBRARY.gnutls_psk_allocate_client_credentials(ctypes.byref(self.credentials)))
        self._check(LIBRARY.gnutls_psk_set_client_credentials2(self.credentials, ctypes.byref(Datum(identity, len(identity))),
                                                               ctypes.byref(Datum(key, len(key))), 0))
        self._check(LIBRARY.gnutls_credentials_set(self.session, PSK, self.credentials))
        self._free = LIBRARY.gnutls_psk_free_client_credentials

    @staticmethod
    def _check(result):
        LIBRARY.gnutls_strerror.restype = ctypes.c_char_p
        assert result >= 0, LIBRARY.gnutls_strerror(result).decode()

    def handshake(self):
        self._check(LIBRARY.gnutls_handshake(self.session))

    def resumed(self):
        return LIBRARY.gnutls_session_is_resumed(self.session) != 0

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
        self._free(self.credentials)
        self.sock.close()
