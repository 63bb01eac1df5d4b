# SPDX-License-Identifier: Apache-2.0
"""What a session was protected with is nowhere in the worker's memory once the session has ended, and PINs are in the keeper
alone. The processes look into their own memory (tests/support/intruder), so that this holds for an ordinary user, too, whom the
kernel lets look into none of them; each search first finds what must be there."""
import os
import re
import socket
import ssl

import upgrades
from intruder import Memory
from peers import client_context, in_thread, tcp_pair
from pool import SANITIZED, alive, eventually


def traffic_secrets(log):
    """By the names of SSLKEYLOGFILE, as far as they protect the session."""
    wanted = ("CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET", "CLIENT_RANDOM",
              "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET")
    lines = [line.split() for line in log.read_text().splitlines() if not line.startswith("#")]
    return {words[0]: bytes.fromhex(words[2]) for words in lines if words[0] in wanted}


def session(memory, place, version, keep, context=None, ticket=None):
    """A program's server session, by Python's TLS on the other side: both ends and the secrets that this side logged. `ticket`: of the
    session that it resumes, which had this context."""
    import tlspool as library
    log = place / f"{memory.pool.directory.name}-{version.name}.keys"
    context = context or client_context(memory.pool.ca)
    context.minimum_version = context.maximum_version = version
    context.keylog_filename = str(log)
    a, b = tcp_pair()
    with in_thread(lambda: library.wrap_server(b, "pool.example")) as other:
        near = keep(context.wrap_socket(a, server_hostname="pool.example", session=ticket))
        far = keep(other.result())
    far.sendall(b"through")
    assert near.recv(100) == b"through"
    return near, far, traffic_secrets(log)


def end(memory, near, far):
    far.shutdown(socket.SHUT_WR)
    assert near.recv(100) == b""
    near.close()
    far.close()
    eventually(lambda: memory.pool.status()["sessions"] == 0)


def test_traffic_secrets_go_with_their_session(make_pool, place, keep, monkeypatch):
    memory = Memory(make_pool(), place)
    monkeypatch.setenv("TLSPOOL_DIR", str(memory.pool.directory))
    for version, lives in ((ssl.TLSVersion.TLSv1_3, ("CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0")), (ssl.TLSVersion.TLSv1_2, ("CLIENT_RANDOM",))):
        near, far, secrets = session(memory, place, version, keep)
        assert set(lives) <= set(secrets)
        while_open = memory.found("worker-0", **secrets)
        assert all(while_open[name] > 0 for name in lives), "the search finds nothing"
        end(memory, near, far)
        for process in ("worker-0", "keeper", "judge", "supervisor"):
            left = memory.found(process, **secrets)
            if SANITIZED and process == "worker-0":  # its stack frames are larger, and keep what ours write over
                assert sum(left.values()) < sum(while_open.values())
                continue
            assert not {name: count for name, count in left.items() if count}, (process, version)


def test_a_master_secret_goes_with_the_sessions_that_resume_it(make_pool, place, keep, monkeypatch):
    """TLS 1.2, where a resumed session has the master secret of the first one, which OpenSSL takes out of the ticket."""
    memory = Memory(make_pool(), place)
    monkeypatch.setenv("TLSPOOL_DIR", str(memory.pool.directory))
    near, far, secrets = session(memory, place, ssl.TLSVersion.TLSv1_2, keep)
    for _ in range(2):
        ticket = near.session
        end(memory, near, far)
        near, far, resumed = session(memory, place, ssl.TLSVersion.TLSv1_2, keep, near.context, ticket)
        assert near.session_reused and resumed == secrets
    assert memory.found("worker-0", **secrets)["CLIENT_RANDOM"] > 0
    end(memory, near, far)
    if not SANITIZED:
        assert memory.found("worker-0", **secrets) == {"CLIENT_RANDOM": 0}


def test_a_pin_is_in_the_keeper_alone(make_pool, place):
    pool = make_pool()
    pin = (pool.directory / "keeper" / "pin").read_text().strip().encode()
    assert len(pin) >= 8
    memory = Memory(pool, place)
    assert memory.found("keeper", pin=pin)["pin"] > 0, "it is kept, to open the token again"
    for process in ("supervisor", "judge", "worker-0"):
        assert memory.found(process, pin=pin) == {"pin": 0}


def test_a_typed_pin_passes_no_supervisor_on_its_way_to_a_new_keeper(make_pool, place, keep, monkeypatch):
    pool = make_pool()
    pin = (pool.directory / "keeper" / "pin").read_text().strip().encode()
    pool.replace('pin_file = "pin"', "")
    monkeypatch.setenv("TLSPOOL_DIR", str(pool.directory))
    memory = Memory(pool, place)
    pool.tlspool("pin", stdin=pin.decode() + "\n")
    eventually(lambda: pool.status()["tokens"][0]["state"] == "ready")
    session(memory, place, ssl.TLSVersion.TLSv1_3, keep)
    old = {p["name"]: p["pid"] for p in pool.status()["processes"]}
    new = upgrades.upgrade(pool)
    try:
        eventually(lambda: not alive(old["keeper"]), message="the old keeper, and what it knows, is still there")
        assert memory.found("keeper", pin=pin)["pin"] > 0
        for process, pid in (("supervisor", new), ("supervisor", pool.process.pid), ("judge", None), ("worker-0", None), ("worker-0", old["worker-0"])):
            assert memory.found(process, pid, pin=pin) == {"pin": 0}, (process, pid)
    finally:
        upgrades.end(pool)


def test_a_ticket_key_goes_with_its_policy(make_pool, place, monkeypatch):
    """A ticket begins with the name of the key that it is sealed with, and the name lies beside the key."""
    memory = Memory(make_pool(), place)
    pool = memory.pool
    monkeypatch.setenv("TLSPOOL_DIR", str(pool.directory))
    name, far = name_in_ticket(pool)
    assert memory.found("worker-0", name=name)["name"] > 0 and memory.found("supervisor", name=name)["name"] > 0
    # The session had the ticket in its buffers.
    far.close()
    eventually(lambda: pool.status()["sessions"] == 0)
    # Another policy: no ticket is good any more.
    pool.configure(f'[[allow]]\nuid = [{os.geteuid()}]\nidentity = ["*"]')
    pool.tlspool("reload")
    for process in ("worker-0", "supervisor"):
        assert memory.found(process, name=name)["name"] <= (1 if SANITIZED else 0), process


def name_in_ticket(pool):
    """TLS 1.2 sends a ticket unencrypted (RFC 5077 section 3.3): a handshake by hand, whose incoming bytes are kept."""
    import tlspool as library
    context = client_context(pool.ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="pool.example")
    a, b = tcp_pair()
    came = b""
    with a, in_thread(lambda: library.wrap_server(b, "pool.example")) as other:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                a.sendall(outgoing.read())
                data = a.recv(65536)
                assert data
                came += data
                incoming.write(data)
    at = re.search(rb"\x16\x03\x03..\x04...[\0-\xff]{4}(..)", came, re.DOTALL)
    return came[at.end():at.end() + 16], other.result()
