# SPDX-License-Identifier: Apache-2.0
"""`tlspool psk`: keys that the administrator puts in reach the token by no other process, and are seen nowhere else."""
import base64
import glob
import hashlib
import json
import os
import pty
import secrets
import signal
import socket
import subprocess

import pytest
from caller import ROOT, STRANGER
from pool import BIN, PATIENCE, eventually

PEER = """
[[peer]]
name = "device.example"
source = "psk"
psk = "device"
address = "hsm.pool.example"
store = "hsm.device.example"
hash = "sha256"
"""


@pytest.fixture
def pool(make_pool):
    return make_pool().start()


def listed(pool):
    return {row["name"]: row for row in json.loads(pool.tlspool("psk", "list", "--json").stdout)}


def refused(pool, *words, stdin=""):
    done = pool.tlspool("psk", *words, check=False, stdin=stdin)
    assert done.returncode == 1, done.stdout
    return done.stderr


def test_a_key_is_taken_as_text_as_bytes_or_made(pool):
    key = secrets.token_bytes(32)
    pool.tlspool("psk", "add", "hex", stdin=key.hex().upper() + "\n")
    text = base64.b64encode(key * 2).decode()
    pool.tlspool("psk", "add", "base64", "--from-stdin", stdin=f"{text[:20]}\n {text[20:]}\r\n")
    subprocess.run([str(BIN / "tlspool"), "--pool", str(pool.directory), "psk", "add", "raw", "--raw", "--derived"], input=key[:16] * 16,
                   check=True, timeout=PATIENCE, env=pool.environment, stdout=subprocess.DEVNULL)
    quiet = pool.tlspool("psk", "add", "made", "--generate").stdout
    shown = pool.tlspool("psk", "add", "shown", "--generate", "--bytes", 48, "--show").stdout
    assert len(bytes.fromhex(shown)) == 48
    rows = listed(pool)
    assert {name: row["bits"] for name, row in rows.items()} == {"hex": 256, "base64": 512, "raw": 2048, "made": 256, "shown": 384}
    assert [name for name, row in rows.items() if row["derived"]] == ["raw"]
    assert "made" in quiet and "256" in quiet
    pool.tlspool("psk", "remove", "hex")
    assert "hex" not in listed(pool)
    assert "hex" in refused(pool, "remove", "hex")


def test_bad_keys_are_refused_and_nothing_is_stored(pool):
    assert "16" in refused(pool, "add", "short", stdin=secrets.token_hex(15))
    assert "256" in refused(pool, "add", "long", stdin=secrets.token_hex(257))
    assert "odd" in refused(pool, "add", "odd", stdin="abc")
    neither = refused(pool, "add", "neither", stdin="correct horse!")
    assert "hexadecimal" in neither and "horse" not in neither
    assert "none" in refused(pool, "add", "none")
    assert "attic" in refused(pool, "add", "elsewhere", "--generate", "--token", "attic")
    assert "not usable" in refused(pool, "add", "a b", "--generate")
    assert listed(pool) == {}
    pool.tlspool("psk", "add", "once", "--generate")
    assert "once" in refused(pool, "add", "once", "--generate")
    for words in (("--generate", "--raw"), ("--show",), ("--salt", "x"), ("--generate", "--bytes", "15")):
        assert pool.tlspool("psk", "add", "x", *words, check=False, stdin="").returncode == 2


def test_a_passphrase_is_stretched_and_a_weak_one_refused(pool):
    told = refused(pool, "add", "weak", "--passphrase", stdin="password1\n")
    assert "entropy" in told and "--weak" in told and "password1" not in told
    assert listed(pool) == {}
    pool.tlspool("psk", "add", "weak", "--passphrase", "--weak", stdin="password1\n")
    phrase = "Correct-Horse7 battery_Staple and 42 more"
    pool.tlspool("psk", "add", "device", "--passphrase", stdin=phrase + "\n")
    assert listed(pool)["device"]["bits"] == 256
    # The other side, which knows the passphrase and the documented salt, comes to the same key.
    key = hashlib.scrypt(phrase.encode(), salt=b"tlspool-psk:device", n=2**17, r=8, p=1, maxmem=2**28, dklen=32)
    speak(pool, key)


