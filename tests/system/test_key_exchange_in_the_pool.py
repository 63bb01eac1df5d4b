# SPDX-License-Identifier: Apache-2.0
"""The calls of a key exchange: four messages, one key on both sides, and nothing before everybody is known."""
import base64
import hashlib

import pytest

from control import Control
from kex import A, B, share
from pool import eventually


class Person:
    """Somebody with a pool, who makes one call at a time."""

    def __init__(self, pool, own, other):
        self.pool, self.own, self.other = pool, own, other

    def ask(self, method, **parameters):
        with Control(self.pool) as control:
            return control.call(method, {k: v for k, v in parameters.items() if v is not None})

    def call(self, method, **parameters):
        answer = self.ask(method, **parameters)
        assert "error" not in answer, answer
        return answer["parameters"]

    def start(self, **parameters):
        return self.call("StartExchange", **{"localIdentity": self.own, "remoteIdentity": self.other} | parameters)

    def answer(self, message, **parameters):
        return self.call("ContinueExchange", **{"message": message, "localIdentity": self.own, "remoteIdentity": self.other} | parameters)

    def go_on(self, message):
        return self.call("ContinueExchange", message=message)

    def refused(self, message, error="io.tlspool.Pool.MessageRefused", **parameters):
        answer = self.ask("ContinueExchange", message=message, **parameters)
        assert answer.get("error") == error, answer
        return answer["parameters"]

    def secret(self, exchange, length=32):
        return self.call("ExchangeSecret", exchange=exchange["id"], length=length)["keyingMaterial"]


@pytest.fixture(name="people")
def _people(make_pool):
    pools = [make_pool(name=name) for name in (A, B)]
    for pool, other in (pools, reversed(pools)):
        pool.trust(other.ca)
    for pool in pools:
        pool.start()
    return Person(pools[0], A, B), Person(pools[1], B, A)


def test_four_messages_give_both_the_same_key(people):
    a, b = people
    one = a.start()
    assert one["exchange"]["state"] == "waiting" and one["exchange"]["remoteIdentity"] is None
    two = b.answer(one["message"])
    assert two["exchange"]["state"] == "waiting" and two["exchange"]["remoteIdentity"] is None
    three = a.go_on(two["message"])
    assert (three["exchange"]["state"], three["exchange"]["remoteIdentity"], three["exchange"]["verifiedBy"]) == ("waiting", B, "chain")
    four = b.go_on(three["message"])
    assert (four["exchange"]["state"], four["exchange"]["remoteIdentity"], four["exchange"]["verifiedBy"]) == ("finished", A, "chain")
    end = a.go_on(four["message"])
    assert end["message"] is None and end["exchange"]["state"] == "finished"
    assert a.secret(end["exchange"]) == b.secret(four["exchange"])
    assert end["exchange"]["authenticationString"] == four["exchange"]["authenticationString"]


def both_shared_keys(a, b, one, two):
    return a.secret(one) == b.secret(two)


def test_no_key_before_the_end(people):
    a, b = people
    one = a.start()
    two = b.answer(one["message"])
    three = a.go_on(two["message"])
    for person, state in ((a, one), (b, two), (a, three)):
        assert person.ask("ExchangeSecret", exchange=state["exchange"]["id"], length=16)["error"] == "io.tlspool.Pool.ExchangeUnfit"


