# SPDX-License-Identifier: Apache-2.0
"""The process that asks key management entities: there where one is configured, confined, and there again when it died."""
import os
import pwd
import signal

import entity as kme
import pytest
import tlspool
from caller import ROOT
from peers import in_thread, tcp_pair
from pool import PATIENCE, eventually
from test_processes_are_confined import status_of

CONFIGURATION = """
[keystore]
address = "hsm.a.example"

[[kme]]
name = "kme-a"
url = "https://127.0.0.1:{port}"
identity = "sae-a.example"
expect = "kme.example"

[[peer]]
name = "b.example"
store = "hsm.b.example"
source = "kme"
kme = "kme-a"
sae = "sae-b.example"
"""


@pytest.fixture
def a_pool(make_pool, pki):
    pool = make_pool(name="a.example")
    pool.identity("sae-a.example")
    pool.trust(pki.ca().cert)
    return pool


@pytest.fixture
def entity(a_pool, pki):
    with kme.Entity(pki.leaf("kme.example"), a_pool.ca) as made:
        yield made


def try_to_connect(pool):
    """A client's handshake that asks for a key; the other side hangs up after the hello."""
    near, far = tcp_pair()

    def hang_up():
        far.recv(65536)
        far.close()

    with in_thread(hang_up), near, pytest.raises(tlspool.HandshakeFailed) as failed:
        tlspool.wrap_client(near, "b.example", pool=pool.directory, deadline=PATIENCE)
    return failed.value


def test_it_is_not_there_without_a_key_management_entity(a_pool):
    a_pool.start()
    assert a_pool.pids("fetcher") == []


def test_a_reload_brings_it(a_pool, entity):
    a_pool.start()
    a_pool.configure(CONFIGURATION.format(port=entity.port))
    a_pool.tlspool("reload")
    assert len(a_pool.pids("fetcher")) == 1
    assert try_to_connect(a_pool).reason == "transport"
    assert len(entity.asked_for("enc_keys")) == 1


def test_it_is_confined(a_pool, entity):
    a_pool.configure(CONFIGURATION.format(port=entity.port))
    a_pool.start()
    [pid] = a_pool.pids("fetcher")
    status = status_of(pid)
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert os.stat(f"/proc/{pid}/mem").st_uid == 0, "it can be dumped"
    assert os.readlink(f"/proc/{pid}/cwd") == "/" if ROOT else True
    own = pwd.getpwnam("tlspool-fetcher").pw_uid if ROOT else os.geteuid()
    assert status["Uid"].split() == [str(own)] * 4


def test_it_comes_back_when_it_was_killed_and_when_others_were(a_pool, entity):
    a_pool.configure(CONFIGURATION.format(port=entity.port))
    a_pool.replace("workers = 0", "workers = 1")
    a_pool.start()
    asked = 0
    for kind in ("fetcher", "keeper", "worker"):
        [pid] = a_pool.pids(kind)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda kind=kind, pid=pid: a_pool.pids(kind) not in ([], [pid], [0]))
        eventually(lambda: try_to_connect(a_pool).reason == "transport")
        assert len(entity.asked_for("enc_keys")) > asked
        asked = len(entity.asked_for("enc_keys"))
    assert a_pool.stop() == 0
