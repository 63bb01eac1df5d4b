# SPDX-License-Identifier: Apache-2.0
"""`tlspool qkd fetch` fills two tokens from key management entities. An entity forgets what it has delivered, so keys are
stored batch by batch, and what is lost is named."""
import json
import re
import subprocess

import pytest
from kme import entities
from pool import BIN, PATIENCE

PEER = """
[keystore]
address = "hsm.{own}.example"

[[kme]]
name = "kme-{own}"
url = "https://localhost:{port}"
identity = "sae-{own}.example"
expect = "kme-{own}.example"
timeout = {timeout}

[[peer]]
name = "{other}.example"
store = "hsm.{other}.example"
kme = "kme-{own}"
sae = "sae-{other}.example"
id = "{id}"
"""


class World:
    def __init__(self, make_pool, pki, stack, id="number"):
        self.pools = [make_pool(name=f"{letter}.example") for letter in "ab"]
        a, b = self.pools
        self.kmes = stack.enter_context(entities(pki, a, b))
        for pool, kme, own, other in ((a, self.kmes[0], "a", "b"), (b, self.kmes[1], "b", "a")):
            pool.identity(f"sae-{own}.example")
            pool.trust(pki.ca().cert)
            pool.configure(PEER.format(own=own, other=other, port=kme.server.port, id=id, timeout=30))
            pool.start()

    def counts(self):
        out = []
        for pool in self.pools:
            [row] = json.loads(pool.tlspool("qkd", "status", "--json", check=False).stdout)
            out.append((row["asClient"], row["asServer"]))
        return out


@pytest.fixture
def stack():
    import contextlib
    with contextlib.ExitStack() as opened:
        yield opened


@pytest.fixture
def world(make_pool, pki, stack):
    return World(make_pool, pki, stack)


@pytest.mark.parametrize("id", ["number", "uuid", "text"])
def test_two_sites_get_the_same_keys_through_a_pipe(make_pool, pki, stack, id):
    world = World(make_pool, pki, stack, id)
    a, b = world.pools
    first = subprocess.Popen([str(BIN / "tlspool"), "--pool", str(a.directory), "qkd", "fetch", "b.example", "--count", "20", "--size", "512"],
                             stdout=subprocess.PIPE, env=a.environment)
    second = subprocess.run([str(BIN / "tlspool"), "--pool", str(b.directory), "qkd", "fetch", "a.example", "--ids", "-"],
                            stdin=first.stdout, stdout=subprocess.PIPE, text=True, env=b.environment, timeout=PATIENCE, check=True)
    first.stdout.close()
    assert first.wait(PATIENCE) == 0
    ids = second.stdout.split()
    assert len(set(ids)) == 20 and all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", i) for i in ids)
    at_a, at_b = world.counts()
    assert sum(at_a) == 20 and at_a == at_b[::-1]
    at_kme_a, at_kme_b = world.kmes
    assert [body["number"] for body in at_kme_a.calls("enc_keys")] == [7, 7, 6]
    assert {body["size"] for body in at_kme_a.calls("enc_keys")} == {512}
    assert [len(body["key_IDs"]) for body in at_kme_b.calls("dec_keys")] == [7, 7, 6]
    assert {path.split("/")[4] for path, _ in at_kme_a.asked} == {"sae-b.example"}
    assert not at_kme_b.keys, "nothing is left at the entity"


def test_a_lost_answer_is_told_and_never_asked_for_again(world):
    a, b = world.pools
    world.kmes[0].misbehave = [None, "hang up"]
    done = a.tlspool("qkd", "fetch", "b.example", "--count", 20, check=False)
    assert done.returncode == 1
    assert len(done.stdout.split()) == 7
    assert "7 of 20 keys were stored" in done.stderr and "up to 7 more are lost" in done.stderr and "kme-a" in done.stderr
    assert len(world.kmes[0].calls("enc_keys")) == 2
    world.kmes[1].misbehave = ["hang up"]
    ids = done.stdout.split()
    lost = b.tlspool("qkd", "fetch", "a.example", "--ids", "-", stdin=done.stdout, check=False)
    assert lost.returncode == 1 and lost.stdout == ""
    assert all(re.search(rf"^lost {i}: ", lost.stderr, re.MULTILINE) for i in ids)
    assert len(world.kmes[1].calls("dec_keys")) == 1


