# SPDX-License-Identifier: Apache-2.0
"""After an upgrade sessions that old processes still have end for the same reasons as new ones: none goes on that was ended, and what
can't be told so does not go on at all."""
import json
import os
import signal

import pytest

from control import Control, call
from misbehaving import serves, use_shim
from pool import PATIENCE, alive, eventually
from test_python_module import both
from upgrades import start, upgrade, works

REVOKED = "pool.example"


@pytest.fixture
def pool(upgradable):
    return upgradable


def revoke(pool):
    """How many sessions it ended, on both sides."""
    return call(pool.directory / "run" / "admin.sock", "io.tlspool.Admin.Revoke", {"what": REVOKED})["parameters"]["sessions"]


def test_who_is_revoked(pool, library):
    start(pool)
    near, far = both(library, REVOKED)
    with near, far:
        upgrade(pool)
        works(near, far)
        assert revoke(pool) == 1
        near.settimeout(0)
        assert near.recv(100) == b"", "it was over when that was said"
    assert pool.process.wait(PATIENCE) == 0


def test_whom_a_new_configuration_refuses(pool, library):
    pool.configure('[sessions]\non_reload = "recheck"')
    start(pool)
    near, far = both(library, REVOKED)
    with near, far:
        upgrade(pool)
        works(near, far)
        pool.replace('anchors = ["ca/ca.pem"]', "anchors = []")
        pool.tlspool("reload")
        assert near.recv(100) == b"", "nobody vouches for it any more"
    assert pool.process.wait(PATIENCE) == 0


def test_whom_the_configuration_of_the_new_process_refuses(pool, library):
    pool.configure('[sessions]\non_reload = "recheck"')
    start(pool)
    near, far = both(library, REVOKED)
    with near, far:
        pool.replace('anchors = ["ca/ca.pem"]', "anchors = []")
        upgrade(pool)
        assert near.recv(100) == b"", "as after a reload"
    assert pool.process.wait(PATIENCE) == 0


def test_whose_token_is_gone(pool, library, place):
    use_shim(pool, place).environment |= {"TLSPOOL_REMOVED_TOKEN": "removed"}
    identity, = (pool.directory / "identities").glob("*.toml")
    identity.write_text(identity.read_text().replace('name = "pool.example"', 'name = "pool.example"\ntoken_gone = "end"'))
    start(pool)
    near, far = both(library, "pool.example")
    with near, far:
        keeper, = pool.pids("keeper")
        upgrade(pool)
        eventually(lambda: not alive(keeper))
        works(near, far)
        (pool.directory / "keeper" / "removed").touch()
        assert far.recv(100) == b""
    assert pool.wait_for("token.sessions_ended")["sessions"] == "1"


def test_also_two_upgrades_back(pool, library):
    """The pool in the middle has no session left, and is still there for the oldest one."""
    start(pool)
    near, far = both(library, REVOKED)
    with near, far:
        middle = upgrade(pool)
        last = upgrade(pool)
        pool.wait_for("upgrade.drained")
        works(near, far)
        assert alive(middle)
        assert revoke(pool) == 1
        assert near.recv(100) == b""
    assert pool.process.wait(PATIENCE) == 0
    eventually(lambda: not alive(middle), message="the one in the middle does not end")
    assert alive(last)


def test_when_the_one_in_the_middle_ends(pool, library):
    """It is stopped by hand; what only it could reach ends with it, and the newest goes on."""
    start(pool)
    near, far = both(library, REVOKED)
    with near, far:
        middle = upgrade(pool)
        last = upgrade(pool)
        pool.wait_for("upgrade.drained")
        works(near, far)
        os.kill(middle, signal.SIGTERM)
        assert near.recv(100) == b""
    eventually(lambda: not alive(middle), message="it does not end")
    assert pool.process.wait(PATIENCE) == 0
    assert alive(last) and serves(pool)


def test_an_old_process_that_does_not_listen_is_killed(pool, library):
    start(pool)
    near, far = both(library, REVOKED)
    with near, far:
        upgrade(pool)
        works(near, far)
        pool.process.send_signal(signal.SIGSTOP)
        pool.tlspool("revoke", REVOKED)
        assert near.recv(100) == b""
    assert pool.process.wait(PATIENCE) == -signal.SIGKILL
    pool.wait_for("upgrade.old_killed")


def test_an_old_process_ends_with_the_new_one(pool, library):
    start(pool)
    near, far = both(library, REVOKED)
    with near, far:
        new = upgrade(pool)
        works(near, far)
        os.kill(new, signal.SIGKILL)
        assert near.recv(100) == b"", "nobody could end it any more"
    assert pool.process.wait(PATIENCE) == 0
    assert "gone" in pool.wait_for("upgrade.sessions_ended")["reason"]


def test_an_administrator_can_tell_an_old_process_nothing(pool, library):
    """It would be in the wrong files, or in nobody's."""
    start(pool)
    near, far = both(library, REVOKED)
    with near, far, Control(pool.directory / "run" / "admin.sock") as late:
        assert late.call("io.tlspool.Admin.ListRevoked")["parameters"]["revoked"] == []
        upgrade(pool)
        late.send("io.tlspool.Admin.Revoke", {"what": REVOKED})
        assert late.has_ended()
        assert json.loads(pool.tlspool("revoke", "list", "--json").stdout) == []
        works(near, far)


def hold_an_upgrade(pool, place):
    """One whose new keeper waits for its token, while the new judge has read its files. Gives what lets it go on."""
    use_shim(pool, place).replace('level = "info"', 'level = "debug"')
    start(pool)
    file = pool.directory / "keeper" / "hold-login"
    file.touch()
    pool.process.send_signal(signal.SIGUSR2)
    pool.wait_for("judge.ready", count=2)
    return file.unlink


def test_who_is_revoked_while_the_new_process_starts(pool, place, library):
    go_on = hold_an_upgrade(pool, place)
    pool.tlspool("revoke", REVOKED)
    go_on()
    pool.wait_for("upgrade.done")
    assert [row["what"] for row in json.loads(pool.tlspool("revoke", "list", "--json").stdout)] == [REVOKED]
    with pytest.raises(library.HandshakeFailed, match="revoked"):
        both(library, REVOKED)


def test_a_new_process_that_lost_the_old_one_ends(pool, place):
    go_on = hold_an_upgrade(pool, place)
    pool.process.kill()
    assert pool.wait_for("pool.failed")["reason"] == "the pool from before does not want this one"
    go_on()
    pool.process.wait(PATIENCE)
    pool._reader.join(PATIENCE)
    assert not pool._reader.is_alive(), "somebody is left who holds the log"


def test_a_configuration_that_is_read_meanwhile_is_not_lost(pool, place):
    go_on = hold_an_upgrade(pool, place)
    pool.tlspool("reload")
    go_on()
    assert "read again" in pool.wait_for("upgrade.failed")["reason"]
    assert serves(pool)
