# SPDX-License-Identifier: Apache-2.0
"""Shared keys for the measurements: what the pool gets, and what bench-load gets."""
import hashlib
import hmac
import secrets
import time

OWN, STORE = "hsm.bench.example", "hsm.load.example"
CONFIGURATION = f"""
[keystore]
address = "{OWN}"

[[peer]]
name = "load.example"
store = "{STORE}"
role = ["server"]
hash = "sha256"
low_water = 0

[[peer]]
name = "lasting.example"
source = "psk"
psk = "lasting"
identity = "lasting"
identity_form = "text"
role = ["server"]
hash = "sha256"

[[peer]]
name = "phantom.example"
use = "session"
source = "psk"
psk = "phantom"
user = "load"
version = "1.2"
role = ["server"]
extended_master_secret = false
"""


def prf(secret, label, size):
    """The PRF of TLS 1.2, RFC 5246 section 5."""
    out, a = b"", label
    while len(out) < size:
        a = hmac.new(secret, a, hashlib.sha256).digest()
        out += hmac.new(secret, a + label, hashlib.sha256).digest()
    return out[:size]


class Keys:
    """Numbers are never used again, in a whole run. Those with the last bit 1 are for clients of the larger address."""

    def __init__(self, pool, directory):
        self.pool, self.directory = pool, directory
        self.number = 1
        self.pool.command("psk", "add", "phantom", "--from-stdin", text=self.phantom_secret())
        self.lasting_secret = secrets.token_hex(32)
        self.pool.command("psk", "add", "lasting", "--from-stdin", text=self.lasting_secret)

    def lasting(self, count):
        """The lasting key `count` times, for bench-load, which takes each line once."""
        file = self.directory / "lasting.keys"
        file.write_text(f"{b'lasting'.hex()} {self.lasting_secret}\n" * count)
        return file

    def phantom_secret(self):
        secret = secrets.token_bytes(32)
        self.phantom = self.directory / "phantom.keys"
        session = hmac.new(secret, b"tlspool session id\0" + b"load", hashlib.sha256).digest()
        self.phantom.write_text(f"{session.hex()} {prf(secret, b'shared secret', 48).hex()}\n")
        return secret.hex()

    def stock(self, count):
        """New keys in the pool's token; the file that bench-load reads them from."""
        pairs = []
        for _ in range(count):
            pairs.append((self.number, secrets.token_hex(32)))
            self.number += 2
        self.pool.command("qkd", "import", "load.example", text="".join(f"{n} {key}\n" for n, key in pairs))
        file = self.directory / "one-time.keys"
        file.write_text("".join(f"{f'pkcs:object={STORE};id={n}'.encode().hex()} {key}\n" for n, key in pairs))
        return file


def settle(server):
    """CPU seconds once the server rests, and when it came to rest: what it puts off (destroying used keys) is its work,
    too."""
    last, rested = server.cpu(), time.monotonic()
    end = rested + 120
    while time.monotonic() < min(end, rested + 1):
        time.sleep(0.1)
        now = server.cpu()
        if now - last >= 0.002:
            rested = time.monotonic()
        last = now
    return last, rested
