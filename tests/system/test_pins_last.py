# SPDX-License-Identifier: Apache-2.0
"""Pins outlast the pool, but not their own time; a file that is broken makes no pin hold, and nobody is seen for the first time."""
import os
import signal
import time

import pytest
from pinned import listed, refused, spki, verified
from pool import eventually

NAME = "www.example"


@pytest.fixture
def pool(make_pool, monkeypatch):
    made = make_pool()
    made.configure('[[policy]]\nservice = "pin"\ntrust = "pin"\n[[policy]]\nservice = "tofu"\ntrust = "pin-or-first-use"\n'
                   '[[policy]]\nservice = "not"\ntrust = "selfsigned and not pin"\n')
    made.start()
    monkeypatch.setenv("TLSPOOL_DIR", str(made.directory))
    return made


@pytest.fixture
def lib(pool):
    import tlspool

    return tlspool


def own(pki, which=1):
    return pki.leaf(NAME, sort="self-signed", also=(f"key{which}.example",))


def file_of(pool):
    return pool.directory / "judge" / "pins"


def rewrite(pool, *rows):
    """What the pool would have written."""
    file_of(pool).write_text("\n".join(["tlspool pins 1", *rows, f"end {len(rows)}"]) + "\n")


def test_a_restart_keeps_them(pool, lib, pki):
    party, other = own(pki), own(pki, 2)
    assert verified(lib, party, NAME, "tofu") == "pin"
    assert refused(lib, other, NAME, "tofu").check == "pin-or-first-use"
    pool.tlspool("pin-peer", "add", "by-hand.example", "--spki", spki(other), "--days", "3")
    before = listed(pool)
    assert len(before["pins"]) == 2 and len(before["changes"]) == 1
    pool.restart()
    assert listed(pool) == before
    assert verified(lib, party, NAME, "tofu") == "pin"
    assert refused(lib, other, NAME, "tofu").check == "pin-or-first-use"
    assert file_of(pool).stat().st_mode & 0o777 == 0o600


def test_the_judges_death_loses_none(pool, lib, pki):
    party = own(pki)
    assert verified(lib, party, NAME, "tofu") == "pin"
    eventually(lambda: file_of(pool).exists() and spki(party) in file_of(pool).read_text())
    (judge,) = pool.pids("judge")
    os.kill(judge, signal.SIGKILL)
    eventually(lambda: pool.pids("judge") not in ([judge], [0], []))
    eventually(lambda: verified(lib, party, NAME, "tofu") == "pin")
    assert refused(lib, own(pki, 2), NAME, "tofu").check == "pin-or-first-use"


def test_expired_pins_are_as_if_they_were_not_there(pool, lib, pki):
    party, other = own(pki), own(pki, 2)
    pool.stop()
    now = int(time.time())
    rewrite(pool, f"pin {NAME} - key {spki(party)} hand {now - 1000} {now - 10}", f"pin later.example - key {spki(party)} hand {now} {now + 100000}")
    pool.start()
    assert "nothing is pinned" in str(refused(lib, party, NAME, "pin"))
    assert "expired" in pool.tlspool("pin-peer", "list").stdout
    assert verified(lib, party, "later.example", "pin") == "pin" and pool.events("pin.changed") == []
    # Whoever comes then is seen for the first time again.
    assert verified(lib, other, NAME, "tofu") == "pin"
    assert refused(lib, party, NAME, "tofu").check == "pin-or-first-use"


def test_a_pin_ends_while_the_pool_runs(pool, lib, pki):
    party = own(pki)
    pool.stop()
    now = int(time.time())
    rewrite(pool, f"pin {NAME} - key {spki(party)} hand {now} {now + 12}")
    pool.start()
    assert verified(lib, party, NAME, "pin") == "pin"
    eventually(lambda: verified(lib, party, NAME, "pin") is None, timeout=40)


def test_first_use_may_have_an_end(make_pool, pki, library_of):
    pool = make_pool()
    pool.configure('[pins]\nfirst_use_days = 2\n[[policy]]\ntrust = "pin-or-first-use"\n')
    pool.start()
    tlspool = library_of(pool)
    assert verified(tlspool, own(pki), NAME, "any") == "pin"
    (pin,) = listed(pool)["pins"]
    assert pin["expires"] - pin["added"] == 2 * 24 * 60 * 60


GOOD = "pin www.example - key {spki} hand 1000 0"
BROKEN = {
    "empty": "",
    "another kind": "tlspool revoked 1\nend 0\n",
    "cut off": "tlspool pins 1\n" + GOOD + "\n",
    "cut off in a row": "tlspool pins 1\n" + GOOD[:20],
    "a row too few": "tlspool pins 1\n" + GOOD + "\nend 2\n",
    "more behind": "tlspool pins 1\nend 0\n" + GOOD + "\n",
    "no digest": "tlspool pins 1\npin www.example - key abcd hand 1000 0\nend 1\n",
    "no name": "tlspool pins 1\npin WWW.example - key {spki} hand 1000 0\nend 1\n",
    "zeros": "tlspool pins 1\n" + "\0" * 100 + "\nend 1\n",
}


def test_a_broken_file_makes_nothing_hold(pool, lib, pki):
    party = own(pki)
    for what, text in BROKEN.items():
        pool.stop()
        file_of(pool).write_text(text.replace("{spki}", spki(party)))
        pool.start()
        assert pool.wait_for("pins.broken")["level"] == "error", what
        assert "judge/pins" in pool.wait_for("trust.incomplete")["problem"]
        assert verified(lib, party, NAME, "pin") is None, what
        assert "nobody knows what is pinned" in str(refused(lib, party, NAME, "tofu")), what  # and it is no first use
        assert verified(lib, party, NAME, "not") is None, what  # nor is it certain that nothing is pinned
        done = pool.tlspool("pin-peer", "add", NAME, "--spki", spki(party), check=False)
        assert done.returncode != 0 and "judge/pins" in done.stderr
        assert file_of(pool).read_text() == text.replace("{spki}", spki(party))  # left for whoever mends it
    rewrite(pool, GOOD.replace("{spki}", spki(party)))
    pool.tlspool("reload")
    assert verified(lib, party, NAME, "pin") == "pin"