def speak(pool, key):
    """openssl connects to us by this key, and the pool takes it."""
    pool.configure(PEER)
    pool.tlspool("reload")
    with socket.create_server(("127.0.0.1", 0)) as echo:
        tunnel = subprocess.Popen([str(BIN / "tlspool"), "--pool", str(pool.directory), "tunnel", "--side", "tls-in", "--shared-key", "--listen",
                                   "127.0.0.1:0", "--connect", f"127.0.0.1:{echo.getsockname()[1]}"],
                                  stderr=subprocess.PIPE, text=True, env=pool.environment)
        try:
            port = tunnel.stderr.readline().split()[-1].rsplit(":", 1)[1]
            echo.settimeout(PATIENCE)
            client = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-quiet", "-psk", key.hex(), "-psk_identity",
                                       "pkcs:object=hsm.device.example;id=device", "-tls1_3"],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            client.stdin.write(b"by a shared key\n")
            client.stdin.flush()
            plain, _ = echo.accept()
            plain.settimeout(PATIENCE)
            assert plain.recv(100) == b"by a shared key\n"
            plain.close()
            client.kill()
            client.communicate()
        finally:
            tunnel.terminate()
            tunnel.wait(PATIENCE)
            tunnel.stderr.close()


def command_lines():
    out = b""
    for path in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
        try:
            with open(path, "rb") as file:
                out += file.read()
        except OSError:
            continue
    return out


def test_the_key_stands_in_no_command_line_log_or_file(pool):
    key = secrets.token_bytes(32)
    command = subprocess.Popen([str(BIN / "tlspool"), "--pool", str(pool.directory), "psk", "add", "device"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, env=pool.environment)
    command.stdin.write(key.hex().encode())
    command.stdin.flush()
    while_reading = command_lines()
    shown = command.communicate(timeout=PATIENCE)[0]
    assert command.returncode == 0
    pool.wait_for("psk.added", psk="device")
    forms = [form for text in (key.hex(), key.hex().upper(), base64.b64encode(key).decode()) for form in (text.encode(),)] + [key]
    seen = while_reading + command_lines() + shown + pool.text().encode()
    for path in pool.directory.rglob("*"):
        if path.is_file():
            seen += path.read_bytes()
    assert not [form for form in forms if form in seen]


def test_a_terminal_shows_no_passphrase(pool):
    phrase = b"Correct-Horse7 battery_Staple and 42 more"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(str(BIN / "tlspool"), ["tlspool", "--pool", str(pool.directory), "psk", "add", "device", "--passphrase"], pool.environment)
    shown = b""
    for prompt in (b"Passphrase of key device: ", b"The same again: "):
        while prompt not in shown:
            shown += os.read(terminal, 1000)
        os.write(terminal, phrase + b"\n")
    try:
        while data := os.read(terminal, 1000):
            shown += data
    except OSError:  # EIO: the other end is closed
        pass
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
    assert phrase not in shown and b"Horse" not in shown
    assert "device" in listed(pool)


def test_a_reload_adds_a_peer_and_its_missing_key_is_found(pool):
    pool.configure(PEER)
    pool.tlspool("reload")
    doctor = pool.tlspool("doctor", check=False)
    assert doctor.returncode == 1
    assert [line for line in doctor.stdout.splitlines() if "PROBLEM" in line and "device.example" in line and "tlspool psk add device" in line]
    key = secrets.token_bytes(32)
    pool.tlspool("psk", "add", "device", stdin=key.hex())
    assert listed(pool)["device"]["peers"] == ["device.example"]
    assert pool.tlspool("doctor").returncode == 0


def test_keys_come_back_with_the_keeper(pool):
    key = secrets.token_bytes(32)
    pool.tlspool("psk", "add", "device", stdin=key.hex())
    old = pool.pids("keeper")[0]
    os.kill(old, signal.SIGKILL)
    # While it is started again the command says so; then all is as before.
    eventually(lambda: pool.tlspool("psk", "list", check=False).returncode == 0 and pool.pids("keeper") not in ([old], [0], []))
    assert "device" in listed(pool)
    speak(pool, key)


def test_only_the_owner_opens_the_way_to_keys(pool):
    """The supervisor refuses other users; an ordinary user can't become one, but nobody else gets at the socket either."""
    command = [str(BIN / "tlspool"), "--pool", str(pool.directory), "psk", "list"]
    if ROOT:
        done = subprocess.run(command, user=STRANGER["uid"], group=STRANGER["gid"], extra_groups=[], capture_output=True, text=True,
                              timeout=PATIENCE, env=pool.environment, check=False)
        assert done.returncode == 1 and "admin.sock" in done.stderr, done.stderr
        (pool.directory / "run" / "admin.sock").chmod(0o666)
        done = subprocess.run(command, user=STRANGER["uid"], group=STRANGER["gid"], extra_groups=[], capture_output=True, text=True,
                              timeout=PATIENCE, env=pool.environment, check=False)
        assert done.returncode == 1 and "refused" in done.stderr, done.stderr
    else:
        assert (pool.directory / "run" / "admin.sock").stat().st_mode & 0o777 == 0o600
    assert pool.tlspool("psk", "list").stdout == "no shared keys\n"
