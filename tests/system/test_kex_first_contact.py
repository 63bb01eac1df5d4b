# SPDX-License-Identifier: Apache-2.0
"""People whom nothing vouches for: words by voice, a pin like that of a known host, and a loud refusal of another key."""
import pytest
from kex import A, B, make_people, mode_of, run_through, up_to_the_last, words_in

CONTACT = ("--with", A, "--first-contact")


@pytest.fixture(name="people")
def _people(make_pool):
    return make_people(make_pool, anchors=False)


def test_words_are_compared_before_there_is_a_key(people):
    a, b = people
    ends = run_through(a, b, ("--first-contact",), CONTACT)
    assert words_in(ends[0].stderr) == words_in(ends[1].stderr)
    assert ends[1].stdout == "" and ends[0].stdout.endswith("-----END TLS SERVER FINISH-----\n")
    for person, said in zip((b, a), ends):
        assert "which nothing has verified yet" in said.stderr and f"kex confirm {person.only_id()}" in said.stderr
        assert "by voice" in said.stderr
    keys = []
    for person in people:
        done = person.kex("confirm", person.only_id())
        assert f"The key of {person.other} is pinned in {person.pins}" in done.stderr
        keys.append(done.stdout)
        name, digest, date = person.pins.read_text().split()
        assert name == person.other and len(bytes.fromhex(digest)) == 32 and len(date) == 10
        assert mode_of(person.pins) == 0o600 and mode_of(person.pins.parent) == 0o700
    assert keys[0] == keys[1] != ""


def test_whom_one_has_pinned_needs_no_words_again(people):
    a, b = people
    run_through(a, b, ("--first-contact",), CONTACT)
    for person in people:
        person.kex("confirm", person.only_id())
        person.kex("cancel", person.only_id())
    # Names are compared as TLS does, however they are typed.
    four = b.reply(b_three := a.reply(b.reply(a.start(), "--with", "A.Example").stdout).stdout)
    end = a.reply(four.stdout)
    assert b_three and "verified by its key, which you pinned" in four.stderr and "verified by its key, which you pinned" in end.stderr
    assert end.stdout == b.kex("confirm", b.only_id()).stdout != ""
    assert a.pins.read_text().count("\n") == 1


@pytest.mark.parametrize("who", ("the one who begins", "the one who answers"))
def test_another_key_than_the_pinned_one_is_refused_with_its_line(people, who):
    a, b = people
    reader = a if who == "the one who begins" else b
    reader.pins.parent.mkdir(parents=True)
    reader.pins.write_text(f"# mine\nsomebody.example {'11' * 32} 2026-01-01\n{reader.other} {'00' * 32} 2026-01-02\n")
    two = b.reply(a.start("--first-contact"), *CONTACT).stdout
    said = a.refused("reply", stdin=two) if reader is a else b.refused("reply", stdin=a.reply(two).stdout)
    assert "somebody may be in the middle" in said and f"{reader.pins}:3" in said
    assert reader.exchanges() == []


def test_a_pin_file_that_is_not_understood_believes_nobody(people):
    a, _ = people
    a.pins.parent.mkdir(parents=True)
    a.pins.write_text(f"{B} 1234 2026-01-01\n")
    assert f"{a.pins}:1" in a.refused("start", "--with", B)


def test_without_first_contact_the_way_to_it_is_said(people):
    a, b = people
    two = b.reply(a.start()).stdout
    assert "--first-contact" in a.refused("reply", stdin=two)
    assert "--with" in b.refused("reply", "--first-contact", stdin=a.start())


def test_with_is_held_against_later_messages_too(people):
    a, b = people
    two = b.reply(a.start("--first-contact"), *CONTACT).stdout
    assert B in a.refused("reply", "--with", "c.example", stdin=two)
    three = a.kex("reply", "--with", B, stdin=two).stdout
    assert words_in(b.reply(three).stderr)


def test_one_side_knows_the_other_by_certificate(people):
    a, b = people
    a.pool.trust(b.pool.ca)
    a.pool.restart()
    four = b.reply(up_to_the_last(a, b, (), CONTACT))
    end = a.reply(four.stdout)
    # A has the key, and the words that B will ask for.
    assert "verified by its certificate" in end.stderr and words_in(end.stderr) == words_in(four.stderr)
    assert end.stdout == b.kex("confirm", b.only_id()).stdout != ""
