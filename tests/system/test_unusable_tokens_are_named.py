# SPDX-License-Identifier: Apache-2.0
"""A token or key that can't be used stops nobody but its identities: the pool starts, and status, doctor, log and
the failed request name the PKCS#11 call or the file."""
import os
import shutil

import pytest
from caller import ROOT
from control import call
from misbehaving import SOFTHSM, ask, credential, refusal, serves, token, use_shim
from pool import eventually


def everywhere(pool, *words):
    """Starts the pool; its only identity is unusable, and everybody says why."""
    pool.start()
    shown = token(pool)
    assert shown["state"] != "ready"
    assert not credential(pool)["usable"]
    plain = pool.tlspool("status").stdout
    doctor = pool.tlspool("doctor", check=False)
    assert doctor.returncode == 1
    reason, message = refusal(ask(pool))
    assert reason == "token"
    log = pool.events("token.unusable")[0]["problem"]
    (listed,) = call(pool, "ListIdentities")["parameters"]["identities"]
    assert listed["usable"] is False
    for word in words:
        for text in (listed["problem"], shown["problem"], credential(pool)["problem"], doctor.stdout, message, log):
            assert word in text, (word, text)
    assert "token     default: ready" not in plain
    return shown["state"]


def test_no_such_token(make_pool):
    pool = make_pool()
    pool.replace('uri = "pkcs11:', 'uri = "pkcs11:manufacturer=nobody;')
    assert everywhere(pool, "C_GetTokenInfo") == "missing"


def test_a_file_that_is_no_module(make_pool, place):
    library = place / "no-module.so"
    shutil.copy("/usr/lib/x86_64-linux-gnu/libcrypto.so.3" if os.path.exists("/usr/lib/x86_64-linux-gnu/libcrypto.so.3") else "/bin/true",
                library)
    library.chmod(0o755)
    pool = make_pool()
    pool.replace(SOFTHSM, str(library))
    assert everywhere(pool, "C_GetFunctionList", str(library)) == "missing"


def test_no_pin_anywhere(make_pool):
    pool = make_pool()
    pool.replace('pin_file = "pin"', "")
    pool.start()
    right = (pool.directory / "keeper" / "pin").read_text()
    assert token(pool)["state"] == "locked" and "C_Login" in token(pool)["problem"]
    assert "pin default" in pool.tlspool("status").stdout
    reason, message = refusal(ask(pool))
    assert reason == "token" and "C_Login" in message
    pool.tlspool("pin", stdin=right)
    assert eventually(lambda: serves(pool))


def test_a_pin_file_that_others_can_read(make_pool):
    pool = make_pool()
    file = pool.directory / "keeper" / "pin"
    file.chmod(0o644)
    assert everywhere(pool, "pin", "chmod") == "locked"
    file.chmod(0o600)
    pool.tlspool("reload")
    assert eventually(lambda: serves(pool))


def test_no_pin_file(make_pool):
    pool = make_pool()
    (pool.directory / "keeper" / "pin").unlink()
    assert everywhere(pool, "pin", "No such file") == "locked"


def test_a_locked_token(make_pool, place):
    pool = use_shim(make_pool(), place)
    (pool.directory / "keeper" / "lock").touch()
    assert everywhere(pool, "C_Login", "CKR_PIN_LOCKED") in ("locked", "pinRejected")


def test_a_module_that_is_not_installed_is_refused_with_file_and_advice(make_pool):
    pool = make_pool()
    pool.replace(SOFTHSM, "/usr/lib/nowhere/module.so")
    pool.start(wait=False)
    assert pool.process.wait(20) == 1
    problem = pool.wait_for("pool.failed")["reason"]
    for word in ("tlspool.toml", "token default", "/usr/lib/nowhere/module.so", "install"):
        assert word in problem


def identity_file(pool):
    (file,) = (pool.directory / "identities").glob("*.toml")
    return file


def test_a_missing_key_leaves_the_other_identities(make_pool):
    pool = make_pool()
    pool.identity("second.example")
    file = next(f for f in (pool.directory / "identities").glob("*.toml") if "second" in f.name)
    text = file.read_text()
    key = next(line for line in text.splitlines() if line.startswith("key"))
    file.write_text(text.replace(key, 'key = "pkcs11:object=gone;type=private"'))
    pool.start()
    assert token(pool)["state"] == "ready"
    broken = credential(pool, "second.example")
    assert not broken["usable"] and "C_FindObjects" in broken["problem"]
    reason, message = refusal(ask(pool, "second.example"))
    assert reason == "token" and "C_FindObjects" in message
    assert "C_FindObjects" in pool.tlspool("doctor", check=False).stdout
    assert "C_FindObjects" in pool.events("identity.unusable", identity="second.example")[0]["problem"]
    assert credential(pool)["usable"] and serves(pool)


def test_a_certificate_of_another_key(make_pool, pki):
    pool = make_pool()
    other = pki.leaf("pool.example")
    chain = next((pool.directory / "identities").glob("*.pem"))
    chain.write_text(other.cert.read_text())
    pool.start()
    assert not credential(pool)["usable"] and "match" in credential(pool)["problem"]
    reason, message = refusal(ask(pool))
    assert reason == "token" and "match" in message


def test_the_pin_by_systemds_credential(make_pool, tmp_path):
    """LoadCredential= gives a directory that only its owner reads; the pool's user need not be able to."""
    pool = make_pool()
    pin = pool.directory / "keeper" / "pin"
    directory = pool.directory / "credentials"
    directory.mkdir(mode=0o700)
    (directory / "office-pin").write_text(pin.read_text())
    (directory / "office-pin").chmod(0o400)
    (directory / "another").write_text("something else")
    pin.unlink()
    pool.replace('pin_file = "pin"', 'pin_credential = "office-pin"')
    pool.start(env={"CREDENTIALS_DIRECTORY": str(directory)})
    assert token(pool)["state"] == "ready" and serves(pool)
    assert not ROOT or directory.stat().st_uid == 0
    pool.stop()
    # Without systemd, and where systemd has no credential of this name.
    for environment, word in (({}, "CREDENTIALS_DIRECTORY"), ({"CREDENTIALS_DIRECTORY": str(tmp_path)}, "office-pin")):
        pool.start(env=environment)
        assert token(pool)["state"] in ("locked", "missing")
        assert word in token(pool)["problem"]
        pool.stop()
