# SPDX-License-Identifier: Apache-2.0
"""`tlspool tunnel`: accepts, has the pool connect the two sides, and is out of the data's way."""
import contextlib
import os
import signal
import socket
import ssl
import threading

import pytest
from peers import client_context, connect, free_port, receive_all, server_context
from pool import PATIENCE, eventually
from tunnels import Echo, Tunnel


def ask(port, pool, name="p256.example", text=b"question", **options):
    with client_context(pool.ca, **options).wrap_socket(connect(port), server_hostname=name) as tls:
        tls.sendall(text)
        assert tls.recv(1000) == text
        return tls.version()


def test_tls_in(pool, keep):
    echo = keep(Echo())
    tunnel = keep(Tunnel(pool, "--side", "tls-in", "--as", "p256.example", "--connect", f"127.0.0.1:{echo.port}"))
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        assert ask(tunnel.port, pool, version=version)
    assert tunnel.close() == 0


def test_tls_in_serves_the_name_that_is_asked_for(pool, keep):
    echo = keep(Echo())
    tunnel = keep(Tunnel(pool, "--side", "tls-in", "--connect", f"127.0.0.1:{echo.port}"))
    for name in ("p256.example", "rsa2048.example", "ed25519.example"):
        assert ask(tunnel.port, pool, name)
    with pytest.raises(ssl.SSLError):
        ask(tunnel.port, pool, "nobody.example")
    assert "nobody.example" in tunnel.said("nobody.example")


def test_tls_in_with_a_client_certificate(pool, pki, keep):
    echo = keep(Echo())
    tunnel = keep(Tunnel(pool, "--side", "tls-in", "--as", "p256.example", "--expect", "joe@partners.example", "--connect",
                         f"127.0.0.1:{echo.port}"))
    joe = pki.leaf("joe@partners.example", usage="clientAuth")
    jim = pki.leaf("jim@partners.example", usage="clientAuth")
    assert ask(tunnel.port, pool, certificate=joe)
    for other in (jim, None):
        # In TLS 1.3 the client hears of it only after its own Finished.
        with pytest.raises((OSError, AssertionError)):
            ask(tunnel.port, pool, certificate=other)
    assert tunnel.said("joe@partners.example")


def test_tls_out(pool, pki, keep):
    server = keep(Echo(server_context(pki.leaf("far.example"))))
    tunnel = keep(Tunnel(pool, "--side", "tls-out", "--expect", "far.example", "--connect", f"127.0.0.1:{server.port}"))
    with connect(tunnel.port) as plain:
        plain.sendall(b"in clear on this side")
        assert plain.recv(1000) == b"in clear on this side"


def test_tls_out_proves_an_identity(pool, pki, keep):
    server = keep(Echo(server_context(pki.leaf("far.example"), client_ca=pool.ca)))
    tunnel = keep(Tunnel(pool, "--side", "tls-out", "--as", "joe@clients.example", "--expect", "far.example", "--connect",
                         f"127.0.0.1:{server.port}"))
    with connect(tunnel.port) as plain:
        plain.sendall(b"question")
        assert plain.recv(1000) == b"question"
    assert "joe@clients.example" in server.peers


def test_tls_out_expects_the_host_where_nothing_is_said(pool, pki, keep):
    """The certificate is for far.example and the target is an address: nothing flows in clear instead."""
    server = keep(Echo(server_context(pki.leaf("far.example"))))
    tunnel = keep(Tunnel(pool, "--side", "tls-out", "--connect", f"127.0.0.1:{server.port}"))
    with connect(tunnel.port) as plain:
        with contextlib.suppress(OSError):
            plain.sendall(b"secret")
            assert receive_all(plain) == b""
    assert "127.0.0.1" in tunnel.said("certificate")


def test_backend_down(pool, keep):
    port = free_port()
    tunnel = keep(Tunnel(pool, "--side", "tls-in", "--as", "p256.example", "--connect", f"127.0.0.1:{port}"))
    with pytest.raises(OSError):
        ask(tunnel.port, pool)
    assert f"127.0.0.1:{port}" in tunnel.said("connect")
    # It is asked anew for each connection.
    backend = socket.create_server(("127.0.0.1", port))
    def serve():
        connection, _ = backend.accept()
        with connection:
            connection.sendall(connection.recv(1000))
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ask(tunnel.port, pool)
    backend.close()
    thread.join(PATIENCE)