def test_every_flipped_bit_is_noticed_and_the_exchange_goes_on(people):
    a, b = people
    one = a.start()["message"]
    two = b.answer(one)["message"]
    three = a.go_on(two)["message"]
    for person, message in ((a, two), (b, three), (b, one)):
        data = bytearray(base64.b64decode(message))
        for at in list(range(0, len(data), max(1, len(data) // 40))) + list(range(len(data) - 40, len(data))):
            data[at] ^= 1
            answer = person.ask("ContinueExchange", message=base64.b64encode(data).decode(), localIdentity=person.own, remoteIdentity=person.other)
            assert answer["error"] == "io.tlspool.Pool.MessageRefused" and answer["parameters"]["usable"], answer
            data[at] ^= 1
    four = b.go_on(three)
    end = a.go_on(four["message"])
    assert both_shared_keys(a, b, end["exchange"], four["exchange"])


def test_truncated_messages_are_noticed(people):
    a, b = people
    data = base64.b64decode(a.start()["message"])
    for size in (0, 1, 38, 39, len(data) // 2, len(data) - 1):
        answer = b.ask("ContinueExchange", message=base64.b64encode(data[:size]).decode(), localIdentity=B, remoteIdentity=A)
        assert answer["error"] == "io.tlspool.Pool.MessageRefused", (size, answer)
    assert b.call("ListExchanges")["exchanges"] == []


def test_messages_out_of_their_turn_are_refused_and_harm_nothing(people):
    a, b = people
    one = a.start()
    assert "of our own" in a.refused(one["message"])["message"]
    two = b.answer(one["message"])
    assert "read already" in b.refused(one["message"], localIdentity=B)["message"]
    assert "of our own" in b.refused(two["message"])["message"]
    three = a.go_on(two["message"])
    assert "read already" in a.refused(two["message"])["message"]
    assert "of our own" in a.refused(three["message"])["message"]
    four = b.go_on(three["message"])
    assert "read already" in b.refused(three["message"])["message"]
    shown = b.call("ShowExchange", exchange=four["exchange"]["id"])
    assert shown["message"] == four["message"]
    end = a.go_on(four["message"])
    assert "read already" in a.refused(four["message"])["message"]
    assert both_shared_keys(a, b, end["exchange"], four["exchange"])


def test_messages_of_another_exchange_are_told_apart(people):
    a, b = people
    first, second = a.start(), a.start()
    answers = [b.answer(m["message"]) for m in (first, second)]
    ends = [a.go_on(m["message"]) for m in reversed(answers)]
    finals = [b.go_on(m["message"]) for m in ends]
    done = [a.go_on(m["message"]) for m in finals]
    keys = [a.secret(m["exchange"]) for m in done]
    assert keys == [b.secret(m["exchange"]) for m in finals]
    assert keys[0] != keys[1]


def test_a_message_for_nobody_says_what_may_have_happened(people):
    a, b = people
    two = b.answer(a.start()["message"])
    b.call("CancelExchange", exchange=two["exchange"]["id"])
    three = a.go_on(two["message"])
    assert "the pool was started anew" in b.refused(three["message"], "io.tlspool.Pool.ExchangeUnknown")["message"]


def test_both_begin_and_the_tie_breaker_decides(people):
    a, b = people
    roles = set()
    for _ in range(12):
        mine, theirs = a.start(), b.start()
        at_b = b.answer(mine["message"])
        at_a = a.answer(theirs["message"])
        # Whoever became server has an answer; the other one's own message stands.
        assert (at_a["message"] is None) != (at_b["message"] is None)
        client, server, two = (a, b, at_b) if at_a["message"] is None else (b, a, at_a)
        roles.add(client.own)
        three = client.go_on(two["message"])
        four = server.go_on(three["message"])
        end = client.go_on(four["message"])
        assert client.secret(end["exchange"]) == server.secret(four["exchange"])
        assert (end["exchange"]["role"], four["exchange"]["role"]) == ("client", "server")
        for person, exchange in ((client, end), (server, four)):
            person.call("CancelExchange", exchange=exchange["exchange"]["id"])
    assert roles == {A, B}, "12 ties all went the same way"


def test_whose_message_it_is_must_be_said_where_one_has_begun_oneself(people):
    a, b = people
    a.start()
    refusal = a.refused(b.start()["message"], localIdentity=A)
    assert "--with" in refusal["message"] and refusal["usable"]


def test_whoever_is_not_expected_is_refused(people):
    a, b = people
    b.pool.identity("c.example")
    b.pool.tlspool("reload")
    one = a.start(remoteIdentity="c.example")
    two = b.answer(one["message"])
    answer = a.ask("ContinueExchange", message=two["message"])
    assert answer["error"] == "io.tlspool.Pool.HandshakeFailed"
    assert answer["parameters"]["reason"] == "certificate" and answer["parameters"]["check"] == "name"
    assert a.call("ListExchanges")["exchanges"] == []


def test_without_a_name_whoever_proves_an_identity_is_told(people):
    a, b = people
    two = b.answer(a.start()["message"], remoteIdentity=None)
    four = b.go_on(a.go_on(two["message"])["message"])
    assert four["exchange"]["remoteIdentity"] == A and four["exchange"]["withIdentity"] is None
    assert both_shared_keys(a, b, a.go_on(four["message"])["exchange"], four["exchange"])


def test_one_user_has_so_many_exchanges_and_no_more(people):
    a, _ = people
    for _ in range(32):
        a.start()
    answer = a.ask("StartExchange", localIdentity=A, remoteIdentity=B)
    assert answer["error"] == "io.tlspool.Pool.LimitReached" and "32" in answer["parameters"]["message"]
    a.call("CancelExchange", exchange=a.call("ListExchanges")["exchanges"][0]["id"])
    a.start()


@pytest.mark.parametrize("parameters, wrong", [
    ({"lifetimeSeconds": 0}, "lifetimeSeconds"), ({"lifetimeSeconds": 2592001}, "lifetimeSeconds"), ({"remotePin": "00"}, "remotePin"),
    ({"remoteIdentity": "a..example"}, "remoteIdentity"),
])
def test_parameters_out_of_range_are_named(people, parameters, wrong):
    answer = people[0].ask("StartExchange", **{"localIdentity": A, "remoteIdentity": B} | parameters)
    assert answer == {"error": "org.varlink.service.InvalidParameter", "parameters": {"parameter": wrong}}
    for lifetime in (1, 2592000):
        people[0].start(lifetimeSeconds=lifetime)


def test_an_identity_that_is_not_there_is_refused(people):
    answer = people[0].ask("StartExchange", localIdentity="nobody.example", remoteIdentity=B)
    assert answer["error"] == "io.tlspool.Pool.IdentityRefused"


TRAILER = 39


def resealed(message, part):
    """One bit of the TLS records, as far into them as `part` says, changed by somebody who knows how the trailer is made."""
    data = bytearray(base64.b64decode(message))
    data[round((len(data) - TRAILER - 1) * part)] ^= 1
    data[-16:] = hashlib.sha256(data[:-16]).digest()[:16]
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("step", [2, 3, 4])
def test_a_bit_changed_by_somebody_who_knows_the_form_ends_the_exchange_without_a_key(people, step):
    for part in (0.1, 0.5, 1.0):
        a, b = people
        message = a.start()["message"]
        turn = b.answer(message)
        for number, person in ((2, a), (3, b), (4, a)):
            if number == step:
                break
            turn = person.go_on(turn["message"])
        answer = person.ask("ContinueExchange", message=resealed(turn["message"], part))
        assert answer["error"] == "io.tlspool.Pool.HandshakeFailed", (part, answer)
        assert person.call("ListExchanges")["exchanges"] == []
        # The right one comes too late: nobody gets to try again.
        person.refused(turn["message"], "io.tlspool.Pool.ExchangeUnknown")
        for other in (a, b):
            for exchange in other.call("ListExchanges")["exchanges"]:
                other.call("CancelExchange", exchange=exchange["id"])


def test_a_changed_hello_finishes_with_nobody(people):
    a, b = people
    message = a.start()["message"]
    data = bytearray(base64.b64decode(message))
    data[20] ^= 1  # of the random
    data[-32:-16] = hashlib.sha256(data[:-39]).digest()[:16]
    data[-16:] = hashlib.sha256(data[:-16]).digest()[:16]
    two = b.answer(base64.b64encode(data).decode())
    # Its answer belongs to a hello that was never sent.
    a.refused(two["message"], "io.tlspool.Pool.ExchangeUnknown")


def test_an_exchange_expires(people):
    a, b = people
    mine = a.start(lifetimeSeconds=2)
    two = b.answer(mine["message"])
    eventually(lambda: a.call("ListExchanges")["exchanges"] == [])
    a.refused(two["message"], "io.tlspool.Pool.ExchangeUnknown")
    assert len(b.call("ListExchanges")["exchanges"]) == 1


def test_the_pool_that_is_started_anew_has_forgotten_it(people):
    a, b = people
    two = b.answer(a.start()["message"])
    a.pool.restart()
    assert "the pool was started anew" in a.refused(two["message"], "io.tlspool.Pool.ExchangeUnknown")["message"]


def test_a_reload_keeps_it(people):
    a, b = people
    two = b.answer(a.start()["message"])
    a.pool.tlspool("reload")
    four = b.go_on(a.go_on(two["message"])["message"])
    assert both_shared_keys(a, b, a.go_on(four["message"])["exchange"], four["exchange"])


def test_the_command_that_asked_may_go_away(people):
    a, b = people
    control = Control(a.pool)
    control.send("StartExchange", {"localIdentity": A, "remoteIdentity": B})
    control.close()
    eventually(lambda: len(a.call("ListExchanges")["exchanges"]) == 1)
    exchange = a.call("ListExchanges")["exchanges"][0]
    two = b.answer(a.call("ShowExchange", exchange=exchange["id"])["message"])
    four = b.go_on(a.go_on(two["message"])["message"])
    assert both_shared_keys(a, b, a.go_on(four["message"])["exchange"], four["exchange"])


def test_a_shared_key_may_be_the_proof(people):
    a, b = people
    for person in people:
        person.pool.tlspool("psk", "add", "known", "--from-stdin", stdin="42" * 32)
        share(person, "known")
        person.pool.tlspool("reload")
    two = b.answer(a.start()["message"])
    three = a.go_on(two["message"])
    four = b.go_on(three["message"])
    end = a.go_on(four["message"])
    assert (three["exchange"]["verifiedBy"], four["exchange"]["verifiedBy"]) == ("sharedKey", "sharedKey")
    assert both_shared_keys(a, b, end["exchange"], four["exchange"])
