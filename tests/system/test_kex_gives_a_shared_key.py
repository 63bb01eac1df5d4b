# SPDX-License-Identifier: Apache-2.0
"""A key exchange is the beginning of a shared key: `--store` puts it into both pools, it protects connections, and the next exchange
is verified by it."""
import json

from kex import A, B, make_people, share, up_to_the_last
from peer_sites import joined, sides


def keys_of(person):
    return {row["name"]: row["bits"] for row in json.loads(person.pool.tlspool("psk", "list", "--json").stdout)}


def test_the_stored_key_protects_a_connection_and_the_next_exchange(make_pool):
    a, b = make_people(make_pool)
    four = b.kex("reply", "--store", "office", stdin=up_to_the_last(a, b))
    assert "Stored as the shared key office, 256 bits" in four.stderr
    end = a.kex("reply", "--store", "office", stdin=four.stdout)
    assert end.stdout == "" and "Stored as the shared key office" in end.stderr
    for person in (a, b):
        assert keys_of(person) == {"office": 256}
        share(person, "office")
        person.pool.restart()
    with joined(*sides([a.pool, b.pool])) as (near, far):
        assert near.session.verified_by == far.session.verified_by == "sharedKey"
    four = b.reply(up_to_the_last(a, b))
    end = a.reply(four.stdout)
    for text, other in ((four.stderr, A), (end.stderr, B)):
        assert f"with {other}, verified by the key that both pools share" in text
    assert b.kex("confirm", b.only_id()).stdout == end.stdout != ""


def test_the_name_of_the_stored_key(make_pool):
    a, b = make_people(make_pool)
    four = b.kex("reply", "--store", stdin=up_to_the_last(a, b))
    assert f"Stored as the shared key {A}" in four.stderr
    # What is stored is the whole key, so there is no form to choose.
    assert "excludes" in a.run("reply", "--store", "x", "--format", "hex", stdin=four.stdout).stderr
    # A name that is taken changes nothing, and the key can still be stored under another one.
    a.pool.tlspool("psk", "add", B, "--generate", "--bytes", 16)
    said = a.refused("reply", "--store", stdin=four.stdout)
    assert B in said and f"the key is still there: " in said and f"kex confirm {a.only_id()}" in said
    a.kex("confirm", a.only_id(), "--store", "second")
    assert keys_of(a) == {B: 128, "second": 256}
