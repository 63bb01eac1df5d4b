# SPDX-License-Identifier: Apache-2.0
"""What `tlspool` prints, in both forms, and its exit codes."""
import json
import os
import shutil
import socket
import ssl
import subprocess

import pytest
from misbehaving import handshake, serves
from pool import BIN, PATIENCE, Pool

KEYS = {"p256": "id-ecPublicKey", "p384": "secp384r1", "ed25519": "ED25519", "rsa2048": "2048 bit", "rsa3072": "3072 bit", "rsa4096": "4096 bit"}


def test_init_twice_is_refused_and_changes_nothing(make_pool):
    pool = make_pool()
    before = {f: f.read_bytes() for f in pool.directory.rglob("*") if f.is_file()}
    again = pool.tlspool("init", "--name", "other.example", check=False)
    assert again.returncode == 1 and str(pool.config) in again.stderr and "already" in again.stderr
    assert before == {f: f.read_bytes() for f in pool.directory.rglob("*") if f.is_file()}


def test_init_does_not_take_over_keys_without_a_configuration(make_pool):
    pool = make_pool()
    pool.config.unlink()
    again = pool.tlspool("init", check=False)
    assert again.returncode == 1 and "keys" in again.stderr
    assert (pool.directory / "keeper" / "pin").exists()


def test_init_by_default_takes_the_hosts_name(place):
    directory = place / "named-by-host"
    subprocess.run([str(BIN / "tlspool"), "--pool", str(directory), "init"], check=True, timeout=PATIENCE, capture_output=True)
    (file,) = (directory / "identities").glob("*.toml")
    assert socket.gethostname().split(".")[0].lower() in file.read_text().lower()
    shutil.rmtree(directory)


def test_what_init_makes(make_pool):
    pool = make_pool("a.example")
    modes = {name: (pool.directory / name).stat().st_mode & 0o777 for name in (".", "tlspool.toml", "identities", "ca", "ca/ca.pem", "run",
                                                                                   "keeper", "keeper/pin")}
    assert modes == {".": 0o755, "tlspool.toml": 0o644, "identities": 0o755, "ca": 0o755, "ca/ca.pem": 0o644, "run": 0o755, "keeper": 0o700,
                     "keeper/pin": 0o600}
    pin = (pool.directory / "keeper" / "pin").read_text().strip()
    other = make_pool("b.example")
    assert len(pin) >= 16 and pin != (other.directory / "keeper" / "pin").read_text().strip()
    # No private key lies in any file of the pool but the token's own.
    for file in pool.directory.rglob("*"):
        if file.is_file():
            assert b"PRIVATE KEY" not in file.read_bytes()


@pytest.mark.parametrize("name", ("", "a b", "-", "a..b", "@a.example", "x" * 300, "a/b", "../a"))
def test_names_that_are_none(make_pool, name):
    pool = make_pool()
    before = sorted(pool.directory.rglob("*"))
    done = pool.tlspool("identity", "new", "--", name, check=False)
    if done.returncode == 0:
        # Odd, but a name: its files are still inside identities/.
        new = set(pool.directory.rglob("*")) - set(before)
        assert all(f.parent.name in ("identities", "tokens") or "keeper" in f.parts for f in new), new
    else:
        assert done.returncode in (1, 2) and done.stderr
        assert not list((pool.directory / "identities").glob("*")) == []


@pytest.mark.parametrize("kind", KEYS)
def test_new_identity_by_kind_of_key(make_pool, kind):
    pool = make_pool()
    made = pool.tlspool("identity", "new", "new.example", "--key", kind)
    assert "new.example" in made.stdout
    twice = pool.tlspool("identity", "new", "new.example", check=False)
    assert twice.returncode == 1 and "new.example" in twice.stderr
    pem = pool.tlspool("identity", "show", "new.example", "--pem").stdout
    text = subprocess.run(["openssl", "x509", "-noout", "-text"], input=pem, capture_output=True, text=True, check=True).stdout
    assert KEYS[kind] in text and "DNS:new.example" in text
    subprocess.run(["openssl", "verify", "-CAfile", str(pool.ca), "-verify_hostname", "new.example"], input=pem, text=True, check=True,
                   capture_output=True)
    row = next(i for i in json.loads(pool.tlspool("identity", "list", "--json").stdout) if i["name"] == "new.example")
    (credential,) = row["credentials"]
    assert row["roles"] == ["client", "server"] and credential["usable"] is None
    assert credential["key"].startswith("pkcs11:") and credential["problem"] is None


def test_unknown_kind_of_key(make_pool):
    assert make_pool().tlspool("identity", "new", "a.example", "--key", "dsa", check=False).returncode == 2


def test_identity_list_and_show(pool):
    listed = json.loads(pool.tlspool("identity", "list", "--json").stdout)
    names = [i["name"] for i in listed]
    assert {"pool.example", "p256.example", "joe@clients.example"} <= set(names)
    assert all(c["usable"] is True for i in listed for c in i["credentials"])
    table = pool.tlspool("identity", "list").stdout.splitlines()
    assert table[0].split()[:2] == ["NAME", "KEY"] and len(table) == len(names) + 1
    shown = pool.tlspool("identity", "show", "p256.example").stdout
    assert "pkcs11:" in shown and "usable" in shown and "default" in shown
    assert pool.tlspool("identity", "show", "P256.Example").stdout == shown
    missing = pool.tlspool("identity", "show", "nobody.example", check=False)
    assert missing.returncode == 1 and "nobody.example" in missing.stderr


