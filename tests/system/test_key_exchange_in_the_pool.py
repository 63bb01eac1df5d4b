# SPDX-License-Identifier: Apache-2.0
"""The calls of a key exchange: four messages, one key on both sides, and nothing before everybody is known."""
import base64

import pytest

from control import Control

A = "a.example"
B = "b.example"


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
