#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the vectors of cache_entry: keys of a cluster, names of entries, and sealed entries, good and bad. Computed by
hashlib, hmac and python3-cryptography, never by the code that they test."""
import hashlib
import hmac
import json
import pathlib
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HERE = pathlib.Path(__file__).parent / "cache_entry"


def hkdf(key, info, salt=b"", size=32):
    extracted = hmac.digest(salt or bytes(32), key, "sha256")
    out, block, count = b"", b"", 1
    while len(out) < size:
        block = hmac.digest(extracted, block + info + bytes([count]), "sha256")
        out += block
        count += 1
    return out[:size]


CLUSTER = hashlib.sha256(b"a cluster").digest()
OTHER = hashlib.sha256(b"another cluster").digest()
NOW = 1_800_000_000


def outcome_key(cluster):
    return hkdf(cluster, b"tlspool 1 outcomes")


def entry_key(cluster, depends_on):
    return hmac.digest(hkdf(outcome_key(cluster), b"names"), depends_on, "sha256")


def seal(cluster, key, made, expires, content, version=1, salt=hashlib.sha256(b"salt").digest()):
    secret = hkdf(hkdf(outcome_key(cluster), b"entries"), b"tlspool 1 entry", salt, 44)
    text = struct.pack(">qq", made, expires) + content
    return bytes([version]) + salt + AESGCM(secret[:32]).encrypt(secret[32:], text, bytes([version]) + key)


keys = [{"cluster": c.hex(), "outcomes": outcome_key(c).hex(), "tickets": hkdf(c, b"tlspool 1 ticket keys").hex()}
        for c in (CLUSTER, OTHER, bytes(range(64)))]
keys.append({"cluster": CLUSTER.hex(), "depends_on": b"a question".hex(), "entry_key": entry_key(CLUSTER, b"a question").hex()})
keys.append({"cluster": CLUSTER.hex(), "depends_on": "", "entry_key": entry_key(CLUSTER, b"").hex()})

entries = []


def case(why, expect, sealed, made=None, expires=None, content=None, life=3600, now=NOW, key=entry_key(CLUSTER, b"a question")):
    entry = {"why": why, "expect": expect, "cluster": CLUSTER.hex(), "key": key.hex(), "now": now, "life": life, "sealed": sealed.hex()}
    if expect == "good":
        entry |= {"made": made, "expires": expires, "content": content.hex()}
    entries.append(entry)


MINE = entry_key(CLUSTER, b"a question")
OTHERS = entry_key(CLUSTER, b"another question")
good = seal(CLUSTER, MINE, NOW - 10, NOW + 300, b"yes")
case("as it was made", "good", good, NOW - 10, NOW + 300, b"yes")
case("no content", "good", seal(CLUSTER, MINE, NOW, NOW + 1, b""), NOW, NOW + 1, b"")
case("longer than we believe anybody", "good", seal(CLUSTER, MINE, NOW - 10, NOW + 86400, b"yes"), NOW - 10, NOW + 3590, b"yes")
case("longer than we believe anybody, and that is over", "expired", seal(CLUSTER, MINE, NOW - 3600, NOW + 86400, b"yes"))
case("its last second", "good", seal(CLUSTER, MINE, NOW - 10, NOW + 1, b"yes"), NOW - 10, NOW + 1, b"yes")
case("replayed when it is over", "expired", seal(CLUSTER, MINE, NOW - 310, NOW, b"yes"))
case("replayed a year later", "expired", good, now=NOW + 365 * 86400)
case("a clock a minute ahead", "good", seal(CLUSTER, MINE, NOW + 60, NOW + 300, b"yes"), NOW + 60, NOW + 300, b"yes")
case("a clock further ahead", "from the future", seal(CLUSTER, MINE, NOW + 61, NOW + 300, b"yes"))
case("over before it was made", "malformed", seal(CLUSTER, MINE, NOW, NOW, b"yes"))
case("made before 1970", "malformed", seal(CLUSTER, MINE, -1, NOW + 300, b"yes"))
case("times that overflow sums", "expired", seal(CLUSTER, MINE, 0, 2**63 - 1, b"yes"))
case("made at the end of time", "from the future", seal(CLUSTER, MINE, 2**63 - 2, 2**63 - 1, b"yes"))
case("swapped: the entry of another question", "forged", seal(CLUSTER, OTHERS, NOW - 10, NOW + 300, b"yes"))
case("found under another question", "forged", good, key=OTHERS)
case("of another cluster", "forged", seal(OTHER, MINE, NOW - 10, NOW + 300, b"yes"))
case("of another cluster, with its name", "forged", seal(OTHER, entry_key(OTHER, b"a question"), NOW - 10, NOW + 300, b"yes"))
case("version 2", "malformed", seal(CLUSTER, MINE, NOW - 10, NOW + 300, b"yes", version=2))
case("version 2 that calls itself 1", "forged", b"\x01" + seal(CLUSTER, MINE, NOW - 10, NOW + 300, b"yes", version=2)[1:])
case("nothing", "malformed", b"")
case("the version alone", "malformed", good[:1])
case("too short for times and tag", "malformed", good[:64])
case("without its last byte", "forged", good[:-1])
case("a byte more", "forged", good + b"\0")
case("without its content", "forged", good[:49] + good[-16:])
for at, what in ((1, "salt"), (33, "time of making"), (41, "time of expiry"), (49, "content"), (len(good) - 1, "tag")):
    case(f"a bit of the {what} changed", "forged", good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
case("zeros", "malformed", bytes(68))
case("random bytes with a good version", "forged", b"\x01" + hashlib.shake_256(b"random").digest(99))

HERE.mkdir(exist_ok=True)
for name, cases in (("keys", keys), ("entries", entries)):
    (HERE / f"{name}.json").write_text(json.dumps(cases, indent=1) + "\n")
