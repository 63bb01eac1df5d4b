# SPDX-License-Identifier: Apache-2.0
"""The Python module against a pool that says what each test wants."""

import array
import asyncio
import base64
import json
import os
import pathlib
import socket
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "python"))
import tlspool  # noqa: E402
import tlspool.aio  # noqa: E402

SESSION = {"id": "00112233445566778899aabbccddeeff", "role": "client", "localIdentity": None,
           "remoteIdentity": "www.example.org", "remoteNames": ["www.example.org", "example.org"],
           "verifiedBy": "chain", "version": "tls13", "cipherSuite": "TLS_AES_128_GCM_SHA256", "group": "x25519",
           "signatureAlgorithm": "ecdsa_secp256r1_sha256", "alpn": None, "resumed": False}


class FakePool:
    """Answers each call by handler(connection, call, descriptors); False closes the connection."""

    def __init__(self, directory, handler):
        self.directory = directory
        self.handler = handler
        self.calls = []
        (directory / "run").mkdir(parents=True)
        path = directory / "run" / "pool.sock"
        self.listener = socket.socket(socket.AF_UNIX)
        folder = os.open(path.parent, os.O_PATH)
        self.listener.bind(f"/proc/self/fd/{folder}/pool.sock")
        os.close(folder)
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        with connection:
            while True:
                try:
                    data, descriptors, _, _ = socket.recv_fds(connection, 65536, 8)
                except ConnectionResetError:
                    return
                if not data:
                    return
                call = json.loads(data.rstrip(b"\0"))
                self.calls.append((call, len(descriptors)))
                going_on = self.handler(connection, call)
                for descriptor in descriptors:
                    os.close(descriptor)
                if going_on is False:
                    return


def say(connection, message, descriptors=()):
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    text = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\0"
    connection.sendmsg([text], rights)


def start_ok(connection, call):
    if "plaintextFileDescriptor" in call["parameters"]:
        say(connection, {"parameters": {"session": SESSION}})
        return
    near, far = socket.socketpair()
    near.sendall(b"hello")
    say(connection, {"parameters": {"plaintextFileDescriptor": 0, "session": SESSION}}, [far.fileno()])
    near.close()
    far.close()


@pytest.fixture
def fake(tmp_path):
    made = []

    def make(handler, below="pool"):
        made.append(FakePool(tmp_path / below, handler))
        return made[-1]

    yield make
    for pool in made:
        pool.listener.close()


@pytest.fixture
def pair():
    near, far = socket.socketpair()
    yield near
    near.close()
    far.close()


def open_descriptors():
    return len(os.listdir("/proc/self/fd"))


def no_more_than(count):
    """Whether so few descriptors are open, once the fake pool's threads have closed theirs."""
    deadline = time.monotonic() + 5
    while open_descriptors() > count and time.monotonic() < deadline:
        time.sleep(0.01)
    return open_descriptors() <= count


def test_client_gets_plain_socket_and_facts(fake, pair):
    pool = fake(start_ok)
    pair.settimeout(7)
    plain = tlspool.wrap_client(pair, "www.example.org", pool=pool.directory, alpn=["h2"], remote_proof="required",
                                minimum_version="tls13", service="http", server_name="sni", local_identity="me")
    assert pair.fileno() == -1
    assert plain.gettimeout() == 7
    assert not plain.get_inheritable()
    assert plain.recv(10) == b"hello"
    assert plain.recv(10) == b""
    assert plain.session.remote_identity == "www.example.org"
    assert plain.session.remote_names == ("www.example.org", "example.org")
    assert pool.calls == [({"method": "io.tlspool.Pool.StartTLS", "parameters": {
        "fileDescriptor": 0, "role": "client", "deadlineMs": 7000, "localIdentity": "me",
        "remoteIdentity": "www.example.org", "remoteProof": "required", "sendServerName": "sni", "alpn": ["h2"],
        "service": "http", "minimumVersion": "tls13"}}, 1)]
    plain.close()


def test_server_needs_no_argument(fake, pair):
    pool = fake(start_ok)
    tlspool.wrap_server(pair, pool=pool.directory).close()
    assert pool.calls[0][0]["parameters"] == {"fileDescriptor": 0, "role": "server", "deadlineMs": 30000}


def test_non_blocking_stays_non_blocking(fake, pair):
    pool = fake(start_ok)
    pair.setblocking(False)
    with tlspool.wrap_client(pair, "a.example", pool=pool.directory) as plain:
        assert plain.getblocking() is False


def test_hand_over_closes_both(fake, pair):
    pool = fake(start_ok)
    near, far = socket.socketpair()
    session = tlspool.hand_over(pair, near, "server", pool=pool.directory)
    assert session.id == SESSION["id"]
    assert pair.fileno() == near.fileno() == -1
    assert pool.calls[0][1] == 2
    far.close()


