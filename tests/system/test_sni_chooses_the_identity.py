# SPDX-License-Identifier: Apache-2.0
"""A server that names no identity serves the name that its client asks for."""
import pytest
from peers import in_thread, server_context, tcp_pair
from talk import KINDS, OPENSSL_VERSION, VERSIONS, OurServer, Raw, s_client


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", [f"{kind}.example" for kind in KINDS])
def test_name_asked_for_is_served(library, pool, version, name):
    with OurServer(library) as server:
        with s_client(server.port, OPENSSL_VERSION[version], "-brief", "-servername", name.upper(), "-CAfile", pool.ca) as client:
            with server.plain() as plain:
                assert plain.session.local_identity == name
            client.wait_for(f"Peer certificate: .*{name}")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["unknown.example", "example", "x.p256.example"])
def test_unknown_name_is_refused(library, pool, version, name):
    with OurServer(library) as server:
        with s_client(server.port, OPENSSL_VERSION[version], "-servername", name, "-CAfile", pool.ca) as client:
            failed = server.failure()
            client.wait_for("SSL alert number 112")
    assert isinstance(failed, library.HandshakeFailed)
    assert (failed.reason, failed.alert_sent) == ("policy", "unrecognized_name")
    assert name in str(failed) and "tlspool identity list" in str(failed)
    assert not failed.socket_usable


@pytest.mark.parametrize("version", VERSIONS)
def test_without_a_name_the_pools_own_is_served(library, pool, version):
    with OurServer(library) as server:
        with s_client(server.port, OPENSSL_VERSION[version], "-brief", "-noservername", "-CAfile", pool.ca) as client:
            with server.plain() as plain:
                assert plain.session.local_identity == "pool.example"
            client.wait_for("Peer certificate: .*pool.example")


def test_without_a_name_and_a_default_it_is_refused(make_pool, monkeypatch):
    import tlspool
    pool = make_pool()
    pool.config.write_text("".join(line for line in pool.config.read_text().splitlines(keepends=True)
                                   if not line.startswith("name = \"pool.example\"")))
    pool.start()
    monkeypatch.setenv("TLSPOOL_DIR", str(pool.directory))
    with OurServer(tlspool) as server:
        with s_client(server.port, "-noservername", "-CAfile", pool.ca) as client:
            assert server.failure().alert_sent == "unrecognized_name"
            client.wait_for("SSL alert number 112")


def test_identity_in_the_request_wins_over_the_name(library, pool):
    with OurServer(library, "p384.example") as server:
        with s_client(server.port, "-brief", "-servername", "p256.example", "-CAfile", pool.ca) as client:
            with server.plain() as plain:
                assert plain.session.local_identity == "p384.example"
            client.wait_for("Peer certificate: .*p384.example")


@pytest.mark.parametrize("options, sent", [({}, "web.example"), ({"server_name": "front.example"}, "front.example")])
def test_client_sends_the_name_it_expects_or_another_one(library, pki, options, sent):
    asked = []
    context = server_context(pki.leaf("web.example"))
    context.sni_callback = lambda _, name, __: asked.append(name)
    a, b = tcp_pair()
    with in_thread(lambda: Raw(b, context, server_side=True).handshake()), library.wrap_client(a, "web.example", **options) as plain:
        assert plain.session.remote_identity == "web.example"
    assert asked == [sent]
    b.close()


@pytest.mark.parametrize("name", ["127.0.0.1", "::1"])
def test_addresses_are_not_sent_as_names(library, pki, name):
    asked = []
    context = server_context(pki.leaf(name))
    context.sni_callback = lambda _, name, __: asked.append(name)
    a, b = tcp_pair()
    with in_thread(lambda: Raw(b, context, server_side=True).handshake()), library.wrap_client(a, name) as plain:
        assert plain.session.remote_identity == name
    assert asked == [None]
    b.close()