def test_an_entity_without_keys_loses_nothing(world):
    a, _ = world.pools
    world.kmes[0].limit = 10
    done = a.tlspool("qkd", "fetch", "b.example", "--count", 20, check=False)
    assert done.returncode == 1 and len(done.stdout.split()) == 7
    assert "not enough keys" in done.stderr and "lost" not in done.stderr


def test_missing_keys_are_named_and_the_others_fetched(world):
    a, b = world.pools
    ids = a.tlspool("qkd", "fetch", "b.example", "--count", 10).stdout.split()
    gone = ids[4]
    del world.kmes[1].keys[gone]
    wanted = "\n".join(["# ids", *ids, "nonsense", ids[0]])
    done = b.tlspool("qkd", "fetch", "a.example", "--ids", "-", stdin=wanted, check=False)
    assert done.returncode == 1
    assert sorted(done.stdout.split()) == sorted(set(ids) - {gone})
    assert f"missing {gone}: " in done.stderr and "line 12" in done.stderr


def test_damaged_keys_are_not_stored(world):
    a, _ = world.pools
    world.kmes[0].misbehave = ["short key"]
    done = a.tlspool("qkd", "fetch", "b.example", "--count", 3, "--json", check=False)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert len(report["stored"]) == 2 and report["wanted"] == 3 and len(report["lost"]) == 1
    world.kmes[0].misbehave = ["garbage"]
    done = a.tlspool("qkd", "fetch", "b.example", "--count", 3, check=False)
    assert done.returncode == 1 and "0 of 3 keys were stored" in done.stderr and "up to 3 more are lost" in done.stderr


def test_ids_that_cannot_be_written_are_told_instead(world):
    a, _ = world.pools
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([str(BIN / "tlspool"), "--pool", str(a.directory), "qkd", "fetch", "b.example", "--count", "20"],
                              stdout=full, stderr=subprocess.PIPE, text=True, env=a.environment, timeout=PATIENCE)
    assert done.returncode == 1
    assert len(re.findall(r"^stored [0-9a-f-]{36}: No space left on device$", done.stderr, re.MULTILINE)) == 7
    assert "7 of 20 keys were stored; stopped by: write: standard output" in done.stderr
    assert len(world.kmes[0].calls("enc_keys")) == 1


def test_what_does_not_fit_is_refused_before_anything_is_asked_for(world):
    a, _ = world.pools
    too_long = a.tlspool("qkd", "fetch", "b.example", "--size", 2048, check=False)
    assert too_long.returncode == 1 and "128 to 1024 bits" in too_long.stderr
    unknown = a.tlspool("qkd", "fetch", "z.example", check=False)
    assert unknown.returncode == 1 and "there are: b.example" in unknown.stderr
    assert a.tlspool("qkd", "fetch", "b.example", "--ids", "-", "--count", 3, check=False).returncode == 2
    assert not world.kmes[0].calls("enc_keys")


def test_an_entity_that_is_not_there_or_not_itself_is_told(make_pool, pki, stack):
    world = World(make_pool, pki, stack)
    a, b = world.pools
    b.replace('expect = "kme-b.example"', 'expect = "other.example"')
    b.tlspool("reload")
    wrong = b.tlspool("qkd", "fetch", "a.example", check=False)
    assert wrong.returncode == 1 and "kme-b.example" in wrong.stderr and "other.example" in wrong.stderr
    world.kmes[0].server.close()
    gone = a.tlspool("qkd", "fetch", "b.example", check=False)
    assert gone.returncode == 1 and "Connection refused" in gone.stderr and "lost" not in gone.stderr
