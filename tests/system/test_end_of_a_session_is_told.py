# SPDX-License-Identifier: Apache-2.0
"""close_notify, truncation, reset, error and our own close are told apart."""
import pytest
from pool import eventually
from talk import VERSIONS, our_client, read_exactly, s_server
from test_half_close_flows_both_ways import ROLES, beside


def until_end(sock):
    out = b""
    try:
        while chunk := sock.recv(65536):
            out += chunk
    except ConnectionResetError:
        pass
    return out


@pytest.fixture(params=[(r, v) for r in ROLES for v in VERSIONS], ids="-".join)
def both(request, library, pool, pki):
    ours, peer = beside(library, pool, pki, *request.param)
    with ours:
        yield ours, peer
    peer.close()


def ended(ours, state):
    eventually(lambda: ours.state().state == state, message=lambda: f"{ours.state()} is not {state}")
    return ours.state()


def test_close_notify(both):
    ours, peer = both
    peer.send(b"whole")
    peer.close_notify()
    peer.close()
    assert until_end(ours) == b"whole"
    assert ended(ours, "closeNotify").bytes_received == 5


def test_truncated(both):
    ours, peer = both
    peer.send(b"half of it")
    peer.close()
    assert until_end(ours) == b"half of it"
    state = ended(ours, "truncated")
    assert "close_notify" in state.detail


def test_truncated_in_the_middle_of_a_record(both):
    ours, peer = both
    peer.send(b"first")
    peer.write(b"second")
    peer.sock.sendall(peer.take()[:-3])
    peer.close()
    assert until_end(ours) == b"first"
    ended(ours, "truncated")


def test_reset(both):
    ours, peer = both
    peer.send(b"so far")
    assert read_exactly(ours, 6) == b"so far"
    peer.reset()
    assert until_end(ours) == b""
    ended(ours, "reset")


def test_altered_record_is_an_error_and_nothing_of_it_comes_through(both):
    ours, peer = both
    peer.send(b"good")
    peer.write(b"altered")
    record = bytearray(peer.take())
    record[-1] ^= 1
    peer.sock.sendall(record)
    assert until_end(ours) == b"good"
    state = ended(ours, "error")
    assert state.detail and state.bytes_received == 4


def test_our_own_close(both):
    ours, peer = both
    ours.close()
    assert peer.read_all() == b""  # with close_notify
    peer.close()
    assert ended(ours, "local").state == "local"


def test_open_while_it_is_open(both):
    ours, peer = both
    assert ours.state().state == "open" and ours.state().detail is None


def test_alert_after_the_handshake(library, pki):
    # A TLS 1.3 client has finished before its server asks in vain for a certificate.
    with s_server(pki.leaf("web.example"), "-tls1_3", "-Verify", "3", "-CAfile", pki.ca().cert) as server:
        with our_client(library, server.port, "web.example") as plain:
            assert until_end(plain) == b""
            assert "certificate_required" in ended(plain, "error").detail
