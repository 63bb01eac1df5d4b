# SPDX-License-Identifier: Apache-2.0
"""`tlspool doctor` finds the usual mistakes, each alone, and says what to do; it finds nothing where nothing is."""
import os
import shutil
import subprocess

import pytest
from caller import ROOT
from misbehaving import use_shim
from pool import BIN, PATIENCE


def problems(pool):
    done = pool.tlspool("doctor", check=False)
    found = [line for line in done.stdout.splitlines() if line.startswith("PROBLEM")]
    assert (done.returncode == 0) == (not found)
    return found


def only(pool, *words):
    """Exactly one problem, in which all words stand."""
    found = problems(pool)
    assert len(found) == 1, found
    for word in words:
        assert word in found[0], (word, found[0])


@pytest.fixture
def pool(make_pool):
    return make_pool().start()


def test_nothing_is_wrong(pool):
    assert problems(pool) == []
    text = pool.tlspool("doctor").stdout
    for word in ("pool", "configuration", "Landlock", "keeper's directory", "find the token", "log in", "it signs", "daemon"):
        assert word in text, word


def test_no_daemon(make_pool):
    only(make_pool(), "daemon", "run/admin.sock", "tlspoold")


def test_no_pool(place):
    done = subprocess.run([str(BIN / "tlspool"), "--pool", str(place / "nowhere"), "doctor"], capture_output=True, text=True,
                          timeout=PATIENCE, check=False)
    assert done.returncode == 1 and "init" in done.stdout


def test_pin_file_open_to_others(pool):
    (pool.directory / "keeper" / "pin").chmod(0o640)
    found = problems(pool)
    assert any("PIN file" in p and "chmod" in p for p in found)


def test_keepers_directory_open_to_others(pool):
    (pool.directory / "keeper").chmod(0o755)
    only(pool, "keeper", "chmod")


def test_configuration_that_others_can_write(pool):
    pool.config.chmod(0o666)
    only(pool, "tlspool.toml", "chmod")


def test_wrong_owner(pool):
    if not ROOT:
        # Only root can give a file away, and only for root are there two owners.
        assert os.stat(pool.directory / "keeper").st_uid == os.geteuid()
        return
    shutil.chown(pool.directory / "keeper" / "pin", 0, 0)
    found = problems(pool)
    assert any("chown" in p and "pin" in p for p in found)


def replace_chain(pool, party):
    (chain,) = (pool.directory / "identities").glob("*.pem")
    chain.write_text(party.chain.read_text())


@pytest.mark.parametrize("sort,words", (("expired", "expired on"), ("not-yet-valid", "not valid before")))
def test_expired_certificate(make_pool, pki, sort, words):
    """Of another key, too: no command makes expired ones for the token's. Each mistake is named for itself."""
    pool = make_pool()
    replace_chain(pool, pki.leaf("pool.example", sort=sort))
    found = problems(pool)
    assert any(words in p for p in found) and any("match" in p for p in found)
    if sort == "expired":
        assert "expired" in pool.tlspool("identity", "list").stdout


def test_certificate_of_another_key_and_name(make_pool, pki):
    pool = make_pool()
    replace_chain(pool, pki.leaf("other.example"))
    found = problems(pool)
    assert any("it is for other.example" in p for p in found)
    assert any("match" in p for p in found)


def test_broken_configuration(pool):
    pool.config.write_text(pool.config.read_text() + "\n[nonsense]\n")
    line = len(pool.config.read_text().splitlines())
    found = problems(pool)
    assert any(f"{pool.config}:{line}" in p for p in found)


def test_missing_key(make_pool):
    pool = make_pool()
    (file,) = (pool.directory / "identities").glob("*.toml")
    key = next(line for line in file.read_text().splitlines() if line.startswith("key"))
    file.write_text(file.read_text().replace(key, 'key = "pkcs11:object=gone;type=private"'))
    assert any("C_FindObjects" in p and "gone" in p for p in problems(pool))


def test_failing_device(make_pool, place):
    pool = use_shim(make_pool(), place)
    (pool.directory / "keeper" / "fail").touch()
    assert any("C_OpenSession" in p and "CKR_DEVICE_ERROR" in p for p in problems(pool))


def test_identity_that_waits_for_a_reload(pool):
    (file,) = (pool.directory / "identities").glob("*.toml")
    (file.parent / "copy.toml").write_text(file.read_text().replace('name = "pool.example"', 'name = "copied.example"'))
    assert "not yet loaded: tlspool reload" in pool.tlspool("identity", "list").stdout
    pool.tlspool("reload")
    assert "not yet loaded" not in pool.tlspool("identity", "list").stdout
