# SPDX-License-Identifier: Apache-2.0
"""However many ask for them, each one-time key protects one connection: workers of one pool, pools that share a token,
and keepers that are killed in the middle."""
import os
import re
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor

from caller import Refused, client_of, server_of
from pool import eventually
from sites import make_sites, outgoing, stock, token_objects

CONNECTIONS = 24


def connections(clients, server, count):
    """Starts `count` connections at once, from each pool of `clients` in turn; the key ids that protected them, and the
    messages of those that failed."""
    with server_of(server, expect="a.example") as listening, ThreadPoolExecutor(8) as pool:
        tries = [pool.submit(client_of, clients[i % len(clients)], listening.port, "b.example") for i in range(count)]
        used, refused = [], []
        for attempt in tries:
            try:
                used.append(int(attempt.result()["sharedKey"]["keyId"]))
            except Refused as e:
                refused.append(str(e))
        return used, refused


def test_workers_of_one_pool(make_pool):
    a, b = make_sites(make_pool, workers=2)
    numbers = range(1, 2 * CONNECTIONS + 1)
    mine = outgoing(a, b, numbers)
    stock(a, b, numbers)
    used, refused = connections([a], b, CONNECTIONS + 4)
    assert sorted(used) == sorted(mine)
    assert len(refused) == 4 and all("hsm.b.example" in r for r in refused), refused
    for pool in (a, b):
        left = {i for _, i in token_objects(pool)}
        assert left == set(numbers) - set(mine), "the other direction's keys are untouched"


def test_two_pools_that_share_a_token(make_pool):
    a, b = make_sites(make_pool)
    twin = make_pool(name="a.example")
    # The twin works with the same token; its ledger is its own, so only the token decides between the two.
    for name in ("softhsm2.conf", "pin"):
        shutil.copy2(a.directory / "keeper" / name, twin.directory / "keeper" / name)
        status = os.stat(a.directory / "keeper" / name)
        os.chown(twin.directory / "keeper" / name, status.st_uid, status.st_gid)
    shutil.rmtree(twin.directory / "keeper" / "tokens")
    os.symlink(a.directory / "keeper" / "tokens", twin.directory / "keeper" / "tokens")
    twin.config.write_text(a.config.read_text())
    twin.start()
    numbers = range(1, 2 * CONNECTIONS + 1)
    stock(a, b, numbers)
    used, refused = connections([a, twin], b, CONNECTIONS + 4)
    assert len(used) == len(set(used)), "a key was used twice"
    assert set(used) <= set(outgoing(a, b, numbers))
    # Who loses a race takes the next key, so none is lost.
    assert len(used) == CONNECTIONS, refused


def test_keepers_that_are_killed(make_pool):
    a, b = make_sites(make_pool)
    numbers = range(1, 2 * CONNECTIONS + 1)
    stock(a, b, numbers)
    used = []
    for _ in range(4):
        more, _ = connections([a], b, 3)
        used += more
        for pool in (a, b):
            [pid] = pool.pids("keeper")
            os.kill(pid, signal.SIGKILL)
            eventually(lambda pool=pool, pid=pid: pool.pids("keeper") not in ([], [pid]) and
                       all(t["state"] == "ready" for t in pool.status()["tokens"]))
    more, _ = connections([a], b, CONNECTIONS)
    used += more
    assert len(used) == len(set(used)), "a key was used twice"
    assert re.fullmatch(r"(\d+ ?)+", " ".join(map(str, used)))
    assert len(used) >= CONNECTIONS - 4