def test_a_peer_that_speaks_no_tls(pool, keep):
    echo = keep(Echo())
    tunnel = keep(Tunnel(pool, "--side", "tls-in", "--as", "p256.example", "--connect", f"127.0.0.1:{echo.port}"))
    with connect(tunnel.port) as plain:
        plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with contextlib.suppress(OSError):
            assert b"question" not in receive_all(plain)
    assert tunnel.said("TLS")
    assert ask(tunnel.port, pool)


@pytest.mark.parametrize("number", (signal.SIGKILL, signal.SIGTERM))
def test_sessions_outlive_the_tunnel(pool, keep, number):
    """It holds nothing of a session: not the socket, not a byte."""
    echo = keep(Echo())
    tunnel = keep(Tunnel(pool, "--side", "tls-in", "--as", "p256.example", "--connect", f"127.0.0.1:{echo.port}"))
    idle = len(os.listdir(f"/proc/{tunnel.process.pid}/fd"))
    with client_context(pool.ca).wrap_socket(connect(tunnel.port), server_hostname="p256.example") as tls:
        tls.sendall(b"before")
        assert tls.recv(100) == b"before"
        # Nothing but the idle connection to the pool is left of it there.
        eventually(lambda: len(os.listdir(f"/proc/{tunnel.process.pid}/fd")) <= idle + 1)
        tunnel.process.send_signal(number)
        tunnel.process.wait(PATIENCE)
        tls.sendall(b"after" * 10000)
        got = b""
        while len(got) < 50000:
            data = tls.recv(65536)
            assert data, "the session ended with the tunnel"
            got += data
        assert got == b"after" * 10000


def test_the_pool_goes_and_comes_back(make_pool, keep):
    pool = make_pool().start()
    echo = keep(Echo())
    tunnel = keep(Tunnel(pool, "--side", "tls-in", "--as", "pool.example", "--connect", f"127.0.0.1:{echo.port}"))
    assert ask(tunnel.port, pool, "pool.example")
    pool.stop()
    with pytest.raises(OSError):
        ask(tunnel.port, pool, "pool.example")
    assert "pool.sock" in tunnel.said("pool.sock")
    pool.start()
    assert ask(tunnel.port, pool, "pool.example")


def test_ipv6(pool, keep):
    if not os.path.exists("/proc/net/if_inet6") or "00000000000000000000000000000001" not in open("/proc/net/if_inet6", encoding="ascii").read():
        # A machine without IPv6 says so when it is asked to listen there.
        tunnel = keep(Tunnel(pool, "--side", "tls-in", "--connect", "127.0.0.1:9", listen="[::1]:0"))
        assert tunnel.process.wait(PATIENCE) == 1
        return
    echo = keep(Echo())
    tunnel = keep(Tunnel(pool, "--side", "tls-in", "--as", "p256.example", "--connect", f"127.0.0.1:{echo.port}", listen="[::1]:0"))
    with client_context(pool.ca).wrap_socket(connect(tunnel.port, "::1"), server_hostname="p256.example") as tls:
        tls.sendall(b"x")
        assert tls.recv(10) == b"x"


@pytest.mark.parametrize("words", (["--listen", "nowhere", "--connect", "127.0.0.1:1"], ["--listen", "127.0.0.1:0", "--connect", "127.0.0.1"],
                                   ["--listen", "192.0.2.1:1", "--connect", "127.0.0.1:1"]))
def test_addresses_that_can_not_be(pool, words):
    done = pool.tlspool("tunnel", "--side", "tls-in", *words, check=False)
    assert done.returncode in (1, 2) and done.stderr


def test_a_port_that_is_taken(pool):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = pool.tlspool("tunnel", "--side", "tls-in", "--listen", address, "--connect", "127.0.0.1:1", check=False)
    assert done.returncode == 1 and address in done.stderr
