# SPDX-License-Identifier: Apache-2.0
"""Pools whose PKCS#11 module misbehaves (tests/support/slow_token.cc), and what is asked of them."""
import shutil
import ssl

from caller import calls, start
from peers import in_thread, tcp_pair
from pool import BUILD

SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"


def shim(place):
    """The misbehaving module at a place that the keeper's user can read."""
    copy = place / "slow_token.so"
    if not copy.exists():
        shutil.copy(BUILD / "lib" / "slow_token.so", copy)
        copy.chmod(0o755)
    return copy


def use_shim(pool, place):
    """The pool's token by the shim. Files that steer it or are written by it lie in the keeper's directory."""
    pool.replace(SOFTHSM, str(shim(place)))
    pool.environment |= {"TLSPOOL_LOGIN_COUNT": "logins", "TLSPOOL_FAIL_TOKEN": "fail", "TLSPOOL_PIN_LOCKED": "lock",
                         "TLSPOOL_HOLD_LOGIN": "hold-login"}
    return pool


def logins(pool):
    """What each C_Login returned so far."""
    file = pool.directory / "keeper" / "logins"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def token(pool, name="default"):
    return next(t for t in pool.status()["tokens"] if t["name"] == name)


def credential(pool, identity="pool.example"):
    return next(c for c in pool.status()["credentials"] if c["identity"] == identity)


def ask(pool, identity="pool.example", named=True):
    """The answer to a server's StartTLS that a TLS client is waiting for."""
    method, parameters = start(identity if named else None, deadlineMs=20000)
    (answer,) = calls(pool.socket, (method, parameters, identity))
    return answer


def serves(pool, identity="pool.example"):
    answer = ask(pool, identity)
    return "session" in answer.get("parameters", {})


def refusal(answer):
    """Reason and message of a handshake that failed."""
    assert answer.get("error") == "io.tlspool.Pool.HandshakeFailed", answer
    return answer["parameters"]["reason"], answer["parameters"]["message"]


def handshake(library, ca, identity, session=None, context=None):
    """Python's ssl as the client of the pool's identity; gives the ssl socket and the pool's plain one."""
    a, b = tcp_pair()
    if context is None:
        context = ssl.create_default_context(cafile=str(ca))
    with in_thread(lambda: context.wrap_socket(a, server_hostname=identity, session=session)) as other:
        far = library.wrap_server(b, identity)
        return other.result(), far
