# SPDX-License-Identifier: Apache-2.0
"""Whatever bytes come in by the control sockets: who sent them loses his connection at most, and nobody else
notices."""
import json

import pytest
from control import Control, Ended, answers, message
from pool import eventually

LIMIT = 256 * 1024
INFO = "org.varlink.service.GetInfo"

MALFORMED = {
    "empty": b"",
    "blank": b"   ",
    "no JSON": b"StartTLS please",
    "array": b"[]",
    "text": b'"io.tlspool.Pool.ListIdentities"',
    "null": b"null",
    "cut off": message("ListIdentities")[:-2],
    "rest behind the object": message("ListIdentities")[:-1] + b"{}",
    "no method": b'{"parameters":{}}',
    "method is no text": b'{"method":7}',
    "method without interface": b'{"method":"ListIdentities"}',
    "method without name": b'{"method":"io.tlspool.Pool."}',
    "parameters are a list": b'{"method":"io.tlspool.Pool.ListIdentities","parameters":[]}',
    "more is no boolean": b'{"method":"io.tlspool.Pool.ListIdentities","more":"yes"}',
    "more and oneway": b'{"method":"io.tlspool.Pool.ListIdentities","more":true,"oneway":true}',
    "upgrade": b'{"method":"io.tlspool.Pool.ListIdentities","upgrade":true}',
    "member twice": b'{"method":"io.tlspool.Pool.ListIdentities","method":"io.tlspool.Pool.StartTLS"}',
    "no UTF-8": b'{"method":"io.tlspool.Pool.List\xff\xfe"}',
    "lone surrogate": b'{"method":"io.tlspool.Pool.GetSession","parameters":{"session":"\\ud800"}}',
    "integer beyond 64 bits": b'{"method":"io.tlspool.Pool.GetSession","parameters":{"session":99999999999999999999999}}',
    "NaN": b'{"method":"io.tlspool.Pool.GetSession","parameters":{"session":NaN}}',
    "comment": b'{/**/"method":"io.tlspool.Pool.ListIdentities"}',
    "deep arrays": b'{"method":"io.tlspool.Pool.GetSession","parameters":{"session":' + b"[" * 100000 + b"]" * 100000 + b"}}",
    "deep objects": b'{"a":' * 30000 + b"1" + b"}" * 30000,
    "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(range(1, 200)),
    "HTTP": b"GET / HTTP/1.1\r\nHost: pool\r\n\r\n",
}


def test_each_ends_its_own_connection_only(make_pool):
    pool = make_pool().start()
    before = pool.descriptors()
    for path in (pool.socket, pool.directory / "run" / "admin.sock"):
        with Control(path) as bystander:
            for name, text in MALFORMED.items():
                with Control(path) as control:
                    control.write(text + b"\0")
                    assert control.has_ended(), name
                assert "parameters" in bystander.call(INFO), name
    eventually(lambda: pool.descriptors() == before, message="descriptors of malformed connections stayed open")
    # Each refusal says what was wrong with the message.
    for event in ("control.malformed", "admin.malformed"):
        lines = pool.events(event)
        assert len(lines) == len(MALFORMED)
        assert all(line.get("problem") or line.get("reason") for line in lines)
    assert pool.status()["processes"][0]["restarts"] == 0
    assert not pool.events("process.died")


def padded(size):
    """A well-formed call of `size` bytes without its NUL."""
    text = message(INFO)[:-1]
    return text + b" " * (size - len(text)) + b"\0"


@pytest.mark.parametrize("path", ("pool.sock", "admin.sock"))
def test_the_longest_message_is_answered_and_a_longer_one_is_not(pool, path):
    path = pool.directory / "run" / path
    with Control(path) as control:
        for _ in range(2):
            control.write(padded(LIMIT))
            assert "parameters" in control.receive()
    for text in (padded(LIMIT + 1), padded(4 * LIMIT), b"x" * (LIMIT + 1), b"x" * (8 * LIMIT)):
        with Control(path) as control:
            with pytest.raises((Ended, BrokenPipeError, ConnectionResetError)):
                control.write(text)
                control.receive()
    assert answers(path)


