# SPDX-License-Identifier: Apache-2.0
"""Records that no TLS library sends, after the handshake: the session ends or goes on as the RFC says, which stands beside each case.
Nothing that the peer was not entitled to say reaches the program, and an end by an error is told as one."""
import contextlib

import pytest
from peers import receive_all
from pool import PATIENCE, Pool, eventually
from records import opposite
from talk import read_exactly

HANDSHAKE, ALERT, DATA, CCS = 22, 21, 23, 20
HELLO = "hello\n".encode().hex()
KEY_UPDATE = "18000001{:02x}"
# Lifetime 7200, any age_add, a nonce of one byte, a ticket of 32 bytes, no extensions.
TICKET = "04" + "00002e" + "00001c20" + "12345678" + "0100" + "0020" + "ab" * 32 + "0000"
CERTIFICATE_REQUEST = "0d" + "00000b" + "00" + "0008" + "000d0004" + "00020403"
CLIENT_HELLO = "01" + "000029" + "0303" + "11" * 32 + "00" + "0002" + "c02b" + "01" + "00"
UNEXPECTED, OVERFLOW, ILLEGAL, BAD_MAC = "unexpected_message", "record_overflow", "illegal_parameter", "bad_record_mac"

# What is sent, and how it must come out: GOES_ON, or the alert with which the pool ends the session.
GOES_ON = None
BOTH = {
    # RFC 8446 section 5.1, RFC 5246 section 6.2.1: empty application data may be sent ...
    "some empty data": ([f"send {DATA} - 20", f"send {DATA} {HELLO}", f"send {DATA} - 20"], GOES_ON),
    # ... and who gets nothing else for ever may end it: OpenSSL does after 32 of them in a row.
    "empty data without end": ([f"send {DATA} - 1000"], UNEXPECTED),
    # The same sections: no empty alerts.
    "an empty alert": ([f"send {ALERT} -"], UNEXPECTED),
    # RFC 8446 sections 5.1 and 5.2, RFC 5246 sections 6.2.1 and 6.2.3
    "the longest plaintext": ([f"fill {DATA} 16384"], GOES_ON),
    "a plaintext too long": ([f"fill {DATA} 16385"], OVERFLOW),
    "a record longer than any": ([f"header {DATA} 18433 18433"], OVERFLOW),
    # RFC 8446 section 5, RFC 5246 section 6: types that nobody agreed on
    "an unknown content type": ([f"send 99 {HELLO}"], UNEXPECTED),
    "a heartbeat": (["send 24 01000061"], UNEXPECTED),
    # RFC 8446 section 5 (after Finished), RFC 5246 section 7.1 (outside of a handshake)
    "a change of cipher": ([f"send {CCS} 01"], UNEXPECTED),
    # RFC 8446 section 6, RFC 5246 section 7.2.2: a fatal one ends it, and what it says is told
    "a fatal alert": ([f"send {ALERT} 0228"], ...),
    # RFC 8446 section 5.1: never in pieces
    "half an alert": ([f"send {ALERT} 02", f"send {ALERT} 28"], UNEXPECTED),
}
ONLY = {
    "tls13": {
        # Section 4.6.3: as many as there are; one answer for many is enough.
        "a flood of key updates": (["update 0 20000"], GOES_ON),
        "a flood of key updates that want one": (["update 1 2000"], GOES_ON),
        "a key update that asks for what is unknown": ([f"send {HANDSHAKE} {KEY_UPDATE.format(2)}"], ILLEGAL),
        # Section 5.1: a message may be in pieces, but nothing may come between them, and keys change between records.
        "a key update in pieces": ([f"send {HANDSHAKE} 18", f"send {HANDSHAKE} 0000", f"send {HANDSHAKE} 0100"], GOES_ON),
        "data between the pieces of a message": ([f"send {HANDSHAKE} 1800", f"send {DATA} {HELLO}"], UNEXPECTED),
        "a key update that is not the last of its record": ([f"send {HANDSHAKE} {KEY_UPDATE.format(0) * 2}"], UNEXPECTED),
        # Section 5.1
        "an empty handshake record": ([f"send {HANDSHAKE} -"], UNEXPECTED),
        # Section 5.4
        "padding alone": (["zeros 100"], UNEXPECTED),
        # Section 5: once there are keys, nothing comes without
        "data in the clear": ([f"plain {DATA} {HELLO}"], BAD_MAC),
        "a close_notify in the clear": ([f"plain {ALERT} 0100"], UNEXPECTED),
        "a handshake message in the clear": ([f"plain {HANDSHAKE} {KEY_UPDATE.format(0)}"], UNEXPECTED),
        "many changes of cipher in the clear": ([f"plain {CCS} 01 1000"], UNEXPECTED),
        # Section 6: user_canceled may come; all others are fatal, whatever level they say
        "user_canceled": ([f"send {ALERT} 015a 3", f"send {DATA} {HELLO}"], GOES_ON),
        "user_canceled without end": ([f"send {ALERT} 015a 1000"], UNEXPECTED),
        "an error as a warning": ([f"send {ALERT} 012a"], ...),
    },
    "tls12": {
        # RFC 5246 section 7.2.2: with a warning it goes on; too many end it.
        "warnings": ([f"send {ALERT} 015a 3", f"send {DATA} {HELLO}"], GOES_ON),
        "warnings without end": ([f"send {ALERT} 015a 1000"], UNEXPECTED),
        # RFC 5246 section 6.2.1 says that nobody may send it, not what becomes of it: a few are passed over.
        "an empty handshake record": ([f"send {HANDSHAKE} -", f"send {DATA} {HELLO}"], GOES_ON),
        "empty handshake records without end": ([f"send {HANDSHAKE} - 1000"], UNEXPECTED),
        # Section 6.2.3.3
        "data in the clear": ([f"plain {DATA} {HELLO}"], BAD_MAC),
        "a close_notify in the clear": ([f"plain {ALERT} 0100"], BAD_MAC),
    },
}
# Messages that only this side of a connection sends; the peer's role.
BY_ROLE = {
    ("client", "tls13"): {
        # RFC 8446 section 4.1.2: no renegotiation
        "another ClientHello": ([f"send {HANDSHAKE} {CLIENT_HELLO}"], UNEXPECTED),
        "a ticket for a server": ([f"send {HANDSHAKE} {TICKET}"], UNEXPECTED),
    },
    ("server", "tls13"): {
        # Section 4.6.1
        "a flood of tickets": ([f"send {HANDSHAKE} {TICKET} 2000"], GOES_ON),
        # Section 4.6.2: only where post_handshake_auth was offered
        "a request for a certificate": ([f"send {HANDSHAKE} {CERTIFICATE_REQUEST}"], UNEXPECTED),
    },
    ("client", "tls12"): {
        # RFC 5246 sections 7.4.1.2 and 7.2.2: it is refused by the warning no_renegotiation, and goes on
        "a renegotiation": ([f"send {HANDSHAKE} {CLIENT_HELLO}"], GOES_ON),
        "many renegotiations": ([f"send {HANDSHAKE} {CLIENT_HELLO} 500"], GOES_ON),
        "a HelloRequest to a server": ([f"send {HANDSHAKE} 00000000"], UNEXPECTED),
    },
    ("server", "tls12"): {
        # Section 7.4.1.1: may be ignored
        "a HelloRequest": ([f"send {HANDSHAKE} 00000000"], GOES_ON),
        "many HelloRequests": ([f"send {HANDSHAKE} 00000000 500"], GOES_ON),
    },
}


