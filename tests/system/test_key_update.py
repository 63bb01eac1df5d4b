# SPDX-License-Identifier: Apache-2.0
"""Key updates of TLS 1.3: ours are seen by the peer, the peer's by us, and data flows on under the new keys."""
import pytest
from talk import OurServer, our_client, read_line, s_client, s_server

HEARD = r"<<< TLS 1.3[^\n]*KeyUpdate\s+18 00 00 01 0(\d)"
TOLD = r">>> TLS 1.3[^\n]*KeyUpdate\s+18 00 00 01 0(\d)"


def ping(plain, talker):
    talker.say("ping\n")
    assert read_line(plain) == b"ping\n"


@pytest.fixture(params=["client", "server"])
def both(request, library, pool, pki):
    """(our plain socket in this role, openssl(1) in the other one, interactive and with its messages told)."""
    if request.param == "client":
        with s_server(pki.leaf("web.example"), "-tls1_3", "-msg", mode=None) as server:
            with our_client(library, server.port, "web.example") as plain:
                yield plain, server
    else:
        with OurServer(library, "p256.example") as server:
            with s_client(server.port, "-tls1_3", "-msg", "-CAfile", pool.ca) as client, server.plain() as plain:
                yield plain, client


@pytest.mark.parametrize("request_peer", [False, True])
def test_ours_is_seen_by_the_peer(both, request_peer):
    plain, peer = both
    plain.sendall(b"under the old keys\n")
    peer.wait_for("under the old keys")
    for count in (1, 2, 3):
        plain.update_keys(request_peer=request_peer)
        assert peer.wait_for(HEARD, count).group(1) == str(int(request_peer))
        plain.sendall(f"under the new keys {count}\n".encode())
        peer.wait_for(f"under the new keys {count}")
    ping(plain, peer)
    if request_peer:
        assert peer.wait_for(TOLD).group(1) == "0"  # the peer's own, as asked for
    assert plain.state().state == "open"


@pytest.mark.parametrize("word, request_us", [("k", "0"), ("K", "1")])
def test_the_peers_is_followed(both, word, request_us):
    plain, peer = both
    ping(plain, peer)
    peer.say(f"{word}\n")
    assert peer.wait_for(TOLD).group(1) == request_us
    ping(plain, peer)
    plain.sendall(b"answer\n")
    peer.wait_for("answer")
    if request_us == "1":
        assert peer.wait_for(HEARD).group(1) == "0"  # ours, as asked for
    assert plain.state().state == "open"


def test_exporter_stays_the_same(both):
    plain, peer = both
    before = plain.export_keying_material("EXPORTER-x", 32)
    plain.update_keys(request_peer=True)
    peer.wait_for(HEARD)
    assert plain.export_keying_material("EXPORTER-x", 32) == before


def test_tls12_has_none(library, pki):
    with s_server(pki.leaf("web.example"), "-tls1_2") as server, our_client(library, server.port, "web.example") as plain:
        with pytest.raises(library.SessionUnfit, match="TLS 1.2"):
            plain.update_keys()
        plain.sendall(b"unharmed\n")
        assert read_line(plain) == b"demrahnu\n"


def test_many_in_the_middle_of_data(library):
    from peers import in_thread, tcp_pair
    from talk import read_exactly
    a, b = tcp_pair()
    with in_thread(lambda: library.wrap_server(b, "p256.example")) as other:
        near = library.wrap_client(a, "p256.example")
        far = other.result()
    with near, far:
        def send(end):
            for _ in range(40):
                end.sendall(b"d" * 50000)
                end.update_keys(request_peer=True)
        with in_thread(send, near), in_thread(send, far), in_thread(read_exactly, near, 2000000):
            assert read_exactly(far, 2000000) == b"d" * 2000000
        assert near.state().state == far.state().state == "open"
