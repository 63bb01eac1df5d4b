# SPDX-License-Identifier: Apache-2.0
"""Nothing vouches for the other side's key: people compare words, and the key is pinned from then on."""
import pytest

from test_key_exchange_in_the_pool import A, B, Person


@pytest.fixture(name="people")
def _people(make_pool):
    pools = [make_pool(name=name) for name in (A, B)]
    for pool in pools:
        pool.start()
    return Person(pools[0], A, B), Person(pools[1], B, A)


def run(a, b, a_options, b_options):
    two = b.answer(a.start(**a_options)["message"], **b_options)
    four = b.go_on(a.go_on(two["message"])["message"])
    return a.go_on(four["message"])["exchange"], four["exchange"]


CONTACT = {"firstContact": True}


def test_the_key_waits_for_the_words(people):
    a, b = people
    ends = run(a, b, CONTACT, CONTACT)
    for person, exchange in zip(people, ends):
        assert (exchange["state"], exchange["verifiedBy"]) == ("unconfirmed", "none")
        assert person.ask("ExchangeSecret", exchange=exchange["id"], length=16)["error"] == "io.tlspool.Pool.ExchangeUnfit"
        assert person.call("ConfirmExchange", exchange=exchange["id"])["exchange"]["state"] == "finished"
        assert person.ask("ConfirmExchange", exchange=exchange["id"])["error"] == "io.tlspool.Pool.ExchangeUnfit"
    assert ends[0]["authenticationString"] == ends[1]["authenticationString"]
    assert a.secret(ends[0]) == b.secret(ends[1])


def test_two_exchanges_have_different_words(people):
    words = {run(*people, CONTACT, CONTACT)[0]["authenticationString"] for _ in range(3)}
    assert len(words) == 3


def test_without_first_contact_nobody_is_believed(people):
    a, b = people
    two = b.answer(a.start()["message"])
    refusal = a.ask("ContinueExchange", message=two["message"])
    assert refusal["error"] == "io.tlspool.Pool.HandshakeFailed" and refusal["parameters"]["check"] == "chain"
    # The answering side refuses as well.
    two = b.answer(a.start(**CONTACT)["message"])
    refusal = b.ask("ContinueExchange", message=a.go_on(two["message"])["message"])
    assert refusal["error"] == "io.tlspool.Pool.HandshakeFailed" and refusal["parameters"]["check"] == "chain"


def test_the_name_must_fit_on_first_contact_too(people):
    a, b = people
    two = b.answer(a.start(remoteIdentity="c.example", **CONTACT)["message"], **CONTACT)
    refusal = a.ask("ContinueExchange", message=two["message"])
    assert refusal["parameters"]["check"] == "name"


def test_a_pinned_key_needs_no_words_and_another_key_is_refused(people):
    a, b = people
    ends = run(a, b, CONTACT, CONTACT)
    pins = [{"remotePin": end["remotePin"]} for end in ends]
    again = run(a, b, *pins)
    assert [(e["state"], e["verifiedBy"]) for e in again] == [("finished", "pin")] * 2
    assert a.secret(again[0]) == b.secret(again[1])
    # Whoever pinned one key is not talked into another, first contact or not.
    wrong = {"remotePin": "00" * 32, "firstContact": True}
    two = b.answer(a.start(**wrong)["message"], **CONTACT)
    refusal = a.ask("ContinueExchange", message=two["message"])
    assert refusal["parameters"]["check"] == "pin" and "in the middle" in refusal["parameters"]["message"]


def test_one_side_may_know_the_other_by_its_chain(people):
    a, b = people
    a.pool.trust(b.pool.ca)
    a.pool.restart()
    mine, theirs = run(a, b, {}, CONTACT)
    assert (mine["state"], mine["verifiedBy"]) == ("finished", "chain")
    assert theirs["state"] == "unconfirmed"
    assert mine["authenticationString"] == theirs["authenticationString"]
