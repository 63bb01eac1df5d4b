# SPDX-License-Identifier: Apache-2.0
"""One server for peers with shared keys and for everybody else: certificates, tickets and resumption go on as before,
and whoever came with a key gets no ticket."""
import ssl

import pytest
import tlspool
from peers import client_context, connect
from shared_keys import give, make_site, psk_client, session_file, identity
from talk import OurServer, read_line, s_client

PEERS = {"1.3": "", "1.2": 'version = "1.2"'}


@pytest.mark.parametrize("version", PEERS)
@pytest.mark.parametrize("theirs", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_certificate_clients_are_served_and_resumed(make_pool, version, theirs):
    pool = make_site(make_pool, PEERS[version])
    context = client_context(pool.ca, theirs)
    session = None
    for resumed in (False, True):
        with OurServer(tlspool, pool=pool.directory) as server:
            with context.wrap_socket(connect(server.port), server_hostname="a.example", session=session) as client, server.plain() as plain:
                plain.sendall(b"hello\n")
                assert client.recv(100) == b"hello\n"
                session = client.session
                assert (plain.session.resumed, client.session_reused) == (resumed, resumed)
                assert plain.session.shared_key is None


@pytest.mark.parametrize("version", PEERS)
def test_shared_keys_get_no_ticket(make_pool, tmp_path, version):
    pool = make_site(make_pool, PEERS[version])
    key = give(pool, 1)[1]
    kept = tmp_path / "kept.pem"
    psk = session_file(tmp_path / "psk.pem", 0x0304, 0x1302, bytes.fromhex(key))
    with OurServer(tlspool, pool=pool.directory) as server:
        with (psk_client(server.port, 1, key, "-cipher", "DHE-PSK-AES256-GCM-SHA384") if version == "1.2" else
              s_client(server.port, "-tls1_3", "-psk_identity", identity(1), "-psk_session", psk, "-sess_out", kept)) as client:
            with server.plain() as plain:
                client.say("question\n")
                assert read_line(plain) == b"question\n"
                plain.sendall(b"answer\n")
                client.wait_for("answer")
            assert "TLS session ticket" not in client.text
            assert "New Session Ticket arrived" not in client.text
    assert not kept.exists()
