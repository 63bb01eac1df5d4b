# SPDX-License-Identifier: Apache-2.0
"""[[peer]] profile = "yubihsm": keys in a token with the limits of a YubiHSM2 (tests/support/yubihsm_shim.cc)."""
import json
import os
import shutil
import subprocess

import pytest
import tlspool
from misbehaving import SOFTHSM, token
from pool import BUILD, PATIENCE, eventually
from shared_keys import OTHER, OWN, give, make_site, put
from talk import OurServer, our_client, read_line

PROFILE = 'profile = "yubihsm"'
PIN = "0001password"
ALL_OBJECTS = 256


@pytest.fixture
def shim(place):
    """The module at a place that the keeper's user can read."""
    copy = place / "yubihsm_shim.so"
    if not copy.exists():
        shutil.copy(BUILD / "lib" / "yubihsm_shim.so", copy)
        copy.chmod(0o755)
    return copy


def pkcs11_tool(pool, *words):
    """As the token's user would be: paths in softhsm2.conf are relative to the keeper's directory."""
    keeper = pool.directory / "keeper"
    done = subprocess.run(["pkcs11-tool", "--module", SOFTHSM, "--login", *words], cwd=keeper, capture_output=True, text=True, timeout=PATIENCE,
                          env=dict(os.environ, SOFTHSM2_CONF="softhsm2.conf"), check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pin_file(pool):
    line = next(line for line in pool.config.read_text().splitlines() if line.startswith("pin_file"))
    return pool.directory / "keeper" / line.split('"')[1]


def use_yubihsm(pool, shim, pin=PIN):
    """The pool's token with another PIN and by the module."""
    file = pin_file(pool)
    pkcs11_tool(pool, "--pin", file.read_text().strip(), "--change-pin", "--new-pin", pin)
    file.write_text(pin)
    pool.replace(SOFTHSM, str(shim))
    return pool


def with_yubihsm(make_pool, shim, more="", shared=True, **site):
    """shared: without the mark that a pool leaves in a token of its own, which is one more object."""
    pool = use_yubihsm(make_site(make_pool, f"{PROFILE}\n{more}", start=False, **site), shim)
    if shared:
        pool.replace("shared = false", "shared = true")
    return pool


def objects(pool):
    """How many the token has for all purposes."""
    listed = pkcs11_tool(pool, "--pin", PIN, "--list-objects").splitlines()
    return sum(" object" in line.lower() and not line.startswith(" ") for line in listed)


def keys_left(pool, peer="b.example"):
    row = json.loads(pool.tlspool("qkd", "status", "--json", peer, check=False).stdout)[0]
    return row["asClient"], row["asServer"]


def refused(pool, *numbers):
    lines = "".join(f"{n} {'5a' * 32}\n" for n in numbers)
    done = pool.tlspool("qkd", "import", "b.example", stdin=lines, check=False)
    assert done.returncode == 1, done.stdout
    return done.stderr


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("version", ["1.3", "1.2"])
def test_keys_are_used_once_and_are_gone(make_pool, shim, version, shared):
    lines = f'version = "{version}"'
    a = with_yubihsm(make_pool, shim, lines, shared).start()
    b = make_site(make_pool, f'{lines}\nid = "brief"', name="b.example", own=OTHER, other="a.example", store=OWN)
    keys = give(a, 2, 65534, 1, 65535)
    put(b, keys, "a.example")
    assert keys_left(a) == (2, 2)
    before = objects(a)
    used = set()
    # Either site is the client once: the token with the limits gives a key and confirms one.
    for client_side, server_side, name in ((a, b, "b.example"), (b, a, "a.example")):
        with OurServer(tlspool, pool=server_side.directory) as server, our_client(tlspool, server.port, name, pool=client_side.directory) as client:
            with server.plain() as served:
                client.sendall(b"hello\n")
                assert read_line(served) == b"hello\n"
                assert client.session.verified_by == served.session.verified_by == "sharedKey"
                used.add(client.session.shared_key.key_id)
    assert len(used) == 2 and used < {"2", "65534", "1", "65535"}
    assert keys_left(a) == keys_left(b, "a.example") == (1, 1)
    eventually(lambda: objects(a) == before - 2)
    assert all("used before" in refused(a, number) for number in used)


def test_numbers_have_two_bytes_and_zero_is_none(make_pool, shim):
    a = with_yubihsm(make_pool, shim).start()
    assert keys_left(a) == (0, 0)  # Now the token has the pool's mark.
    before = objects(a)
    assert "65536" in refused(a, 65536)
    assert "chooses another" in refused(a, 0)
    assert objects(a) == before
    give(a, 1, 65535)
    assert keys_left(a) == (0, 2)


def test_the_key_that_is_one_too_many_is_refused_and_a_used_one_makes_room(make_pool, shim):
    a = with_yubihsm(make_pool, shim, shared=False)
    b = make_site(make_pool, 'id = "brief"', name="b.example", own=OTHER, other="a.example", store=OWN)
    full = objects(a) + 1 + 3  # the pool's mark, and three keys
    a.environment["TLSPOOL_YUBIHSM_OBJECTS"] = str(full)
    a.start()
    keys = give(b, 2, 4, 6, 8, peer="a.example")
    lines = "".join(f"{n} {key}\n" for n, key in keys.items())
    done = a.tlspool("qkd", "import", "b.example", stdin=lines, check=False)
    assert done.returncode == 1 and "it is full" in done.stderr and "8" in done.stderr
    assert keys_left(a) == (3, 0)
    assert token(a)["state"] == "ready"
    with OurServer(tlspool, pool=b.directory) as server, our_client(tlspool, server.port, "b.example", pool=a.directory) as client, server.plain():
        assert client.session.verified_by == "sharedKey"
    assert keys_left(a) == (2, 0)
    eventually(lambda: objects(a) == full - 1)
    put(a, {8: keys[8]})
    assert keys_left(a) == (3, 0)


def test_by_itself_it_has_room_for_256_objects(make_pool, shim):
    a = with_yubihsm(make_pool, shim, shared=False)
    room = ALL_OBJECTS - objects(a) - 1  # one is the pool's mark
    a.start()
    give(a, *range(1, room + 1))
    assert "it is full" in refused(a, room + 1)
    assert sum(keys_left(a)) == room


def test_a_store_name_of_41_bytes_is_refused_by_the_configuration(make_pool, shim):
    a = with_yubihsm(make_pool, shim, store="x" * 41)
    done = a.tlspool("doctor", check=False)
    assert done.returncode != 0 and "at most 40 characters" in done.stdout + done.stderr


def test_a_pin_without_the_number_of_the_authentication_key_is_named(make_pool, shim):
    a = use_yubihsm(make_site(make_pool, PROFILE, start=False), shim, pin="password-of-the-key").start()
    assert token(a)["state"] != "ready"
    assert PIN in json.dumps(a.status()) and "4 hexadecimal digits" in json.dumps(a.status())
