# SPDX-License-Identifier: Apache-2.0
"""Whoever carries the messages may change them and make their checks fit again: TLS notices, and no key comes out of it."""
import base64
import hashlib

import pytest

from test_key_exchange_in_the_pool import A, B, Person

TRAILER = 5 + 34
SPOILT = ("io.tlspool.Pool.HandshakeFailed", "io.tlspool.Pool.MessageRefused")


def parts(message):
    """The TLS records and the rest."""
    data = base64.b64decode(message)
    return data[:-TRAILER], data[-TRAILER:]


def sealed(records, trailer):
    """A message whose check fits."""
    body = records + trailer[:-16]
    return base64.b64encode(body + hashlib.sha256(body).digest()[:16]).decode()


def first(records, trailer):
    """The same for a first message, whose id must fit as well."""
    return sealed(records, trailer[:7] + hashlib.sha256(records).digest()[:16] + trailer[23:])


@pytest.fixture(scope="module", name="people")
def _people(sites):
    a, b = sites
    return Person(a, A, B), Person(b, B, A)


@pytest.fixture(autouse=True)
def _none_left(people):
    yield
    for person in people:
        for exchange in person.call("ListExchanges")["exchanges"]:
            person.call("CancelExchange", exchange=exchange["id"])


def up_to(a, b, step):
    """Who reads the message of this number, and the message."""
    message = a.start()["message"]
    if step == 1:
        return b, message
    message = b.answer(message)["message"]
    if step == 2:
        return a, message
    message = a.go_on(message)["message"]
    return (b, message) if step == 3 else (a, b.go_on(message)["message"])


def read(person, message):
    return person.ask("ContinueExchange", message=message, localIdentity=person.own, remoteIdentity=person.other)


def has_no_key(person):
    """No exchange of theirs gives a key."""
    for exchange in person.call("ListExchanges")["exchanges"]:
        assert person.ask("ExchangeSecret", exchange=exchange["id"], length=16)["error"] == "io.tlspool.Pool.ExchangeUnfit"


def changes(records):
    """Every kind of place: headers, contents, the end."""
    return sorted({0, 3, 4, 5, 9, 44, len(records) // 3, len(records) // 2, 2 * len(records) // 3, len(records) - 20, len(records) - 1})


@pytest.mark.parametrize("step", (2, 3, 4))
def test_a_change_ends_the_exchange_and_gives_no_key(people, step):
    for number in range(9):
        reader, message = up_to(*people, step)
        records, trailer = parts(message)
        at = changes(records)[number]
        answer = read(reader, sealed(records[:at] + bytes([records[at] ^ 1]) + records[at + 1:], trailer))
        # The compatibility change_cipher_spec's version and such mean nothing to TLS: then all goes on as it was.
        if "error" not in answer:
            assert at < 5, (at, answer)
            continue
        assert answer["error"] in SPOILT, (at, answer)
        has_no_key(reader)


def test_a_changed_first_message_comes_to_nothing(people):
    a, b = people
    records, _ = parts(a.start()["message"])
    for at in changes(records):
        one = a.start()["message"]
        records, trailer = parts(one)
        answer = read(b, first(records[:at] + bytes([records[at] ^ 1]) + records[at + 1:], trailer))
        if "error" in answer:
            assert answer["error"] in SPOILT, answer
        else:
            # B can't know, but A does not know such an exchange, nor does TLS fit if its id is put right.
            two = answer["parameters"]["message"]
            assert a.ask("ContinueExchange", message=two)["error"] == "io.tlspool.Pool.ExchangeUnknown"
            theirs, end = parts(two)
            assert a.ask("ContinueExchange", message=sealed(theirs, end[:7] + trailer[7:23] + end[23:]))["error"] in SPOILT
        has_no_key(a)
        for person in people:
            for exchange in person.call("ListExchanges")["exchanges"]:
                person.call("CancelExchange", exchange=exchange["id"])


@pytest.mark.parametrize("step", (1, 2, 3, 4))
def test_a_part_of_a_message_is_no_message(people, step):
    for share in (0.1, 0.5, 0.99):
        reader, message = up_to(*people, step)
        records, trailer = parts(message)
        part = records[:max(1, int(len(records) * share))]
        answer = read(reader, first(part, trailer) if step == 1 else sealed(part, trailer))
        assert answer["error"] in SPOILT, answer
        has_no_key(reader)


@pytest.mark.parametrize("step", (2, 3, 4))
def test_a_message_of_another_exchange_with_its_id_put_right(people, step):
    reader, own = up_to(*people, step)
    _, other = up_to(*people, step)
    records, _ = parts(other)
    _, trailer = parts(own)
    assert read(reader, sealed(records, trailer))["error"] in SPOILT
    has_no_key(reader)


@pytest.mark.parametrize("step, shown", [(2, 1), (2, 3), (3, 2), (4, 3)])
def test_a_message_under_the_number_of_another_one(people, step, shown):
    a, b = people
    messages = [a.start()["message"]]
    messages.append(b.answer(messages[0])["message"])
    reader = a
    for current in range(3, step + 1):
        messages.append((a if current == 3 else b).go_on(messages[-1])["message"])
        reader = b if current == 3 else a
    if shown > len(messages):
        records = b"\x14\x03\x03\x00\x01\x01"
    else:
        records, _ = parts(messages[shown - 1])
    _, trailer = parts(messages[step - 1])
    assert read(reader, sealed(records, trailer))["error"] in SPOILT
    has_no_key(reader)


def test_whoever_stands_in_the_middle_of_a_first_contact_has_other_words(make_pool):
    """M is b.example to A and a.example to B, by certificates of its own."""
    pools = [make_pool(name=name) for name in (A, B, "m.example")]
    for name in (A, B):
        pools[2].identity(name)
    for pool in pools:
        pool.start()
    a, b = Person(pools[0], A, B), Person(pools[1], B, A)
    to_a, to_b = Person(pools[2], B, A), Person(pools[2], A, B)

    def meet(one, other):
        two = other.answer(one.start(firstContact=True)["message"], firstContact=True)
        four = other.go_on(one.go_on(two["message"])["message"])
        return one.go_on(four["message"])["exchange"], four["exchange"]

    at_a, _ = meet(a, to_a)
    _, at_b = meet(to_b, b)
    assert at_a["state"] == at_b["state"] == "unconfirmed"
    assert at_a["authenticationString"] != at_b["authenticationString"]
    has_no_key(a)
    has_no_key(b)
