# SPDX-License-Identifier: Apache-2.0
"""`tlspool kex` between two users' pools, through files: four messages, one key, and who the other is before it is seen."""
import re

import pytest
from kex import A, B, LABELS, make_people, mode_of, run_through, up_to_the_last


@pytest.fixture(name="people")
def _people(make_pool):
    return make_people(make_pool)


def test_four_messages_through_files(people):
    a, b = people
    files = [a.home / f"message{number}" for number in range(1, 5)]
    done = a.kex("start", "--with", B)
    assert "lives in the memory of the pool until" in done.stderr and "start again" in done.stderr
    files[0].write_text(done.stdout)
    for person, read, write in ((b, 0, 1), (a, 1, 2), (b, 2, 3)):
        done = person.kex("reply", files[read], "--out", person.home / "key") if write == 3 else person.kex("reply", files[read])
        files[write].write_text(done.stdout)
    last = a.kex("reply", files[3], "--out", "key")
    for label, file in zip(LABELS, files):
        lines = file.read_text().splitlines()
        assert (lines[0], lines[-1]) == (f"-----BEGIN TLS {label}-----", f"-----END TLS {label}-----")
        assert {len(line) for line in lines[1:-2]} <= {76} and 0 < len(lines[-2]) <= 76
    assert last.stdout == ""
    keys = [(person.home / "key") for person in people]
    assert {mode_of(key) for key in keys} == {0o600}
    assert keys[0].read_text() == keys[1].read_text()
    assert re.fullmatch(r"[a-km-zA-HJ-NP-Z2-9]{16}\n", keys[0].read_text())
    assert "verified by its certificate" in done.stderr and A in done.stderr
    assert "verified by its certificate" in last.stderr and B in last.stderr


def test_who_the_other_is_stands_before_the_key(people):
    a, b = people
    two = b.reply(a.start())
    assert "is known when their next message has come" in two.stderr
    three = a.reply(two.stdout)
    assert f"The other side is {B}, verified by its certificate" in three.stderr
    four = b.reply(three.stdout)
    assert f"with {A}, verified by its certificate" in four.stderr
    # Its message is on standard output, and so its key is not.
    assert four.stdout.startswith("-----BEGIN TLS SERVER FINISH-----") and four.stdout.endswith("-----END TLS SERVER FINISH-----\n")
    assert f"kex confirm {b.only_id()}" in four.stderr
    key = b.kex("confirm", b.only_id()).stdout
    end = a.reply(four.stdout)
    assert f"with {B}, verified by its certificate" in end.stderr
    assert end.stdout == key != ""


FORMATS = {
    "password": (r"[a-km-zA-HJ-NP-Z2-9]{16}\n", 24, r"[a-km-zA-HJ-NP-Z2-9]{24}\n"),
    "words": (r"([a-z]{3,7} ){12}[a-z]{3,7}\n", 20, r"([a-z]{3,7} ){15}[a-z]{3,7}\n"),
    "base64": (r"[A-Za-z0-9+/]{43}=\n", 48, r"[A-Za-z0-9+/]{64}\n"),
    "hex": (r"[0-9a-f]{64}\n", 16, r"[0-9a-f]{32}\n"),
}


def test_every_format_is_the_same_on_both_sides(people):
    a, b = people
    run_through(a, b)
    for form, (usual, size, other) in FORMATS.items():
        for pattern, words in ((usual, ()), (other, ("--bytes", size))):
            one, two = (p.kex("confirm", p.only_id(), "--format", form, *words).stdout for p in people)
            assert one == two and re.fullmatch(pattern, one), (form, words, one)
    raw = [p.kex("confirm", p.only_id(), "--format", "raw", stdin=b"", text=False).stdout for p in people]
    assert raw[0] == raw[1] and raw[0].hex() + "\n" == a.kex("confirm", a.only_id(), "--format", "hex").stdout


def test_a_length_out_of_range_gives_nothing(people):
    a, b = people
    run_through(a, b)
    for form, size in (("password", 7), ("password", 129), ("words", 513), ("hex", 7)):
        assert "--bytes" in a.refused("confirm", a.only_id(), "--format", form, "--bytes", size)


def test_a_file_that_is_there_is_never_overwritten(people):
    a, b = people
    three = up_to_the_last(a, b)
    (b.home / "key").write_text("mine")
    assert "key: it is there already" in b.refused("reply", "--out", "key", stdin=three)
    assert (b.home / "key").read_text() == "mine"
    # The message was not used up for it.
    four = b.kex("reply", "--out", "other-key", stdin=three)
    assert (b.home / "other-key").read_text() == a.reply(four.stdout).stdout


def test_list_and_cancel(people):
    a, b = people
    assert a.kex("list").stdout == "no key exchanges\n"
    one = a.start("--days", 2)
    other = a.start()
    rows = a.kex("list").stdout.splitlines()
    assert len(rows) == 3 and all(B in row and "waits for SERVER HELLO" in row for row in rows[1:])
    assert re.search(r" (1 d 23 h|2 d)$", rows[1]) and re.search(r" (6 d 23 h|7 d)$", rows[2])
    first, second = (exchange["id"] for exchange in a.exchanges())
    assert a.kex("show", second).stdout == other
    assert "is gone" in a.kex("cancel", first).stderr
    assert [exchange["id"] for exchange in a.exchanges()] == [second]
    two = b.reply(one).stdout
    assert "start again" in a.refused("reply", stdin=two)
    assert "start again" in a.refused("cancel", first) and "start again" in a.refused("show", first)


def test_an_exchange_ends_with_the_pool(people):
    a, b = people
    one = a.start()
    a.pool.restart()
    said = a.refused("reply", stdin=b.reply(one).stdout)
    assert "the pool was started anew" in said and "tlspool kex start" in said


def test_which_identity_is_asked_where_there_are_several(people):
    a, b = people
    a.pool.identity("other.example")
    a.pool.tlspool("reload")
    said = a.refused("start", "--with", B)
    assert "--as" in said and A in said and "other.example" in said
    one = a.start("--as", A)
    assert a.reply(b.reply(one).stdout).returncode == 0


def test_users_of_a_domain_exchange_keys(people):
    a, b = people
    for person, name in ((a, "alice@a.example"), (b, "bob@b.example")):
        person.pool.identity(name)
        person.pool.tlspool("reload")
    one = a.kex("start", "--with", "bob@b.example", "--as", "alice@a.example").stdout
    two = b.kex("reply", "--with", "alice@a.example", "--as", "bob@b.example", stdin=one).stdout
    four = b.reply(a.reply(two).stdout)
    end = a.reply(four.stdout)
    assert "with alice@a.example, verified by its certificate" in four.stderr and "with bob@b.example, verified by its certificate" in end.stderr
    assert end.stdout == b.kex("confirm", b.only_id()).stdout != ""


def test_no_pool_says_how_to_start_it(people):
    a, _ = people
    a.pool.stop()
    assert "start the pool" in a.refused("start", "--with", B)
