# SPDX-License-Identifier: Apache-2.0
"""Two unmodified programs that are equals, connected peer-to-peer: a tunnel that takes the plain connection and one
that takes the protected one."""
from peer_sites import Side, Waiting, connected
from peers import connect
from pool import eventually
from talk import read_line
from tunnels import Echo, Tunnel


def peer(own, other):
    return ["--role", "peer", "--as", own, "--expect", other]


def roles(pool):
    """What the pool's log says that its sessions were."""
    return [event["role"] for event in pool.events("session.started", service="tunnel")]


def ask(port, text=b"question"):
    with connect(port) as plain:
        plain.sendall(text)
        assert plain.recv(1000) == text


def test_plain_programs_on_both_ends(sites, keep):
    a, b = sites
    echo = keep(Echo())
    near_end = keep(Tunnel(b, "--side", "tls-in", "--connect", f"127.0.0.1:{echo.port}", *peer("b.example", "a.example")))
    far_end = keep(Tunnel(a, "--side", "tls-out", "--connect", f"127.0.0.1:{near_end.port}", *peer("a.example", "b.example")))
    before = len(roles(a)), len(roles(b))
    for _ in range(8):
        ask(far_end.port)
    eventually(lambda: len(roles(a)) == before[0] + 8 and len(roles(b)) == before[1] + 8)
    for one, other in zip(roles(a)[before[0]:], roles(b)[before[1]:]):
        assert {one, other} == {"client", "server"}
    assert (near_end.close(), far_end.close()) == (0, 0)


def test_a_tunnel_and_a_program(sites, keep):
    a, b = sites
    echo = keep(Echo())
    tunnel = keep(Tunnel(b, "--side", "tls-in", "--connect", f"127.0.0.1:{echo.port}", *peer("b.example", "a.example")))
    with connected(Side(a, b), tunnel.port) as plain:
        plain.sendall(b"question\n")
        assert read_line(plain) == b"question\n"


def test_one_that_waits_with_its_hello_is_not_kept_waiting_by_the_listener(sites, keep):
    """Nobody sends a byte until the tunnel's pool does."""
    a, b = sites
    echo = keep(Echo())
    tunnel = keep(Tunnel(b, "--side", "tls-in", "--connect", f"127.0.0.1:{echo.port}", *peer("b.example", "a.example")))
    with connected(Side(a, b, hello_delay=600), tunnel.port) as plain:
        assert plain.session.role == "server"


def test_the_connecting_tunnel_may_be_the_server(sites, keep):
    """A program behind it is reached although it connects outwards itself."""
    a, b = sites
    with Waiting(Side(b, a, role="client")) as ours:
        tunnel = keep(Tunnel(a, "--side", "tls-out", "--role", "server", "--as", "a.example", "--connect", f"127.0.0.1:{ours.port}"))
        with connect(tunnel.port) as inside, ours.plain() as plain:
            inside.sendall(b"question\n")
            assert read_line(plain) == b"question\n"


def test_roles_that_contradict_each_other_end_it_at_once(sites):
    done = sites[0].tlspool("tunnel", "--side", "tls-in", "--listen", "127.0.0.1:0", "--connect", "127.0.0.1:9", "--remote-role", "server",
                            check=False)
    assert done.returncode == 1 and "both sides would be TLS servers" in done.stderr and "listening" not in done.stderr
    done = sites[0].tlspool("tunnel", "--side", "tls-in", "--listen", "127.0.0.1:0", "--connect", "127.0.0.1:9", "--role", "peer", check=False)
    assert done.returncode == 1 and "--expect" in done.stderr
