# SPDX-License-Identifier: Apache-2.0
"""Shared keys in the session cache against GnuTLS, which can be given a session's master secret; it wants one without
the extended master secret."""
import secrets
import socket

import tlspool
from gnutls_peer import CLIENT, SERVER, Gnutls
from peers import connect, in_thread
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
OPTIONS = b":%NO_SESSION_HASH:%NO_TICKETS"


def phantom_pool(make_pool):
    pool = make_site(make_pool, PEER)
    key = secrets.token_bytes(32)
    lasting(pool, "alice", key.hex())
    return pool, key


def gnutls(sock, role, key):
    peer = Gnutls(sock, role, OPTIONS)
    peer.seed(master_secret(key), session_id(key, "alice"))
    return peer


def test_our_server(make_pool):
    pool, key = phantom_pool(make_pool)
    with OurServer(tlspool, pool=pool.directory) as server:
        client = gnutls(connect(server.port), CLIENT, key)
        client.handshake()
        assert client.resumed()
        with server.plain() as plain:
            client.send(b"question\n")
            assert read_line(plain) == b"question\n"
            assert (plain.session.remote_identity, plain.session.resumed) == ("b.example", True)
        client.close()


def test_our_client(make_pool):
    pool, key = phantom_pool(make_pool)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            server = gnutls(listener.accept()[0], SERVER, key)
            server.handshake()
            assert server.resumed()
            server.send(server.receive()[::-1])
            server.close()

        with in_thread(serve):
            with our_client(tlspool, listener.getsockname()[1], "b.example", pool=pool.directory) as plain:
                plain.sendall(b"\ngnip")
                assert read_line(plain) == b"ping\n"
                assert plain.session.verified_by == "sharedKey"