def test_ca_show(pool):
    assert pool.tlspool("ca", "show", "--pem").stdout == pool.ca.read_text()
    assert str(pool.ca) in pool.tlspool("ca", "show").stdout
    assert ssl.PEM_cert_to_DER_cert(pool.ca.read_text())


def test_status_and_sessions_of_a_live_session(pool, library):
    before = pool.status()
    near, far = handshake(library, pool.ca, "p256.example")
    near.sendall(b"12345")
    assert far.recv(10) == b"12345"
    far.sendall(b"abc")
    assert near.recv(10) == b"abc"
    status = pool.status()
    assert status["sessions"] == before["sessions"] + 1 and status["completed"] == before["completed"] + 1
    assert status["pool"] == str(pool.directory) and status["trustAnchors"] >= 2
    assert {p["name"] for p in status["processes"]} == {"keeper", "judge", "worker-0", "worker-1"}
    assert all(c["usable"] and c["problem"] is None for c in status["credentials"])
    assert {c["keyType"] for c in status["credentials"]} == {"rsa", "p256", "p384", "ed25519"}
    row = next(r for r in json.loads(pool.tlspool("sessions", "--json").stdout) if r["id"] == far.session.id)
    assert row["role"] == "server" and row["localIdentity"] == "p256.example" and row["remoteIdentity"] is None
    assert row["version"] == "tls13" and row["cipherSuite"] == far.session.cipher_suite
    assert (row["uid"], row["pid"]) == (os.getuid(), os.getpid())
    assert (row["bytesSent"], row["bytesReceived"]) == (3, 5)
    assert far.session.id[:12] in pool.tlspool("sessions").stdout
    plain = pool.tlspool("status").stdout
    assert "token     default: ready" in plain and "p256.example" in plain and "worker-0" in plain
    near.close()
    far.close()


def test_nothing_to_show(make_pool):
    pool = make_pool().start()
    assert json.loads(pool.tlspool("sessions", "--json").stdout) == []
    assert pool.tlspool("sessions").stdout == "no open sessions\n"


@pytest.mark.parametrize("words", (["status"], ["sessions"], ["reload"], ["pin"], ["status", "--json"], ["connect", "127.0.0.1:9"]))
def test_no_daemon(make_pool, words):
    pool = make_pool()
    done = pool.tlspool(*words, check=False, stdin="1234\n")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("tlspool: ") and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", ([], ["nothing"], ["identity"], ["status", "--colour"], ["connect"], ["tunnel", "--listen", "127.0.0.1:0"]))
def test_wrong_usage(make_pool, words):
    done = make_pool().tlspool(*words, check=False)
    assert done.returncode == 2 and done.stderr


def run_as_user(home, *words, variables=None):
    """A user with nothing but a home directory."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **(variables or {})}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
        if name in os.environ:
            environment[name] = os.environ[name]
    return subprocess.run([str(BIN / "tlspool"), *words], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_the_pool_by_environment_and_by_home(make_pool, place):
    pool = make_pool().start()
    by_environment = run_as_user(place, "status", "--json", variables={"TLSPOOL_DIR": str(pool.directory)})
    assert json.loads(by_environment.stdout)["pool"] == str(pool.directory)
    named = run_as_user(place, "--pool", str(pool.directory), "status", "--json", variables={"TLSPOOL_DIR": "/nowhere"})
    assert json.loads(named.stdout)["pool"] == str(pool.directory)
    if os.geteuid() == 0:
        # Root's pool is the system's, whatever HOME says; it is not touched here.
        assert "/etc/tlspool" in run_as_user(place, "identity", "list").stderr or os.path.exists("/etc/tlspool/tlspool.toml")
        return
    home = place / "home"
    home.mkdir(exist_ok=True)
    made = run_as_user(home, "init", "--name", "mine.example")
    assert made.returncode == 0, made.stderr
    own = home / ".local" / "share" / "tlspool"
    assert (own / "tlspool.toml").exists()
    elsewhere = run_as_user(home, "init", "--name", "mine.example", variables={"XDG_DATA_HOME": str(home / "data")})
    assert elsewhere.returncode == 0 and (home / "data" / "tlspool" / "tlspool.toml").exists()
    assert serves(pool)


def test_a_directory_that_can_not_be_made(make_pool, place):
    blocked = place / "blocked"
    blocked.write_text("a file")
    done = subprocess.run([str(BIN / "tlspool"), "--pool", str(blocked / "pool"), "init"], capture_output=True, text=True, timeout=PATIENCE,
                          check=False)
    assert done.returncode == 1 and "blocked" in done.stderr
    assert blocked.read_text() == "a file"


def test_relative_directories_and_long_ones(place, monkeypatch):
    """unix(7) paths end at 107 bytes; a pool's directory does not."""
    deep = place / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    pool = Pool(deep / "pool")
    try:
        pool.start()
        done = subprocess.run([str(BIN / "tlspool"), "--pool", "pool", "status", "--json"], capture_output=True, text=True, timeout=PATIENCE,
                              check=True)
        assert json.loads(done.stdout)["pool"] == str(deep / "pool")
    finally:
        pool.remove()
