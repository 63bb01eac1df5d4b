# SPDX-License-Identifier: Apache-2.0
"""Whoever waits for a peer's ClientHello and gets something else says so. A side that can be a client only never answers."""
import pytest
from peer_sites import Side
from peers import in_thread, receive_all, tcp_pair
from pool import PATIENCE

LONG = 600
BANNER = b"220 mail.example ESMTP ready\r\n"
SUITES = bytes.fromhex("00c02b00c02f00c02c00c03000cca900cca8")
OF_SSL2 = b"\x80" + bytes([9 + len(SUITES) + 32]) + b"\x01\x03\x03\x00" + bytes([len(SUITES)]) + b"\x00\x00\x00\x20" + SUITES + bytes(range(32))
SERVER_HELLO = b"\x16\x03\x03\x00\x06\x02\x00\x00\x26\x03\x03"


def answer_to(sites, data, **options):
    """(what our side says, the bytes that came from it)"""
    near, far = tcp_pair()
    near.settimeout(PATIENCE)
    with far, in_thread(Side(*sites, hello_delay=LONG, **options).start, near) as started:
        far.sendall(data)
        failed = started.result()
        assert isinstance(failed, Exception)
        try:
            return failed, receive_all(far)
        except ConnectionResetError:
            return failed, b""


@pytest.mark.parametrize("data", [BANNER, OF_SSL2, SERVER_HELLO], ids=["a banner", "a hello of SSL 2", "a ServerHello"])
@pytest.mark.parametrize("options", [{"role": "client", "remote_role": "peer"}, {"local_identity": None}], ids=["client", "peer without identity"])
def test_a_side_that_can_be_a_client_only(sites, data, options):
    failed, answer = answer_to(sites, data, **options)
    assert failed.reason == "transport" and "the peer does not speak TLS" in str(failed)
    assert answer == b""


def test_a_side_that_may_be_a_server(sites):
    failed, _ = answer_to(sites, BANNER)
    assert failed.reason == "transport" and "the peer does not speak TLS" in str(failed)
