# SPDX-License-Identifier: Apache-2.0
"""Messages that are nearly right, hundreds of them, with descriptors that are nearly right: each is answered or ends
its connection, within its patience, and afterwards the pool is what it was. The seed is fixed: a failure comes
again."""
import contextlib
import json
import os
import random
import socket

import pytest
from control import Control, Ended, answers, message
from peers import tcp_pair
from pool import eventually

CALLS = 400
WORDS = ["client", "server", "peer", "", "pool.example", "0" * 32, "\u0000", "\ud83d\ude00", "a" * 300, "-1", "EXPORTER-x", "tls13", "required"]
NAMES = ["fileDescriptor", "plaintextFileDescriptor", "role", "localIdentity", "remoteIdentity", "remoteProof", "sendServerName", "alpn",
         "service", "minimumVersion", "session", "label", "context", "length", "requestPeer", "interface", "surplus"]
METHODS = ["StartTLS", "StartTLS", "StartTLS", "ListIdentities", "GetSession", "ExportKeyingMaterial", "ChannelBinding", "PeerCertificates",
           "UpdateKeys", "org.varlink.service.GetInfo", "org.varlink.service.GetInterfaceDescription", "Nothing"]


def value(choose, depth=0):
    kind = choose.randrange(8 if depth < 3 else 5)
    if kind == 0:
        return choose.choice([0, 1, -1, 2, 255, 1 << 31, (1 << 63) - 1, -(1 << 63)])
    if kind == 1:
        return choose.choice([True, False, None])
    if kind == 2:
        return choose.choice([0.5, 1e300, -0.0])
    if kind in (3, 4):
        return choose.choice(WORDS)
    if kind == 5:
        return [value(choose, depth + 1) for _ in range(choose.randrange(4))]
    if kind == 6:
        return {choose.choice(NAMES): value(choose, depth + 1) for _ in range(choose.randrange(3))}
    return choose.choice([0, 1])


def parameters(choose):
    good = {"fileDescriptor": 0, "role": choose.choice(["client", "server"]), "remoteIdentity": "a.example", "session": "0" * 32, "label": "x",
            "length": 32, "requestPeer": False}
    given = {name: good[name] for name in good if choose.random() < 0.5}
    given |= {choose.choice(NAMES): value(choose) for _ in range(choose.randrange(3))}
    return given | {"deadlineMs": 50}


def bent(choose, text):
    """One byte other than it was, more often than not none."""
    if choose.random() < 0.8 or len(text) < 3:
        return text
    at = choose.randrange(len(text) - 1)
    return text[:at] + bytes([choose.randrange(1, 256)]) + text[at + 1:]


@pytest.mark.parametrize("seed", (1, 2))
def test_afterwards_the_pool_is_what_it_was(make_pool, seed):
    pool = make_pool()
    pool.replace("workers = 0", "workers = 1")
    pool.start()
    choose = random.Random(seed)
    before = pool.descriptors()
    outcomes = {"answered": 0, "ended": 0}
    with contextlib.ExitStack() as stack:
        near, far = tcp_pair()
        inner, outer = socket.socketpair()
        reading, writing = os.pipe()
        for thing in (near, far, inner, outer):
            stack.callback(thing.close)
        for fd in (reading, writing):
            stack.callback(os.close, fd)
        kinds = [near.fileno(), far.fileno(), inner.fileno(), outer.fileno(), reading, writing]
        control = None
        for _ in range(CALLS):
            control = control or stack.enter_context(Control(pool))
            text = bent(choose, message(choose.choice(METHODS), parameters(choose)))
            control.write(text, [choose.choice(kinds) for _ in range(choose.choice([0, 0, 1, 1, 2, 3]))])
            try:
                answer = control.receive()
                assert set(answer) <= {"error", "parameters"}, answer
                json.dumps(answer)
                outcomes["answered"] += 1
            except Ended:
                control.close()
                control = None
                outcomes["ended"] += 1
    assert min(outcomes.values()) > 10, outcomes
    eventually(lambda: pool.status()["handshakes"] == 0)
    eventually(lambda: pool.descriptors() <= before, message=lambda: f"{pool.descriptors()} descriptors, {before} before")
    assert answers(pool)
    assert not pool.events("process.died")
