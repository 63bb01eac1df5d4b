# SPDX-License-Identifier: Apache-2.0
"""However many ask for them, each one-time key protects one connection: workers of one pool, pools that share a token,
and keepers that are killed in the middle."""
import contextlib
import os
import shutil
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import tlspool
from peers import connect
from pool import PATIENCE, eventually
from shared_keys import OTHER, OWN, give_both, make_site, make_two_sites
from sites import token_objects

CONNECTIONS = 16
NUMBERS = range(1, 2 * CONNECTIONS + 1)
OUTGOING = [n for n in NUMBERS if n % 2 == 0]  # that a.example may use as client


def client(pool, port):
    """The key of a connection, or why there is none."""
    sock = connect(port)
    try:
        with tlspool.wrap_client(sock, "b.example", pool=pool.directory) as plain:
            assert plain.recv(1) == b"!"
            return int(plain.session.shared_key.key_id)
    except tlspool.TLSPoolError as refused:
        sock.close()
        return str(refused)


def serve(pool, accepted):
    accepted.settimeout(PATIENCE)
    with contextlib.suppress(tlspool.TLSPoolError, OSError):
        with tlspool.wrap_server(accepted, pool=pool.directory, remote_identity="a.example") as plain:
            plain.sendall(b"!")


def connections(clients, server, count):
    """Starts `count` connections, eight at a time, from each pool of `clients` in turn: the keys that protected them, and
    the messages of those that failed."""
    with socket.create_server(("127.0.0.1", 0), backlog=count) as listener, ThreadPoolExecutor(8) as near, ThreadPoolExecutor(8) as far:
        listener.settimeout(PATIENCE)
        tries = [near.submit(client, clients[i % len(clients)], listener.getsockname()[1]) for i in range(count)]
        for _ in range(count):
            far.submit(serve, server, listener.accept()[0])
        ends = [attempt.result() for attempt in tries]
    return [e for e in ends if isinstance(e, int)], [e for e in ends if isinstance(e, str)]


def test_workers_of_one_pool(make_pool):
    a, b = make_two_sites(make_pool)
    give_both(a, b, *NUMBERS)
    used, refused = connections([a], b, CONNECTIONS + 3)
    assert sorted(used) == OUTGOING
    assert len(refused) == 3 and all(OTHER in text and "b.example" in text for text in refused), refused
    for pool, label in ((a, OTHER), (b, OWN)):
        eventually(lambda pool=pool, label=label: {number for name, number in token_objects(pool) if name == label} ==
                   set(NUMBERS) - set(OUTGOING), message="the keys of the other direction are untouched, the others go")


def share(pool):
    pool.replace("shared = false", "shared = true")


def make_twin(make_pool, a):
    """A pool that works with the token of `a`; its ledger is its own, so only the token decides between the two."""
    twin = make_pool(name="a.example")
    for name in ("softhsm2.conf", "pin"):
        shutil.copy2(a.directory / "keeper" / name, twin.directory / "keeper" / name)
    owner = os.stat(a.directory / "keeper" / "pin")
    os.chown(twin.directory / "keeper" / "pin", owner.st_uid, owner.st_gid)
    shutil.rmtree(twin.directory / "keeper" / "tokens")
    (twin.directory / "keeper" / "softhsm2.conf").write_text(f"directories.tokendir = {a.directory}/keeper/tokens\nlog.level = ERROR\n")
    twin.config.write_text(a.config.read_text())
    twin.start()
    return twin


def test_two_pools_that_share_a_token(make_pool):
    a = make_site(make_pool, start=False)
    share(a)
    a.start()
    b = make_site(make_pool, name="b.example", own=OTHER, other="a.example", store=OWN)
    twin = make_twin(make_pool, a)
    give_both(a, b, *NUMBERS)
    used, refused = connections([a, twin], b, CONNECTIONS)
    assert len(used) == len(set(used)), "a key was used twice"
    assert set(used) <= set(OUTGOING)
    # Who loses a race takes the next key. Both may lose the same one, never all.
    assert len(used) + len(refused) == CONNECTIONS and len(used) >= CONNECTIONS // 2, refused


@pytest.mark.parametrize("twin_shares", [False, True])
def test_the_token_of_another_pool_is_refused(make_pool, twin_shares):
    a, b = make_two_sites(make_pool)
    give_both(a, b, *NUMBERS)
    twin = make_twin(make_pool, a)
    if twin_shares:
        share(twin)
        twin.tlspool("reload")
    used, refused = connections([twin], b, 2)
    assert used == [] and len(refused) == 2
    status = twin.tlspool("qkd", "status", check=False)
    assert status.returncode == 1
    for words in ("token=default", "another pool owns the token", "set shared = true for this token"):
        assert words in status.stdout, status.stdout
    used, refused = connections([a], b, 2)
    assert len(used) == 2 and not refused


def test_keepers_that_are_killed(make_pool):
    a, b = make_two_sites(make_pool)
    give_both(a, b, *NUMBERS)
    used = []
    for _ in range(3):
        more, _ = connections([a], b, 3)
        used += more
        for pool in (a, b):
            [pid] = pool.pids("keeper")
            os.kill(pid, signal.SIGKILL)
            eventually(lambda pool=pool, pid=pid: pool.pids("keeper") not in ([], [0], [pid]) and
                       all(t["state"] == "ready" for t in pool.status()["tokens"]))
    more, _ = connections([a], b, CONNECTIONS)
    used += more
    assert len(used) == len(set(used)), "a key was used twice"
    assert sorted(used) == OUTGOING
