# SPDX-License-Identifier: Apache-2.0
"""A shared key, and what is computed from it alone, is in the memory of no process once its session has ended: one-time keys that are
used up, lasting ones, derived ones and the secrets of phantom sessions, on the client's side and on the server's. The keeper alone keeps
the master secret of a phantom session, until the configuration wants it no more."""
import hashlib
import hmac
import secrets

import pytest
import tlspool
from intruder import Memory
from peers import in_thread, tcp_pair
from pool import Pool, eventually
from shared_keys import lasting, master_secret

ONE_TIME, DERIVED, TLS12, LASTING, PHANTOM = "one-time", "derived", "tls12", "lasting", "phantom"
KINDS = {
    ONE_TIME: "",
    DERIVED: 'mode = "derived"',
    TLS12: 'version = "1.2"',
    LASTING: 'source = "psk"\npsk = "lasting"',
    PHANTOM: 'use = "session"\nuser = "alice"\npsk = "phantom"',
}


@pytest.fixture(scope="module")
def sides(place):
    """The memory of two pools that have a [[peer]] of each kind, and the key of each."""
    keys = {kind: secrets.token_bytes(32) for kind in KINDS}
    out = {}
    for own, other in (("a", "b"), ("b", "a")):
        pool = Pool(place / f"shared-keys-{own}", name=f"{own}.example")
        pool.configure("".join(f'[[peer]]\nname = "{kind}.{other}.example"\naddress = "{kind}.hsm.{own}.example"\n'
                               f'store = "{kind}.hsm.{other}.example"\n{more}\n\n' for kind, more in KINDS.items()))
        out[own] = Memory(pool, place)
        for kind in (LASTING, PHANTOM):
            lasting(pool, kind, keys[kind].hex())
        for kind in (ONE_TIME, DERIVED, TLS12):
            pool.tlspool("qkd", "import", f"{kind}.{other}.example", stdin=f"2 {keys[kind].hex()}\n")
    yield out["a"], out["b"], keys
    for memory in out.values():
        memory.pool.remove()


def what_to_look_for(kind, key):
    out = {"key": key}
    if kind in (ONE_TIME, LASTING):  # RFC 8446 section 7.1: who has this has the session
        out["early"] = hmac.new(bytes(48), key, hashlib.sha384).digest()
    if kind == PHANTOM:
        out["master"] = master_secret(key)
    return out


def left(memory, process, wanted):
    return {name: count for name, count in memory.found(process, **wanted).items() if count}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_nowhere_when_the_session_has_ended(sides, kind):
    client, server, keys = sides
    wanted = what_to_look_for(kind, keys[kind])
    near, far = tcp_pair()
    with in_thread(lambda: tlspool.wrap_client(near, f"{kind}.b.example", pool=client.pool.directory)) as other:
        if kind != DERIVED:  # which is in the token alone
            eventually(lambda: left(client, "worker-0", wanted), message="the search finds nothing")
        plain = tlspool.wrap_server(far, "b.example", pool=server.pool.directory)
        begun = other.result()
    with plain, begun:
        assert begun.session.shared_key and plain.session.shared_key
        begun.sendall(b"through")
        assert plain.recv(100) == b"through"
    for memory in (client, server):
        eventually(lambda: memory.pool.status()["sessions"] == 0)
        for process in ("worker-0", "judge", "supervisor", "keeper"):
            found = left(memory, process, wanted)
            if kind == PHANTOM and process == "keeper":  # computed once, for all sessions to come
                assert found == {"master": 1}
                continue
            assert not found, (memory.pool.name, process)


def test_the_secret_of_a_phantom_session_goes_with_its_peer(sides):
    for memory in sides[:2]:
        memory.pool.replace('use = "session"\nuser = "alice"\npsk = "phantom"', 'source = "psk"\npsk = "phantom"')
        memory.pool.tlspool("reload")
        assert left(memory, "keeper", what_to_look_for(PHANTOM, sides[2][PHANTOM])) == {}
