# SPDX-License-Identifier: Apache-2.0
"""What an old pool has in memory alone reaches the new one: PINs that were typed, from keeper to keeper, and the keys of tickets."""
import json

import pytest

from misbehaving import serves
from peers import client_context
from pool import PATIENCE, alive, eventually
from talk import PYTHON_VERSION, VERSIONS
from test_python_module import both
from test_resumption_of_clients_by_our_server import visit
from upgrades import start, upgrade, works


@pytest.fixture
def pool(upgradable):
    return upgradable


def typed(pool, token="default"):
    """Takes the PIN out of the configuration, and types it."""
    pin = (pool.directory / "keeper" / "pin").read_text()
    pool.replace('pin_file = "pin"', "")
    start(pool)
    pool.tlspool("pin", token, stdin=pin + "\n")
    eventually(lambda: pool.status()["tokens"][0]["state"] == "ready")
    return pin


def test_a_pin_that_was_typed(pool, library):
    typed(pool)
    near, far = both(library, "pool.example")
    with near, far:
        keeper, = pool.pids("keeper")
        for _ in range(2):
            upgrade(pool)
            assert pool.status()["tokens"][0]["state"] == "ready" and serves(pool)
        works(near, far)
        eventually(lambda: not alive(keeper), message="the PIN stays in memory as long as the session lasts")
        works(near, far)
    assert [e["outcome"] for e in pool.events("pin.handed_over")] == ["accepted"] * 2
    assert pool.process.wait(PATIENCE) == 0


def test_a_pin_that_is_no_good_any_more(pool):
    """Nobody is left without keys: the old one goes on."""
    typed(pool)
    (pool.directory / "keeper" / "tokens").rename(pool.directory / "keeper" / "away")
    done = pool.tlspool("upgrade", check=False, timeout=3 * PATIENCE)
    (pool.directory / "keeper" / "away").rename(pool.directory / "keeper" / "tokens")
    assert done.returncode == 1 and "token=default: the new process can't use it, and this one can" in done.stderr, done.stderr
    assert serves(pool)
    assert alive(upgrade(pool)) and serves(pool), "later it can"


@pytest.mark.parametrize("version", VERSIONS)
def test_tickets(pool, library, version):
    start(pool)
    context = client_context(pool.ca, PYTHON_VERSION[version])
    context.check_hostname = False
    first, reused, _, _ = visit(library, context, identity="pool.example")
    assert not reused
    upgrade(pool)
    second, reused, facts, _ = visit(library, context, first, identity="pool.example")
    assert reused and facts.resumed
    upgrade(pool)
    assert visit(library, context, second, identity="pool.example")[1]
    assert pool.events("upgrade.no_tickets") == []


def test_no_ticket_that_another_policy_gave(pool, library):
    start(pool)
    context = client_context(pool.ca)
    context.check_hostname = False
    ticket, _, _, _ = visit(library, context, identity="pool.example")
    pool.replace('anchors = ["ca/ca.pem"]', "anchors = []")
    upgrade(pool)
    assert not visit(library, context, ticket, identity="pool.example")[1]