def test_failed_handshake_says_why_and_keeps_the_socket(fake, pair):
    parameters = {"reason": "certificate", "message": "the name is another", "check": "name", "certificate": "CN=x",
                  "alertSent": "bad_certificate", "alertReceived": None, "socketUsable": False}
    pool = fake(lambda c, _: say(c, {"error": "io.tlspool.Pool.HandshakeFailed", "parameters": parameters}))
    with pytest.raises(tlspool.HandshakeFailed) as raised:
        tlspool.wrap_client(pair, "a.example", pool=pool.directory)
    failed = raised.value
    assert (failed.reason, failed.check, failed.certificate) == ("certificate", "name", "CN=x")
    assert (failed.alert_sent, failed.alert_received, failed.socket_usable) == ("bad_certificate", None, False)
    assert str(failed) == "the name is another"
    assert pair.fileno() >= 0


def test_timeout_of_the_pool_is_a_timeout(fake, pair):
    pool = fake(lambda c, _: say(c, {"error": "io.tlspool.Pool.HandshakeFailed",
                                     "parameters": {"reason": "timeout", "message": "late", "socketUsable": False}}))
    with pytest.raises(TimeoutError):
        tlspool.wrap_client(pair, "a.example", pool=pool.directory)


@pytest.mark.parametrize("name, kind", [
    ("io.tlspool.Pool.IdentityRefused", tlspool.IdentityRefused),
    ("io.tlspool.Pool.BadDescriptor", tlspool.BadDescriptor),
    ("io.tlspool.Pool.LimitReached", tlspool.LimitReached),
    ("org.varlink.service.InvalidParameter", tlspool.InvalidParameter),
    ("org.varlink.service.PermissionDenied", tlspool.PermissionRefused),
])
def test_refusals_leave_the_socket_usable(fake, pair, name, kind):
    pool = fake(lambda c, _: say(c, {"error": name, "parameters": {}}))
    with pytest.raises(kind) as raised:
        tlspool.wrap_client(pair, "a.example", pool=pool.directory)
    assert raised.value.socket_usable
    assert isinstance(raised.value, OSError)


def test_no_pool_is_a_clear_error(tmp_path, pair):
    with pytest.raises(tlspool.PoolUnavailable, match="start it with `tlspoold --pool ") as raised:
        tlspool.wrap_client(pair, "a.example", pool=tmp_path)
    assert raised.value.socket_usable
    assert pair.fileno() >= 0


def test_pool_that_ends_mid_handshake(fake, pair):
    pool = fake(lambda c, _: False)
    with pytest.raises(tlspool.PoolUnavailable) as raised:
        tlspool.wrap_client(pair, "a.example", pool=pool.directory)
    assert not raised.value.socket_usable


def test_silent_pool_times_out(fake, pair, monkeypatch):
    monkeypatch.setattr("tlspool.start.GRACE", 0.05)
    pool = fake(lambda c, _: None)
    with pytest.raises(tlspool.HandshakeTimeout) as raised:
        tlspool.wrap_client(pair, "a.example", pool=pool.directory, deadline=0.05)
    assert not raised.value.socket_usable


def test_answer_in_pieces_is_put_together(fake, pair):
    def pieces(connection, _):
        text = json.dumps({"parameters": {"plaintextFileDescriptor": 0, "session": SESSION}}).encode() + b"\0"
        near, far = socket.socketpair()
        say(connection, text[:1], [near.fileno()])
        for i in range(1, len(text), 50):
            time.sleep(0.001)
            say(connection, text[i:i + 50])
    tlspool.wrap_client(pair, "a.example", pool=fake(pieces).directory).close()


def test_superfluous_descriptors_are_closed(fake, pair):
    far = os.open("/dev/null", os.O_RDONLY)

    def many(connection, _):
        near, other = socket.socketpair()
        say(connection, {"parameters": {"plaintextFileDescriptor": 1, "session": SESSION}}, [far, near.fileno(), far])
        near.close()
        other.close()
    pool = fake(many)
    before = open_descriptors()
    plain = tlspool.wrap_client(pair, "a.example", pool=pool.directory)
    assert no_more_than(before)  # one closed (the given one), one new
    plain.close()
    os.close(far)


def test_descriptors_in_the_middle_are_refused(fake, pair):
    def middle(connection, _):
        say(connection, b'{"parameters":')
        time.sleep(0.05)
        say(connection, b"{}}\0", [0])
    with pytest.raises(tlspool.ProtocolError):
        tlspool.wrap_client(pair, "a.example", pool=fake(middle).directory)


