# SPDX-License-Identifier: Apache-2.0
"""The Python module against a real pool, both roles on it."""
import asyncio
import socket
import ssl

import pytest
from peers import client_context, heard_and_closed, in_thread, receive_all, server_context, tcp_pair
from pool import eventually


def both(library, name="p256.example", client=None, server=None):
    """A protected connection whose two ends are the pool's: (client, server)."""
    a, b = tcp_pair()
    with in_thread(lambda: library.wrap_server(b, name, **(server or {}))) as other:
        near = library.wrap_client(a, name, **(client or {}))
        return near, other.result()


def test_bytes_and_facts(library):
    near, far = both(library, client={"alpn": ["x", "h2"]}, server={"alpn": ["h2"]})
    with near, far:
        near.sendall(b"question")
        assert far.recv(100) == b"question"
        far.sendall(b"answer")
        assert near.recv(100) == b"answer"
        assert (near.session.role, far.session.role) == ("client", "server")
        assert near.session.remote_identity == far.session.local_identity == "p256.example"
        assert near.session.verified_by == "chain"
        assert "p256.example" in near.session.remote_names
        assert near.session.alpn == far.session.alpn == "h2"
        assert near.session.version == "tls13"
        assert near.session.cipher_suite == far.session.cipher_suite
        assert len(bytes.fromhex(near.session.id)) >= 16 and near.session.id != far.session.id


def test_exporters_of_both_ends_agree(library):
    near, far = both(library)
    with near, far:
        assert near.export_keying_material("EXPORTER-test", 40, b"c") == far.export_keying_material("EXPORTER-test", 40, b"c")
        assert near.channel_binding() == far.channel_binding()
        assert len(near.channel_binding()) == 32


def test_peer_certificates_are_der(library):
    near, far = both(library)
    with near, far:
        chain = near.peer_certificates()
        assert chain and far.peer_certificates() == []
        assert "BEGIN CERTIFICATE" in ssl.DER_cert_to_PEM_cert(chain[0])


def test_key_update_keeps_the_data_flowing(library):
    near, far = both(library)
    with near, far:
        near.update_keys(request_peer=True)
        near.sendall(b"after")
        assert far.recv(100) == b"after"
        far.sendall(b"back")
        assert near.recv(100) == b"back"


def test_orderly_end_and_state(library):
    near, far = both(library)
    with near, far:
        assert near.state().state == "open"
        near.sendall(b"12345")
        near.shutdown(socket.SHUT_WR)
        assert receive_all(far) == b"12345"
        far.sendall(b"still flows")
        far.close()
        assert receive_all(near) == b"still flows"
        state = eventually(lambda: near.state().state == "closeNotify" and near.state())
        assert (state.bytes_sent, state.bytes_received) == (5, 11)


def test_wrong_name_is_refused_by_check_and_certificate(library):
    a, b = tcp_pair()

    def serve():
        with pytest.raises(library.HandshakeFailed) as refused:
            library.wrap_server(b, "p256.example")
        return refused.value

    with in_thread(serve) as other:
        with pytest.raises(library.HandshakeFailed) as raised:
            library.wrap_client(a, "other.example")
        failed = raised.value
        assert failed.reason == "certificate"
        assert failed.check == "name"
        assert failed.alert_sent
        assert not failed.socket_usable
        assert a.fileno() >= 0
        assert other.result().reason == "alert"
    a.close()
    b.close()


def test_unknown_identity_leaves_the_socket_usable(library):
    a, b = tcp_pair()
    with pytest.raises(library.IdentityRefused) as raised:
        library.wrap_server(a, "nobody.example")
    assert raised.value.socket_usable
    a.sendall(b"220 ready")
    assert b.recv(100) == b"220 ready"
    a.close()
    b.close()


def test_deadline_is_kept(library):
    a, b = tcp_pair()
    with pytest.raises(library.HandshakeTimeout):
        library.wrap_client(a, "p256.example", deadline=0.3)
    a.close()
    b.close()


def test_pipe_is_no_socket_for_tls(library):
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with pytest.raises(library.BadDescriptor):
        library.wrap_client(a, "p256.example")
    a.close()
    b.close()


def test_foreign_session_id_is_unknown(library):
    near, far = both(library)
    with near, far:
        import dataclasses
        with pytest.raises(library.SessionUnknown):
            dataclasses.replace(near.session, id="00" * 16).state()


def test_against_pythons_own_ssl(library, pool, pki):
    a, b = tcp_pair()
    with in_thread(lambda: server_context(pki.leaf("web.example")).wrap_socket(b, server_side=True)) as other:
        with library.wrap_client(a, "web.example") as near, other.result() as far:
            far.sendall(b"from ssl")
            assert near.recv(100) == b"from ssl"
    a, b = tcp_pair()
    context = client_context(pool.ca)
    with in_thread(lambda: context.wrap_socket(a, server_hostname="rsa2048.example")) as other:
        with library.wrap_server(b) as far, other.result() as near:
            assert far.session.local_identity == "rsa2048.example"
            near.sendall(b"to the pool")
            assert far.recv(100) == b"to the pool"


def test_handed_over_plain_side_is_moved_by_the_pool(library):
    a, b = tcp_pair()
    inner, outer = socket.socketpair()
    with in_thread(lambda: library.hand_over(b, inner, "server", local_identity="p256.example")) as other:
        with library.wrap_client(a, "p256.example") as near, outer:
            assert other.result().role == "server"
            near.sendall(b"through")
            assert outer.recv(100) == b"through"


def test_asyncio(library):
    import tlspool.aio

    async def main():
        a, b = tcp_pair()
        near, far = await asyncio.gather(tlspool.aio.wrap_client(a, "p256.example"),
                                         tlspool.aio.wrap_server(b, "p256.example"))
        await heard_and_closed(near, far)
    asyncio.run(main())
