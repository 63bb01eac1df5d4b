# SPDX-License-Identifier: Apache-2.0
"""One audit line for each key exchange, on each side, of which programs can rely on every field, and without the key."""
import base64
import json
import os

import pytest
from pool import ROOT, eventually
from test_key_exchange_in_the_pool import A, B, Person

# In this order, always all of them; docs/observability.md says what each is.
FIELDS = ["time", "process", "event", "pool", "outcome", "exchange", "messageId", "step", "role", "uid", "gid", "pid", "executable", "localIdentity",
          "expectedIdentity", "remoteIdentity", "verifiedBy", "remotePin", "policy", "rule", "cipherSuite", "group", "sharedKey", "started",
          "exchangeSeconds", "reason", "check", "alertSent", "alertReceived", "message"]


def make_people(make_pool, anchors):
    pools = [make_pool(name=name) for name in (A, B)]
    if anchors:
        for pool, other in (pools, reversed(pools)):
            pool.trust(other.ca)
    for pool in pools:
        pool.audit = pool.directory / "audit.json"
        pool.replace("[log]", f'[log]\naudit = "{pool.audit}"')
        pool.start()
    return Person(pools[0], A, B), Person(pools[1], B, A)


@pytest.fixture
def people(make_pool):
    return make_people(make_pool, anchors=True)


def lines(person, count):
    """The audit lines, once there are as many."""
    file = person.pool.audit
    eventually(lambda: file.exists() and file.read_text().count("\n") >= count)
    found = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(found) == count
    for line in found:
        assert list(line) == FIELDS and line["event"] == "audit.exchange" and line["pool"] == str(person.pool.directory)
        assert (line["uid"], line["gid"]) == (os.geteuid(), os.getegid())
    return found


def run_through(a, b, **more):
    """All four messages; what the last commands of A and B came to."""
    four = b.go_on(a.go_on(b.answer(a.start(**more)["message"], **more)["message"])["message"])
    return a.go_on(four["message"])["exchange"], four["exchange"]


def test_a_finished_one_leaves_a_line_on_each_side_and_no_key(people):
    a, b = people
    ends = run_through(a, b)
    keys = [base64.b64decode(person.secret(exchange, 64)) for person, exchange in zip(people, ends)]
    (of_a,), (of_b,) = lines(a, 1), lines(b, 1)
    for line, own, other, role, step in ((of_a, A, B, "client", 3), (of_b, B, A, "server", 4)):
        assert (line["outcome"], line["role"], line["step"], line["verifiedBy"]) == ("finished", role, step, "chain")
        assert line["localIdentity"] == own and line["expectedIdentity"] == line["remoteIdentity"] == other
        assert line["cipherSuite"].startswith("TLS_") and line["group"] and len(line["remotePin"]) == 64
        assert 0 <= line["exchangeSeconds"] < 60
        assert line["reason"] is line["check"] is line["message"] is line["rule"] is None
    assert of_a["messageId"] == of_b["messageId"] and (of_a["exchange"], of_b["exchange"]) == (ends[0]["id"], ends[1]["id"])
    text = a.pool.audit.read_text() + b.pool.audit.read_text()
    assert keys[0] == keys[1] and not [form for form in (keys[0].hex(), base64.b64encode(keys[0]).decode()[:-2]) if form[:40] in text]
    a.call("CancelExchange", exchange=ends[0]["id"])  # its end is told already
    lines(a, 1)


def test_one_that_fails_says_why(people):
    a, b = people
    two = b.answer(a.start(remoteIdentity="c.example")["message"])
    a.refused(two["message"], "io.tlspool.Pool.HandshakeFailed")
    (line,) = lines(a, 1)
    assert (line["outcome"], line["expectedIdentity"], line["step"], line["reason"]) == ("failed", "c.example", 1, "certificate")
    assert line["check"] and line["alertSent"] and B in line["message"]


def test_one_that_is_revoked_while_it_waits(people):
    a, _ = people
    a.start()
    a.pool.tlspool("revoke", B)
    (line,) = lines(a, 1)
    assert (line["outcome"], line["reason"]) == ("failed", "policy") and "revoked" in line["message"]


def test_one_that_nobody_wants_or_answers(people):
    a, _ = people
    a.call("CancelExchange", exchange=a.start()["exchange"]["id"])
    a.start(lifetimeSeconds=1)
    cancelled, expired = lines(a, 2)
    assert (cancelled["outcome"], expired["outcome"]) == ("cancelled", "expired")
    assert cancelled["messageId"] != expired["messageId"] and cancelled["role"] is expired["remoteIdentity"] is None


def test_a_first_contact_is_finished_when_the_words_were_compared(make_pool):
    a, b = make_people(make_pool, anchors=False)
    ends = run_through(a, b, firstContact=True)
    a.call("ConfirmExchange", exchange=ends[0]["id"])
    b.call("CancelExchange", exchange=ends[1]["id"])
    (of_a,), (of_b,) = lines(a, 1), lines(b, 1)
    assert [(line["outcome"], line["verifiedBy"]) for line in (of_a, of_b)] == [("finished", "firstContact"), ("cancelled", "firstContact")]


def test_an_identity_that_is_not_ours(people):
    a, _ = people
    assert a.ask("StartExchange", localIdentity="nobody.example", remoteIdentity=B)["error"] == "io.tlspool.Pool.IdentityRefused"
    (line,) = lines(a, 1)
    assert (line["outcome"], line["reason"], line["localIdentity"], line["exchange"]) == ("failed", "identity", "nobody.example", None)


def test_the_fields_are_documented():
    text = (ROOT / "docs" / "observability.md").read_text()
    table = text[text.index("### Key exchanges"):]
    assert [name for name in FIELDS if f"| `{name}` |" not in table] == []