def cases():
    for version in ("tls12", "tls13"):
        for role in ("client", "server"):
            for name, (commands, outcome) in {**BOTH, **ONLY[version], **BY_ROLE[role, version]}.items():
                yield pytest.param(version, role, commands, outcome, id=f"{version}-{role}-{name}")


@pytest.fixture(scope="module")
def pool(place, pki):
    made = Pool(place / "records")
    made.trust(pki.ca().cert)
    made.replace("workers = 0", "workers = 1")
    made.start()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def lib():
    import tlspool

    return tlspool


@pytest.mark.parametrize("version, role, commands, outcome", cases())
def test_of_a_peer(lib, pool, pki, version, role, commands, outcome):
    with opposite(lib, role, version, pki, pool=pool.directory) as (peer, plain):
        peer.do("listen")
        sent = peer.do(*commands)
        if outcome is GOES_ON:
            assert sent
            goes_on(peer, plain, commands)
        else:
            ends(peer, plain, outcome)


def goes_on(peer, plain, commands):
    expected = b"".join(bytes.fromhex(HELLO) for c in commands if c.startswith(f"send {DATA} {HELLO}"))
    expected += b"".join(b"x" * int(c.split()[2]) for c in commands if c.startswith("fill"))
    # A key update in pieces changes the keys of whoever sent it: the next record by hand would have the wrong ones.
    if not any(c == f"send {HANDSHAKE} 18" for c in commands):
        assert peer.do(f"send {DATA} {HELLO}")
        expected += bytes.fromhex(HELLO)
    assert read_exactly(plain, len(expected)) == expected
    plain.sendall(b"answer")
    # OpenSSL as the peer gives up at no_renegotiation: it is told what comes, but can't read it.
    eventually(lambda: "data 6" in peer.told or any(line.startswith("bytes") for line in peer.told))
    assert plain.state().state == "open"


