# SPDX-License-Identifier: Apache-2.0
"""`tlspool connect`: standard input and output over a protected connection."""
import hashlib
import json
import os
import socket
import subprocess

import pytest
from peers import in_thread, server_context
from pool import BIN, PATIENCE
from talk import KINDS, OPENSSL_VERSION, VERSIONS, Raw, s_server



def connect(pool, target, *options, stdin=b""):
    return subprocess.run([str(BIN / "tlspool"), "--pool", str(pool.directory), "connect", target, *map(str, options)], input=stdin,
                          capture_output=True, timeout=PATIENCE * 2)


def proved(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stderr)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_lines_go_and_come_and_what_was_proved_is_told(pool, pki, kind, version):
    with s_server(pki.leaf("web.example", key=kind), OPENSSL_VERSION[version], "-alpn", "b") as server:
        done = connect(pool, f"127.0.0.1:{server.port}", "--expect", "web.example", "--alpn", "a,b", "--json", stdin=b"hello\n")
    facts = proved(done)
    assert done.stdout == b"olleh\n"
    assert (facts["remoteIdentity"], facts["verifiedBy"], facts["version"], facts["alpn"]) == ("web.example", "chain", version, "b")
    assert facts["role"] == "client" and facts["localIdentity"] is None


def test_over_ipv6_the_address_is_expected(pool, pki):
    with s_server(pki.leaf("::1"), host="::1") as server:
        facts = proved(connect(pool, f"[::1]:{server.port}", "--json", stdin=b"x\n"))
    assert facts["remoteIdentity"] == "::1"


def test_identity_is_proved(pool, pki):
    with s_server(pki.leaf("web.example"), "-Verify", "3", "-CAfile", pool.ca, "-verify_return_error") as server:
        facts = proved(connect(pool, f"127.0.0.1:{server.port}", "--expect", "web.example", "--as", "joe@clients.example", "--json",
                               stdin=b"x\n"))
        server.wait_for("Peer certificate: .*joe@clients.example")
    assert facts["localIdentity"] == "joe@clients.example"


def test_wrong_name_is_refused_with_a_message(pool, pki):
    with s_server(pki.leaf("web.example")) as server:
        done = connect(pool, f"127.0.0.1:{server.port}", stdin=b"secret\n")
    assert (done.returncode, done.stdout) == (1, b"")
    message = done.stderr.decode()
    assert message.startswith("tlspool: ") and "web.example" in message and "127.0.0.1" in message


def test_lowest_version(pool, pki):
    with s_server(pki.leaf("web.example"), "-tls1_2") as server:
        done = connect(pool, f"127.0.0.1:{server.port}", "--expect", "web.example", "--min-version", "1.3")
    assert done.returncode == 1 and b"protocol_version" in done.stderr


def test_unknown_identity_and_closed_port(pool, pki):
    with s_server(pki.leaf("web.example")) as server:
        done = connect(pool, f"127.0.0.1:{server.port}", "--expect", "web.example", "--as", "nobody.example")
    assert done.returncode == 1 and b"identity" in done.stderr
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    done = connect(pool, f"127.0.0.1:{port}")
    assert done.returncode == 1 and str(port).encode() in done.stderr


def against(pool, pki, stdin, behave):
    """`tlspool connect` against a Raw server that does behave(peer)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            accepted, _ = listener.accept()
            peer = Raw(accepted, server_context(pki.leaf("web.example")), server_side=True).handshake()
            try:
                return behave(peer)
            finally:
                peer.close()
        with in_thread(serve) as other:
            done = connect(pool, f"127.0.0.1:{listener.getsockname()[1]}", "--expect", "web.example", stdin=stdin)
            return done, other.result()


def test_much_data_both_ways_and_half_close(pool, pki):
    data = os.urandom(5 << 20)

    def swallow_then_answer(peer):
        got = peer.read_all()  # until the program's end of input, as close_notify
        peer.write(got[::-1])
        peer.close_notify()
        peer.sock.shutdown(socket.SHUT_WR)
        return hashlib.sha256(got).digest()

    done, digest = against(pool, pki, data, swallow_then_answer)
    assert done.returncode == 0, done.stderr
    assert digest == hashlib.sha256(data).digest()
    assert done.stdout == data[::-1]


def test_truncation_is_a_failure(pool, pki):
    def stop_in_the_middle(peer):
        peer.read_all()  # what is unread at a close() would make it a reset
        peer.send(b"half of")

    done, _ = against(pool, pki, b"", stop_in_the_middle)
    assert done.returncode == 1
    assert done.stdout == b"half of"
    assert b"close_notify" in done.stderr and b"missing" in done.stderr
