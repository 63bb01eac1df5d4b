# SPDX-License-Identifier: Apache-2.0
"""A wrong PIN goes to the token once in its life, however often pool, doctor and people ask. The right one, typed
without echo, makes the token usable at once."""
import os
import pty

import pytest
from misbehaving import ask, credential, logins, refusal, serves, token, use_shim
from pool import BIN, eventually

CKR_OK, CKR_PIN_INCORRECT = 0, 0xA0
WRONG = "0000-wrong-pin"


@pytest.fixture
def pool(make_pool, place):
    """Not started, with a wrong PIN in its file; .right is the right one."""
    made = use_shim(make_pool(), place)
    file = made.directory / "keeper" / "pin"
    made.right = file.read_text().strip()
    file.write_text(WRONG + "\n")
    return made


def type_pin(pool, text):
    """`tlspool pin` at a terminal: all that it showed, and its exit status."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(str(BIN / "tlspool"), ["tlspool", "--pool", str(pool.directory), "pin"], pool.environment)
    shown = b""
    while b"PIN of token default: " not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, text.encode() + b"\n")
    try:
        while data := os.read(terminal, 1000):
            shown += data
    except OSError:  # EIO: the other end is closed
        pass
    os.close(terminal)
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_once_in_all(pool):
    for _ in range(3):
        pool.start()
        assert token(pool)["state"] == "pinRejected"
        assert "C_Login" in token(pool)["problem"]
        assert "C_Login" in pool.events("token.unusable")[0]["problem"]
        assert not credential(pool)["usable"] and "C_Login" in credential(pool)["problem"]
        for named in (True, False):
            reason, message = refusal(ask(pool, named=named))
            assert reason == "token" and "C_Login" in message
        pool.tlspool("reload")
        doctor = pool.tlspool("doctor", check=False)
        assert doctor.returncode == 1 and "C_Login" in doctor.stdout
        pool.stop()
        doctor = pool.tlspool("doctor", check=False)
        assert doctor.returncode == 1 and "C_Login" in doctor.stdout
        assert pool.tlspool("identity", "new", "other.example", check=False).returncode == 1
    assert logins(pool) == [CKR_PIN_INCORRECT]


def test_the_doctor_does_not_try_it_twice_either(pool):
    for _ in range(3):
        assert "C_Login" in pool.tlspool("doctor", check=False).stdout
    pool.start()
    assert token(pool)["state"] == "pinRejected"
    assert logins(pool) == [CKR_PIN_INCORRECT]


def test_the_right_one_at_a_terminal(pool):
    pool.start()
    shown, status = type_pin(pool, WRONG)
    assert status == 1 and "not tried again" in shown and WRONG not in shown
    shown, status = type_pin(pool, "another-wrong-pin")
    assert status == 1 and "C_Login" in shown and "another-wrong-pin" not in shown
    assert logins(pool) == [CKR_PIN_INCORRECT, CKR_PIN_INCORRECT]
    assert token(pool)["state"] == "pinRejected"
    shown, status = type_pin(pool, pool.right)
    assert status == 0 and "ready" in shown
    assert pool.right not in shown
    assert token(pool)["state"] == "ready"
    assert eventually(lambda: serves(pool))
    assert logins(pool) == [CKR_PIN_INCORRECT, CKR_PIN_INCORRECT, CKR_OK]
    # After a restart the file's PIN is the wrong one still, and is still known to be.
    pool.restart()
    assert token(pool)["state"] == "pinRejected"
    assert len(logins(pool)) == 3


def test_by_standard_input(pool):
    pool.start()
    assert pool.tlspool("pin", stdin="", check=False).returncode == 1
    assert pool.tlspool("pin", stdin="x" * 300 + "\n", check=False).returncode == 1
    assert pool.tlspool("pin", "nowhere", stdin=pool.right + "\n", check=False).returncode == 1
    assert logins(pool) == [CKR_PIN_INCORRECT]
    assert "ready" in pool.tlspool("pin", stdin=pool.right + "\n").stdout
    assert serves(pool)
    # A token that is open takes no PIN any more: nobody can try one out.
    again = pool.tlspool("pin", stdin="guess\n", check=False)
    assert again.returncode == 1 and "open already" in again.stderr
    assert serves(pool) and logins(pool) == [CKR_PIN_INCORRECT, CKR_OK]


def test_a_corrected_file_is_read_at_the_next_reload(pool):
    pool.start()
    (pool.directory / "keeper" / "pin").write_text(pool.right + "\n")
    pool.tlspool("reload")
    eventually(lambda: token(pool)["state"] == "ready")
    assert eventually(lambda: serves(pool))
    assert logins(pool) == [CKR_PIN_INCORRECT, CKR_OK]


def test_the_wrong_pin_is_kept_nowhere_in_clear(pool):
    pool.start()
    for file in (pool.directory / "keeper").rglob("*"):
        if file.is_file() and file.name != "pin":
            assert WRONG.encode() not in file.read_bytes(), file
    assert (pool.directory / "keeper" / "rejected-pins").stat().st_mode & 0o777 == 0o600
