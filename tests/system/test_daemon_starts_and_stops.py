# SPDX-License-Identifier: Apache-2.0
"""tlspoold from --check to SIGTERM: what it says, what it leaves behind, and what it shares with other pools."""
import json
import os
import re
import signal
import socket
import ssl
import subprocess

import pytest
from caller import calls, start
from control import Control, answers
from misbehaving import handshake, serves
from peers import tcp_pair
from pool import BIN, PATIENCE, SANITIZED, alive, eventually


def run(pool, *options, **more):
    return subprocess.run([str(BIN / "tlspoold"), "--pool", str(pool.directory), *options], capture_output=True, text=True,
                          timeout=PATIENCE, check=False, env=pool.environment, **more)


def test_check_of_a_good_configuration(make_pool):
    pool = make_pool()
    done = run(pool, "--check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{pool.config}: ok\n"
    assert not pool.socket.exists()


def line_of(pool, text):
    return next(n for n, line in enumerate(pool.config.read_text().splitlines(), 1) if text in line)


BROKEN = {
    "unknown key": ("[log]", "[log]\nsink = 1", "sink"),
    "unknown table": ("[log]", "[logs]", "logs"),
    "wrong type": ("workers = 0", 'workers = "two"', "workers"),
    "wrong word": ('minimum_version = "1.2"', 'minimum_version = "1.1"', "minimum_version"),
    "no TOML": ("workers = 0", "workers = = 0", "workers"),
    "wrong URI": ('uri = "pkcs11:', 'uri = "pkcs12:', "uri ="),
    "anchor that is not there": ('anchors = ["ca/ca.pem"]', 'anchors = ["ca/nowhere.pem"]', None),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_mistake_is_named_with_file_and_line(make_pool, what):
    pool = make_pool()
    old, new, marker = BROKEN[what]
    pool.replace(old, new)
    checked = run(pool, "--check")
    assert checked.returncode == 1 and checked.stdout == ""
    where = f"{pool.config}:{line_of(pool, marker)}" if marker else "nowhere.pem"
    if what == "unknown key":
        assert "sink" in checked.stderr
    assert where in checked.stderr, checked.stderr
    # The start says the same, and leaves nothing behind.
    pool.start(wait=False)
    assert pool.process.wait(PATIENCE) == 1
    assert where in pool.wait_for("pool.failed")["reason"]
    assert not pool.socket.exists()


def test_a_mistake_in_an_identitys_file(make_pool):
    pool = make_pool()
    (file,) = (pool.directory / "identities").glob("*.toml")
    lines = file.read_text().splitlines()
    number = next(n for n, line in enumerate(lines, 1) if line.startswith("role"))
    lines[number - 1] = 'role = ["observer"]'
    file.write_text("\n".join(lines))
    done = run(pool, "--check")
    assert done.returncode == 1 and f"{file}:{number}" in done.stderr


def test_no_pool_at_all(tmp_path):
    done = subprocess.run([str(BIN / "tlspoold"), "--pool", str(tmp_path / "nowhere")], capture_output=True, text=True, timeout=PATIENCE,
                          check=False)
    assert done.returncode == 1 and "tlspool" in done.stderr and "init" in done.stderr


@pytest.mark.parametrize("words", (["--nothing"], ["--log", "xml"], ["surplus"], ["--process", "worker"], ["--process", "admin", "--channel", "3"]))
def test_wrong_usage(make_pool, words):
    done = run(make_pool(), *words)
    assert done.returncode == 2 and done.stderr


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT))
def test_a_signal_ends_it_cleanly(make_pool, number):
    pool = make_pool().start()
    pids = [p["pid"] for p in pool.status()["processes"]]
    assert len(pids) >= 3 and answers(pool)
    pool.process.send_signal(number)
    assert pool.process.wait(PATIENCE) == 0
    assert not pool.socket.exists() and not (pool.directory / "run" / "admin.sock").exists()
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}/exe")]
    assert pool.wait_for("pool.stopped")
    assert not pool.events("process.died")
    pool.start()
    assert serves(pool)


def test_children_do_not_outlive_a_killed_supervisor(make_pool):
    pool = make_pool().start()
    pids = [p["pid"] for p in pool.status()["processes"]]
    pool.process.kill()
    pool.process.wait(PATIENCE)
    eventually(lambda: not [pid for pid in pids if alive(pid)], message="a child lives on without its supervisor")
    # The sockets that it left behind are no obstacle.
    pool.start()
    assert serves(pool)


def test_a_second_daemon_on_the_same_pool_is_refused(make_pool):
    pool = make_pool().start()
    second = run(pool)
    assert second.returncode == 1 and "another tlspoold" in second.stderr and str(pool.socket) in second.stderr
    assert serves(pool)
    assert pool.tlspool("status").returncode == 0


def test_two_pools_side_by_side(make_pool):
    one, two = make_pool("one.example").start(), make_pool("two.example").start()
    assert serves(one, "one.example") and serves(two, "two.example")
    assert not serves(one, "two.example") and not serves(two, "one.example")
    one.stop()
    assert serves(two, "two.example")