def test_an_oversized_message_is_named_in_the_log(make_pool):
    pool = make_pool().start()
    with Control(pool) as control:
        with pytest.raises((Ended, BrokenPipeError, ConnectionResetError)):
            control.write(padded(4 * LIMIT))
            control.receive()
    line = pool.wait_for("control.dropped")
    assert "256 KiB" in line["problem"] and line["pid"]


def test_a_flood_of_nuls(pool):
    with Control(pool) as control:
        with pytest.raises((Ended, BrokenPipeError, ConnectionResetError)):
            control.write(b"\0" * 1000000)
            control.receive()
    assert answers(pool)


def test_a_message_that_never_ends_holds_nobody_up(pool):
    with Control(pool) as slow:
        slow.write(message(INFO)[:-1])
        for _ in range(10):
            assert answers(pool)
        slow.write(b"\0")
        assert "parameters" in slow.receive()


def test_a_program_that_leaves_in_the_middle_of_a_message(make_pool):
    pool = make_pool().start()
    before = pool.descriptors()
    for _ in range(50):
        with Control(pool) as control:
            control.write(message(INFO)[:-5])
    eventually(lambda: pool.descriptors() == before)
    assert answers(pool)


def test_several_calls_in_one_segment_are_answered_in_order(pool):
    with Control(pool) as control:
        control.write(message(INFO) + message("GetSession", {"session": "00"}) + message("ListIdentities") + message(INFO)[:-3])
        assert control.receive()["parameters"]["product"] == "TLS Pool"
        assert control.receive()["error"] == "io.tlspool.Pool.SessionUnknown"
        assert control.receive()["parameters"]["identities"]
        control.write(message(INFO)[-3:])
        assert control.receive()["parameters"]["product"] == "TLS Pool"


def test_hundreds_of_calls_in_one_segment(pool):
    with Control(pool) as control:
        control.write(message("GetSession", {"session": "00"}) * 300)
        for _ in range(300):
            assert control.receive()["error"] == "io.tlspool.Pool.SessionUnknown"


def test_a_program_that_asks_without_reading_is_not_buffered_for_without_end(pool):
    """It gets no more answers than fit into its socket and its turn; then the service stops reading."""
    with Control(pool) as control:
        control.socket.settimeout(1.0)
        written = 0
        try:
            while written < 64 * 1024 * 1024:
                written += control.socket.send(message("ListIdentities") * 500)
        except TimeoutError:
            pass
        assert written < 64 * 1024 * 1024
        assert answers(pool)


def test_one_byte_at_a_time(pool):
    with Control(pool) as control:
        for byte in message(INFO):
            control.socket.send(bytes([byte]))
        assert control.receive()["parameters"]["product"] == "TLS Pool"


def test_oneway_gets_no_answer(pool):
    with Control(pool) as control:
        control.send(INFO, oneway=True)
        control.send("GetSession", {"session": "00"}, oneway=True)
        control.send("Nothing", oneway=True)
        control.send("StartTLS", {}, oneway=True)
        control.send("GetSession", {"session": "mark"})
        assert control.receive()["parameters"] == {"session": "mark"}
    with Control(pool.directory / "run" / "admin.sock") as control:
        control.send("io.tlspool.Admin.Status", oneway=True)
        control.send("io.tlspool.Admin.Nothing", oneway=True)
        control.send("io.tlspool.Admin.EnterPin", {"token": "mark"})
        assert control.receive()["parameters"] == {"token": "mark"}


def test_more_is_answered_once_and_finally(pool):
    with Control(pool) as control:
        answer = control.call("ListIdentities", more=True)
        assert answer["parameters"]["identities"] and not answer.get("continues", False)
        assert sorted(answer) == ["parameters"]
        assert control.call(INFO)["parameters"]["product"] == "TLS Pool"


def test_unknown_members_of_a_call_are_no_harm(pool):
    with Control(pool) as control:
        control.write(json.dumps({"method": INFO, "future": {"a": [1, None, 2.5]}}).encode() + b"\0")
        assert control.receive()["parameters"]["product"] == "TLS Pool"
