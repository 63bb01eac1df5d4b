# SPDX-License-Identifier: Apache-2.0
"""One line for each session and each refused handshake, of which programs can rely on every field."""
import json
import os
import signal

import pytest
from peers import in_thread, tcp_pair
from pool import ROOT, eventually
from test_python_module import both

# In this order, always all of them; docs/observability.md says what each is.
FIELDS = ["time", "process", "event", "pool", "outcome", "session", "role", "transport", "peerAddress", "service", "uid", "gid", "pid",
          "executable", "localIdentity", "expectedIdentity", "remoteIdentity", "verifiedBy", "policy", "rule", "version", "cipherSuite",
          "group", "alpn", "resumed", "sharedKey", "started", "handshakeSeconds", "sessionSeconds", "bytesSent", "bytesReceived", "end",
          "reason", "check", "alertSent", "alertReceived", "message"]


@pytest.fixture
def audited(make_pool, monkeypatch):
    """A running pool of one worker whose audit lines go to a file."""
    pool = make_pool()
    pool.replace("workers = 0", "workers = 1")
    pool.audit = pool.directory / "audit.json"
    pool.replace("[log]", f'[log]\naudit = "{pool.audit}"')
    monkeypatch.setenv("TLSPOOL_DIR", str(pool.directory))
    return pool


@pytest.fixture
def tlspool(audited):
    import tlspool as module

    return module


def lines(pool, count, file=None):
    """The audit lines, once there are as many."""
    file = file or pool.audit
    eventually(lambda: file.exists() and file.read_text().count("\n") >= count)
    text = file.read_text()
    assert text.isascii() and text.endswith("\n") and "\x1b" not in text
    found = [json.loads(line) for line in text.splitlines()]
    assert len(found) == count
    for line in found:
        assert list(line) == FIELDS
    return found


def talk(near, far):
    with near, far:
        near.sendall(b"x" * 1000)
        assert len(far.recv(1000)) == 1000
        far.sendall(b"y" * 10)
        assert len(near.recv(10)) == 10
        return near.session.id, far.session.id


def test_a_session_leaves_one_line_when_it_ends(audited, tlspool):
    audited.start()
    ids = talk(*both(tlspool, "pool.example", client={"service": "test", "alpn": ["h2"]}, server={"alpn": ["h2"]}))
    by_role = {line["role"]: line for line in lines(audited, 2)}
    client, server = by_role["client"], by_role["server"]
    assert (client["session"], server["session"]) == ids
    for line in (client, server):
        assert line["event"] == "audit" and line["outcome"] == "ended" and line["end"] in ("closeNotify", "local")
        assert line["pool"] == str(audited.directory) and line["process"] == "worker-0"
        assert (line["uid"], line["gid"], line["pid"]) == (os.geteuid(), os.getegid(), os.getpid())
        assert line["transport"] == "tcp" and line["peerAddress"].startswith("127.0.0.1:")
        assert (line["version"], line["alpn"], line["resumed"]) == ("tls13", "h2", False)
        assert line["cipherSuite"].startswith("TLS_") and line["group"]
        assert 0 < line["handshakeSeconds"] < 60 and 0 <= line["sessionSeconds"] < 60
        assert line["reason"] is line["check"] is line["alertSent"] is line["policy"] is line["rule"] is None
    assert (client["bytesSent"], client["bytesReceived"]) == (server["bytesReceived"], server["bytesSent"]) == (1000, 10)
    assert client["service"] == "test" and client["localIdentity"] is None
    assert client["remoteIdentity"] == client["expectedIdentity"] == server["localIdentity"] == "pool.example"
    assert client["verifiedBy"] == "chain" and server["verifiedBy"] is None


def test_policy_and_rule_that_decided_are_named(audited, tlspool):
    audited.configure('[[policy]]\nremote = "pool.example"\ntrust = "chain and name"\n\n[[rule]]\nremote = "pool.example"\naction = "deny"\nservice = "no"\n'
                      '\n[authorization]\ndefault = "allow"\n')
    audited.start()
    text = audited.config.read_text().splitlines()
    at = {table: f"{audited.config}:{text.index(table) + 1}" for table in ("[[policy]]", "[[rule]]")}
    talk(*both(tlspool, "pool.example"))
    client = next(line for line in lines(audited, 2) if line["role"] == "client")
    assert (client["policy"], client["rule"]) == (at["[[policy]]"], "default")
    refused(tlspool, service="no", server="pool.example")
    client = next(line for line in lines(audited, 4)[2:] if line["role"] == "client")
    assert (client["outcome"], client["reason"], client["check"]) == ("refused", "policy", "authorization")
    assert (client["policy"], client["rule"]) == (at["[[policy]]"], at["[[rule]]"])