def test_systemd_is_told(make_pool, place):
    """READY only when programs are served; RELOADING around a reload; STOPPING at the end."""
    pool = make_pool()
    path = place / "notify.sock"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        systemd.settimeout(PATIENCE)
        pool.start(env={"NOTIFY_SOCKET": str(path)}, wait=False)
        said = systemd.recv(4096).decode()
        assert "READY=1" in said.splitlines()
        assert answers(pool)
        pool.tlspool("reload")
        reloading, ready = systemd.recv(4096).decode(), systemd.recv(4096).decode()
        assert "RELOADING=1" in reloading and "MONOTONIC_USEC=" in reloading
        assert "READY=1" in ready.splitlines()
        pool.stop()
        assert "STOPPING=1" in systemd.recv(4096).decode()


def test_systemd_may_open_the_socket(make_pool, place):
    """Socket activation: programs can connect before the pool is there, and its end leaves the socket."""
    pool = make_pool()
    path = place / "activated.sock"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen()
        with Control(path) as early:
            early.send("org.varlink.service.GetInfo")
            fd = listener.fileno()
            script = f'exec 3<&{fd}; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=pool exec "$@"'
            process = subprocess.Popen(["bash", "-c", script, "bash", str(BIN / "tlspoold"), "--pool", str(pool.directory)], pass_fds=[fd],
                                       stderr=subprocess.PIPE, text=True, env=pool.environment)
            try:
                assert early.receive()["parameters"]["product"] == "TLS Pool"
            finally:
                process.terminate()
                log = process.communicate(timeout=PATIENCE)[1]
            assert process.returncode == 0, log
        assert path.exists() and not pool.socket.exists()


def test_open_sessions_end_with_the_daemon(make_pool, monkeypatch):
    """Both sides hear of it; nobody waits for ever."""
    import tlspool as library

    pool = make_pool().start()
    monkeypatch.setenv("TLSPOOL_DIR", str(pool.directory))
    near, far = handshake(library, pool.ca, "pool.example")
    assert pool.stop() == 0
    for end in (near, far):
        end.settimeout(PATIENCE)
        try:
            assert end.recv(100) == b""
        except (ConnectionResetError, ssl.SSLEOFError):
            pass
        end.close()
    a, b = tcp_pair()
    with pytest.raises(library.PoolUnavailable) as gone:
        library.wrap_server(a, "pool.example")
    assert gone.value.socket_usable
    a.close()
    b.close()


def test_the_environment_names_the_pool_too(make_pool):
    pool = make_pool()
    done = subprocess.run([str(BIN / "tlspoold"), "--check"], env=pool.environment | {"TLSPOOL_DIR": str(pool.directory)}, capture_output=True,
                          text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout) == (0, f"{pool.config}: ok\n")


def test_log_lines_are_json(make_pool, place):
    """Every line, of every process, also of failures with unfriendly bytes in them."""
    pool = make_pool().start()
    method, parameters = start("pool.example")
    calls(pool.socket, (method, parameters | {"service": "a\"b\\c\nd\u202e\x7f"}), ("io.tlspool.Pool.StartTLS", {}), start("\u00fc.example"))
    assert serves(pool)
    pool.tlspool("reload")
    pool.stop()
    # A sanitizer's remarks about the sandbox and the stacks that it is in are none of ours.
    remark = re.compile(r"==\d+==WARNING: |False positive error|For details see " if SANITIZED else r"(?!)")
    log = [e for e in pool.log if not (e["event"] == "unreadable" and remark.match(e["text"]))]
    assert not [e for e in log if e["event"] == "unreadable"]
    assert {e["process"].split("-")[0] for e in log} >= {"supervisor", "keeper", "worker"}
    for event in log:
        assert event["time"].endswith("Z") and event["level"] in ("debug", "info", "warning", "error") and event["event"]


def test_log_as_text(make_pool):
    pool = make_pool()
    process = subprocess.Popen([str(BIN / "tlspoold"), "--pool", str(pool.directory), "--log", "text"], stderr=subprocess.PIPE, text=True,
                               env=pool.environment)
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "pool.ready" in line:
            break
    process.terminate()
    lines += process.stderr.readlines()
    assert process.wait(PATIENCE) == 0
    process.stderr.close()
    for line in lines:
        with pytest.raises(ValueError):
            json.loads(line)


def test_no_secret_leaves_the_keepers_directory(make_pool):
    """The PIN is in no log line, on no command line, in no environment and in no file but its own."""
    pool = make_pool()
    pool.replace('level = "info"', 'level = "debug"')
    pool.start()
    pin = (pool.directory / "keeper" / "pin").read_text().strip().encode()
    assert len(pin) >= 8
    assert serves(pool)
    pool.tlspool("status")
    doctor = pool.tlspool("doctor", check=False)
    for pid in [pool.process.pid] + [p["pid"] for p in pool.status()["processes"]]:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            assert pin not in file.read()
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                assert pin not in file.read()
        except PermissionError:
            assert os.geteuid() != 0  # not dumpable: not even its own user may look
    pool.stop()
    assert pin.decode() not in pool.text() + doctor.stdout + doctor.stderr
    for file in pool.directory.rglob("*"):
        if file.is_file() and file.name != "pin":
            assert pin not in file.read_bytes(), file
