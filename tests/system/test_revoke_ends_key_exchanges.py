# SPDX-License-Identifier: Apache-2.0
"""`tlspool revoke` ends the key exchanges with whom it names, at any step, and no others; what was agreed on is not given out any more."""
from test_key_exchange_in_the_pool import A, B, _people  # noqa: F401 (the fixture `people`)

OTHER = "c.example"


def shown(person, exchange):
    return person.call("ShowExchange", exchange=exchange["id"])["exchange"]


def is_ended(person, exchange):
    now = shown(person, exchange)
    return now["state"] == "failed" and "revoked" in now["problem"]


def test_one_that_waits_for_its_answer(people):
    a, _ = people
    waiting = a.start()["exchange"]
    another = a.start(remoteIdentity=OTHER)["exchange"]
    a.pool.tlspool("revoke", B)
    assert is_ended(a, waiting)
    assert shown(a, another)["state"] == "waiting"
    assert a.pool.wait_for("exchanges.revoked")["ended"] == "1"
    assert "revoked" in a.pool.tlspool("kex", "list", "--json").stdout


def test_its_answer_is_refused(people):
    a, b = people
    one = a.start()
    two = b.answer(one["message"])
    a.pool.tlspool("revoke", B)
    assert "revoked" in a.refused(two["message"])["message"]
    a.pool.tlspool("revoke", B, "--undo")
    assert is_ended(a, one["exchange"])  # it stays so: start again
    assert a.start()["exchange"]["state"] == "waiting"


def test_one_whose_peer_was_proved(people):
    a, b = people
    one = a.start()
    two = b.answer(one["message"])
    three = a.go_on(two["message"])
    a.pool.tlspool("revoke", B)
    b.pool.tlspool("revoke", A)
    assert is_ended(a, three["exchange"]) and is_ended(b, two["exchange"])
    assert "revoked" in b.refused(three["message"])["message"]


def test_a_finished_one_gives_its_key_no_more(people):
    a, b = people
    one = a.start()
    two = b.answer(one["message"])
    three = a.go_on(two["message"])
    four = b.go_on(three["message"])
    done = a.go_on(four["message"])["exchange"]
    assert a.secret(done) == b.secret(four["exchange"])
    a.pool.tlspool("revoke", B)
    assert is_ended(a, done)
    answer = a.ask("ExchangeSecret", exchange=done["id"], length=32)
    assert "error" in answer