def refused(tlspool, service="", server="another.example"):
    a, b = tcp_pair()

    def serve():
        with pytest.raises(tlspool.HandshakeFailed):
            with tlspool.wrap_server(b, "pool.example") as far:
                far.recv(1)
            raise tlspool.HandshakeFailed("it ended in the session", "alert", None, None, None, None, True)

    with in_thread(serve), pytest.raises(tlspool.HandshakeFailed):
        tlspool.wrap_client(a, server, service=service)
    a.close()
    b.close()


def test_a_refused_handshake_leaves_one_line_each(audited, tlspool):
    audited.start()
    a, b = tcp_pair()

    def serve():
        with pytest.raises(tlspool.HandshakeFailed):
            tlspool.wrap_server(b, "pool.example")

    with in_thread(serve), pytest.raises(tlspool.HandshakeFailed) as failed:
        tlspool.wrap_client(a, "another.example")
    with pytest.raises(tlspool.IdentityRefused):
        tlspool.wrap_server(a, "nobody.example")
    a.close()
    b.close()
    found = lines(audited, 3)
    client = next(line for line in found if line["role"] == "client")
    server = next(line for line in found if line["role"] == "server" and line["reason"] != "identity")
    identity = next(line for line in found if line["reason"] == "identity")
    assert {line["outcome"] for line in found} == {"refused"}
    assert (client["reason"], client["check"], client["alertSent"]) == ("certificate", "name", "bad_certificate")
    assert client["message"] == str(failed.value) and client["expectedIdentity"] == "another.example"
    assert (server["reason"], server["alertReceived"]) == ("alert", "bad_certificate")
    assert identity["localIdentity"] == "nobody.example" and identity["pid"] == os.getpid()
    assert client["session"] is client["end"] is client["bytesSent"] is None


def test_what_a_peer_says_can_not_forge_a_line(audited, tlspool):
    audited.start()
    hostile = 'x"},\n{"event":"audit","outcome":"ended"} \x1b[31m'
    talk(*both(tlspool, "pool.example", client={"alpn": [hostile], "service": "\x1b]0;title\x07" + "y" * 100}, server={"alpn": [hostile]}))
    client = next(line for line in lines(audited, 2) if line["role"] == "client")
    assert client["alpn"] == hostile.replace("\n", "\\x0a").replace("\x1b", "\\x1b")
    assert client["service"].startswith("\\x1b]0;title\\x07yy")


def test_rotation_by_rename_and_hangup(audited, tlspool):
    audited.start()
    talk(*both(tlspool, "pool.example"))
    lines(audited, 2)
    old = audited.audit.rename(audited.directory / "audit.json.1")
    audited.process.send_signal(signal.SIGHUP)
    audited.wait_for("config.applied")
    talk(*both(tlspool, "pool.example"))
    lines(audited, 2)
    lines(audited, 2, old)
    assert audited.audit.stat().st_mode & 0o777 == 0o640


def test_by_default_lines_are_in_the_log(make_pool, monkeypatch):
    pool = make_pool()
    pool.start()
    monkeypatch.setenv("TLSPOOL_DIR", str(pool.directory))
    import tlspool as library

    talk(*both(library, "pool.example"))
    line = pool.wait_for("audit", role="client")
    assert [name for name in line if name != "level"] == FIELDS
    assert line["bytesSent"] == 1000 and line["level"] == "info"


def test_a_place_that_can_not_be_written_is_a_mistake(audited):
    good = str(audited.audit)
    for bad, why in ((f"{audited.directory}/no/such/audit.json", "No such file"), ("/dev/null", "it is no file")):
        audited.replace(f'audit = "{good}"', f'audit = "{bad}"')
        audited.start(wait=False)
        assert why in audited.wait_for("pool.failed")["reason"]
        audited.stop()
        audited.replace(f'audit = "{bad}"', f'audit = "{good}"')
    audited.start()
    audited.replace(f'audit = "{good}"', 'audit = "/no/such/audit.json"')
    done = audited.tlspool("reload", check=False)
    assert done.returncode != 0 and "[log] audit" in done.stderr


def test_the_fields_are_documented():
    text = (ROOT / "docs" / "observability.md").read_text()
    assert [name for name in FIELDS if f"| `{name}` |" not in text] == []