def ends(peer, plain, alert):
    assert receive_all(plain) == b""
    state = eventually(lambda: (now := plain.state()).state != "open" and now)
    assert state.state == "error", state
    if alert is ...:
        assert "alert" in state.detail
    else:
        peer.hears(f"alert {alert}")


@pytest.mark.parametrize("version", ("tls12", "tls13"))
def test_what_comes_behind_a_close_notify_is_ignored(lib, pool, version):
    """RFC 8446 section 6.1, RFC 5246 section 7.2.1."""
    with opposite(lib, "client", version, pool=pool.directory) as (peer, plain):
        peer.do("listen", f"send {DATA} {HELLO}", f"send {ALERT} 0100", f"send {DATA} {HELLO} 10", f"fill {DATA} 16385", f"plain {DATA} {HELLO}")
        assert receive_all(plain) == b"hello\n"
        with contextlib.suppress(OSError):
            if version == "tls13":  # its other direction goes on
                plain.sendall(b"still here")
                peer.hears("data 10")
        plain.close()
        assert eventually(lambda: (now := plain.state()).state != "open" and now).state == "closeNotify"


def test_key_updates_of_a_peer_that_never_reads_its_answers(lib, pool):
    """The pool holds what it owes, and reads no more until the peer takes that; then all goes on."""
    with opposite(lib, "client", "tls13", pool=pool.directory, small_buffers=True) as (peer, plain):
        peer.do("choke")
        assert int(next(line for line in peer.told if line.startswith("choked")).split()[1]) > 0
        assert plain.state().state == "open"
        peer.do("listen", f"send {DATA} {HELLO}")
        plain.settimeout(PATIENCE)
        assert read_exactly(plain, 6) == b"hello\n"
        plain.sendall(b"answer")
        peer.hears("data 6")


def test_key_updates_while_the_peer_takes_no_data(lib, pool):
    """A record of data that is half written comes to its end first; nothing of it is lost, and the answer follows."""
    with opposite(lib, "client", "tls13", pool=pool.directory, small_buffers=True) as (peer, plain):
        plain.settimeout(1)
        pushed = 0
        with contextlib.suppress(TimeoutError):
            while True:
                pushed += plain.send(b"x" * 65536)
        peer.do("update 1 5", f"send {DATA} {HELLO}", "listen")
        plain.settimeout(PATIENCE)
        assert read_exactly(plain, 6) == b"hello\n"
        eventually(lambda: sum(int(line.split()[1]) for line in peer.told if line.startswith("data")) == pushed)
        peer.hears("update 0")
        plain.sendall(b"answer")
        peer.hears("data 6")
        assert plain.state().state == "open"