@pytest.mark.parametrize("text", [b"\0", b"nonsense\0", b"[]\0", b'{"parameters":[1]}\0', b'{"parameters":{},"x":1}\0',
                                  b'{"continues":true}\0', b'{"parameters":{"plaintextFileDescriptor":0}}\0',
                                  b"\xff\0", b"x" * 300_000 + b"\0",
                                  json.dumps({"parameters": {"plaintextFileDescriptor": 0, "session": SESSION}}
                                             ).encode() + b"\0"],
                         ids=range(10))
def test_malformed_answers_are_refused(fake, pair, text):
    pool = fake(lambda c, _: say(c, text, [0]))
    before = open_descriptors()
    with pytest.raises((tlspool.ProtocolError, tlspool.PoolUnavailable)):
        tlspool.wrap_client(pair, "a.example", pool=pool.directory)
    assert no_more_than(before)
    assert pair.fileno() >= 0


@pytest.mark.parametrize("index", [None, 1, -1, "0"])
def test_wrong_descriptor_index_is_refused(fake, pair, index):
    pool = fake(lambda c, _: say(c, {"parameters": {"plaintextFileDescriptor": index, "session": SESSION}}, [0]))
    with pytest.raises(tlspool.ProtocolError):
        tlspool.wrap_client(pair, "a.example", pool=pool.directory)


def test_long_socket_paths_work(fake, pair):
    pool = fake(start_ok, "a" * 100 + "/" + "b" * 100)
    tlspool.wrap_client(pair, "a.example", pool=pool.directory).close()


def test_environment_names_the_pool(fake, pair, monkeypatch):
    monkeypatch.setenv("TLSPOOL_DIR", str(fake(start_ok).directory))
    tlspool.wrap_client(pair, "a.example").close()


def test_closed_socket_is_refused_before_anything_is_sent(fake, pair):
    pool = fake(start_ok)
    pair.close()
    with pytest.raises(tlspool.BadDescriptor):
        tlspool.wrap_client(pair, "a.example", pool=pool.directory)
    assert pool.calls == []


def test_questions_about_a_session(fake, pair):
    answers = {
        "GetSession": {"state": {"state": "truncated", "detail": "why", "bytesSent": 1, "bytesReceived": 2**40}},
        "ExportKeyingMaterial": {"keyingMaterial": "AQID"},
        "ChannelBinding": {"tlsExporter": base64.b64encode(bytes(32)).decode()},
        "PeerCertificates": {"certificates": ["AQID", "BA=="]},
        "UpdateKeys": {},
    }

    def handler(connection, call):
        name = call["method"].rpartition(".")[2]
        if name == "StartTLS":
            start_ok(connection, call)
        else:
            assert call["parameters"]["session"] == SESSION["id"]
            say(connection, {"parameters": answers[name]})
    pool = fake(handler)
    with tlspool.wrap_client(pair, "a.example", pool=pool.directory) as plain:
        assert plain.state() == tlspool.SessionState("truncated", "why", 1, 2**40)
        assert plain.export_keying_material("EXPORTER-x", 3, b"") == b"\1\2\3"
        assert plain.channel_binding() == bytes(32)
        assert plain.peer_certificates() == [b"\1\2\3", b"\4"]
        plain.update_keys(request_peer=True)
    export = next(c for c, _ in pool.calls if c["method"].endswith("ExportKeyingMaterial"))
    assert export["parameters"] == {"session": SESSION["id"], "label": "EXPORTER-x", "context": "", "length": 3}


def test_asyncio_does_not_block_the_loop(fake, pair):
    def slow(connection, call):
        time.sleep(0.2)
        start_ok(connection, call)
    pool = fake(slow)

    async def main():
        ticks = 0
        task = asyncio.ensure_future(tlspool.aio.wrap_client(pair, "a.example", pool=pool.directory))
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
        plain = await task
        assert plain.getblocking() is False
        reader, writer = await asyncio.open_connection(sock=plain)
        assert await reader.read() == b"hello"
        writer.close()
        return ticks
    assert asyncio.run(main()) >= 10


def test_asyncio_cancelled_start_leaves_the_socket_open(fake, pair):
    pool = fake(lambda c, _: None)

    async def main():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(tlspool.aio.wrap_server(pair, pool=pool.directory), 0.05)
    asyncio.run(main())
    assert pair.fileno() >= 0


def test_asyncio_silent_pool_times_out(fake, pair, monkeypatch):
    monkeypatch.setattr("tlspool.aio.GRACE", 0.05)
    pool = fake(lambda c, _: None)
    with pytest.raises(tlspool.HandshakeTimeout):
        asyncio.run(tlspool.aio.wrap_server(pair, pool=pool.directory, deadline=0.05))
