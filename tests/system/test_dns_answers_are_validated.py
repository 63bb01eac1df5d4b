# SPDX-License-Identifier: Apache-2.0
"""The resolver against a signed tree of its own: every state of a zone gives the answer that is written here."""
import json
import os
import socket
import subprocess
from pathlib import Path

import pytest
from dnstree import DnsTree
from pool import BUILD

TLSA = "030101" + "ab" * 32
MANY = [f"_443._tcp.many TLSA 3 1 2 {i:0128x}" for i in range(60)]
ZONES = {
    "signed": ["www A 192.0.2.1", "www AAAA 2001:db8::1", f"_443._tcp.www TLSA 3 1 1 {'ab' * 32}", "@ MX 10 mail.signed.tld.",
               "@ MX 20 .", "_imap._tcp SRV 1 2 143 mail.signed.tld.", "mail A 192.0.2.2", "near CNAME www", "far CNAME far.unsigned.tld.",
               "one CNAME two", "two CNAME three", "three CNAME www", "loop CNAME pool", "pool CNAME loop", "to-broken CNAME www.broken.tld.",
               "*.wild A 192.0.2.9", *[f"c{i} CNAME c{i + 1}" for i in range(40)], "c40 A 192.0.2.40", *MANY],
    "unsigned": ["www A 192.0.2.3", "far A 192.0.2.4", "back CNAME www.signed.tld."],
}
BAD = ("broken", "expired", "future", "unsigned-by-mistake", "wrong-ds")

# question: outcome, secure, records (how many)
EXPECTED = {
    "www.signed.tld/A": ("answer", True, 1),
    "www.signed.tld/AAAA": ("answer", True, 1),
    "WWW.Signed.Tld./A": ("answer", True, 1),
    "_443._tcp.www.signed.tld/TLSA": ("answer", True, 1),
    "signed.tld/MX": ("answer", True, 2),
    "_imap._tcp.signed.tld/SRV": ("answer", True, 1),
    "near.signed.tld/CNAME": ("answer", True, 1),
    "near.signed.tld/A": ("answer", True, 1),
    "one.signed.tld/A": ("answer", True, 1),
    "any.wild.signed.tld/A": ("answer", True, 1),
    "_443._tcp.many.signed.tld/TLSA": ("answer", True, len(MANY)),
    "mail.signed.tld/AAAA": ("no data", True, 0),
    "www.signed.tld/TLSA": ("no data", True, 0),
    "absent.signed.tld/A": ("no name", True, 0),
    "absent.tld/A": ("no name", True, 0),
    "www.unsigned.tld/A": ("answer", False, 1),
    "absent.unsigned.tld/A": ("no name", False, 0),
    "www.unsigned.tld/TLSA": ("no data", False, 0),
    "far.signed.tld/A": ("answer", False, 1),      # a secure alias into an unsigned zone
    "back.unsigned.tld/A": ("answer", False, 1),   # an unsigned alias into a secure zone
    "loop.signed.tld/A": ("failed", False, 0),
    "c0.signed.tld/A": ("failed", False, 0),       # 40 aliases in a row
    "to-broken.signed.tld/A": ("bogus", False, 0),
    **{f"www.{state}.tld/A": ("bogus", False, 0) for state in BAD},
}


@pytest.fixture(scope="module", params=["nsec", "nsec3"])
def tree(request, place):
    made = DnsTree(place / f"dns-{request.param}", nsec3=request.param == "nsec3")
    for zone, lines in ZONES.items():
        made.zone(f"{zone}.tld", *lines, state="unsigned" if zone == "unsigned" else "signed")
    for state in BAD:
        made.zone(f"{state}.tld", "www A 192.0.2.5", state=state)
    made.start()
    yield made
    made.close()


def ask(tree, state_directory, words, milliseconds=30000):
    state_directory.mkdir(exist_ok=True)
    done = subprocess.run([Path(BUILD) / "bin/ask_dns", state_directory / "root.key", tree.anchor, str(milliseconds), *words],
                          capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, env={**os.environ})
    assert done.returncode == 0, done.stderr
    return {answer["question"]: answer for answer in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("way", ["forwarded", "from-the-root"])
def test_every_state_is_told_apart(tree, tmp_path, way):
    words = [f"forward={tree.address}"] if way == "forwarded" else tree.stubs()
    answers = ask(tree, tmp_path / "state", [*words, *EXPECTED])
    found = {q: (a["outcome"], a["secure"], len(a["records"]) + len(a["targets"])) for q, a in answers.items()}
    wrong = {q: (found.get(q), answers.get(q)) for q in EXPECTED if found.get(q) != EXPECTED[q]}
    assert not wrong, json.dumps(wrong, indent=1)

    assert answers["_443._tcp.www.signed.tld/TLSA"]["records"] == [TLSA]
    assert sorted(answers["signed.tld/MX"]["targets"]) == ["10 0 0 mail.signed.tld", "20 0 0 "]
    assert answers["_imap._tcp.signed.tld/SRV"]["targets"] == ["1 2 143 mail.signed.tld"]
    assert answers["one.signed.tld/A"]["aliases"] == ["one.signed.tld", "two.signed.tld", "three.signed.tld"]
    assert answers["one.signed.tld/A"]["name"] == "www.signed.tld"
    assert answers["WWW.Signed.Tld./A"]["name"] == "www.signed.tld"
    assert 0 < answers["www.signed.tld/A"]["ttl"] <= 300
    assert 0 < answers["absent.signed.tld/A"]["ttl"] <= 60
    assert "expired" in answers["www.expired.tld/A"]["reason"]
    for state in BAD:
        assert answers[f"www.{state}.tld/A"]["reason"], state


def test_without_the_trees_anchor_everything_is_bogus(tree, tmp_path):
    other = DnsTree(tmp_path / "other")
    other.sign_all()
    other.address, other.port = tree.address, tree.port
    answers = ask(other, tmp_path / "state", [f"forward={tree.address}", "www.signed.tld/A", "www.unsigned.tld/A"])
    assert {a["outcome"] for a in answers.values()} == {"bogus"}


def test_servers_that_do_not_answer_are_a_timeout(tree, tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        answers = ask(tree, tmp_path / "state", [f"forward=127.0.0.1@{silent.getsockname()[1]}", "www.signed.tld/A"], 700)
    assert answers["www.signed.tld/A"]["outcome"] == "timeout"


def test_a_thousand_slow_questions_delay_no_other(tree, tmp_path):
    """Asked last, answered first."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        words = [f"forward={tree.address}", f"stub=silent.tld,127.0.0.1@{silent.getsockname()[1]}"]
        answers = ask(tree, tmp_path / "state", [*words, *[f"w{i}.silent.tld/A" for i in range(1000)], "www.signed.tld/A"], 4000)
    assert len(answers) == 1001
    assert next(iter(answers)) == "www.signed.tld/A"
    assert {a["outcome"] for q, a in answers.items() if "silent" in q} <= {"timeout", "failed"}


def test_the_anchor_file_keeps_the_state_of_the_roots_keys(tree, tmp_path):
    """RFC 5011: what was started from the DS record is written with the keys that it led to."""
    ask(tree, tmp_path / "state", [f"forward={tree.address}", "www.signed.tld/A"])
    text = (tmp_path / "state" / "root.key").read_text()
    assert "VALID" in text and "DNSKEY" in text, text
    answers = ask(tree, tmp_path / "state", [f"forward={tree.address}", "www.signed.tld/A"])
    assert answers["www.signed.tld/A"]["secure"]
