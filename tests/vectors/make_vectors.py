#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the vectors of psk_identity, phantom, derived and tie_break. What they expect is written down here or computed by
Python's hashlib and hmac, never by the code that they test."""
import hashlib
import hmac
import json
import pathlib
import struct

HERE = pathlib.Path(__file__).parent


def write(name, cases):
    (HERE / name).write_text(json.dumps(cases, indent=1) + "\n")


def sent(value):
    """An input: as text where a reader can see it, else in hexadecimal."""
    raw = value if isinstance(value, bytes) else value.encode()
    if all(0x20 <= byte < 0x7F for byte in raw):
        return {"text": raw.decode()}
    return {"hex": raw.hex()}


# --- psk_identity: how an identity parses, and which key it names -------------------------------------------
def good(why, identity, obj, key_id, raw=False, derived=False, longest=128, ids=None):
    entry = {"why": why, **sent(identity), "longest": longest,
             "object": obj.encode().hex(), "id": key_id.hex(), "raw": raw, "derived": derived}
    # CKA_ID in each form of ids, "" where the form refuses it.
    entry["ids"] = ids or {}
    return entry


def bad(why, identity, reason, longest=128, looks=True):
    return {"why": why, **sent(identity), "longest": longest, "refused": reason, "looks": looks}


def number(value, size=8):
    return value.to_bytes(size, "big").hex()


UUID = "550e8400-e29b-41d4-a716-446655440000"
UUID_HEX = UUID.replace("-", "")
DUE = "has a byte that must be percent-encoded"
DIGITS = "has a % without two hexadecimal digits"
UNKNOWN = "has an attribute other than object, id and derived"


def filled(size, head="pkcs:object=", tail=";id=1"):
    return head + "a" * (size - len(head) - len(tail)) + tail


identities = [
    good("the document's form", "pkcs:object=hsm.isp.net;id=5678", "hsm.isp.net", b"5678",
         ids={"number": number(5678), "brief": "162e", "uuid": "", "text": b"5678".hex()}),
    good("cqptoolkit's form", "pkcs:object=hsm.isp.net?id=5678", "hsm.isp.net", b"5678", ids={"number": number(5678)}),
    good("RFC 7512", "pkcs11:object=hsm.isp.net;id=%16%2e", "hsm.isp.net", b"\x16\x2e", raw=True,
         ids={"number": number(5678), "brief": "162e", "uuid": "", "text": ""}),
    good("RFC 7512, attributes the other way round", "pkcs11:id=%16%2E;object=hsm", "hsm", b"\x16\x2e", raw=True),
    good("RFC 7512, bytes that need no encoding", "pkcs11:object=a;id=ab%00", "a", b"ab\x00", raw=True,
         ids={"number": "0000000000616200", "brief": "", "text": ""}),
    good("RFC 7512, eight bytes", "pkcs11:object=a;id=%00%00%00%00%00%00%16%2e", "a", bytes(6) + b"\x16\x2e", raw=True,
         ids={"number": number(5678), "brief": ""}),
    good("RFC 7512, nine bytes are no number", "pkcs11:object=a;id=%00%00%00%00%00%00%00%16%2e", "a",
         bytes(7) + b"\x16\x2e", raw=True, ids={"number": "", "brief": "", "uuid": "", "text": ""}),
    good("RFC 7512, a UUID", "pkcs11:object=a;id=" + "".join("%" + UUID_HEX[i:i + 2] for i in range(0, 32, 2)), "a",
         bytes.fromhex(UUID_HEX), raw=True, ids={"uuid": UUID_HEX, "number": "", "text": ""}),
    good("RFC 7512, text", "pkcs11:object=a;id=%6b%31", "a", b"k1", raw=True, ids={"text": b"k1".hex(), "number": number(0x6B31)}),
    good("the other order", "pkcs:id=1;object=a", "a", b"1", ids={"number": number(1)}),
    good("derived", "pkcs:object=a;id=1;derived=hmac-sha256", "a", b"1", derived=True),
    good("derived, cqptoolkit's form", "pkcs:object=a?id=1;derived=hmac-sha256", "a", b"1", derived=True),
    good("derived, RFC 7512", "pkcs11:object=a;id=%01;derived=hmac-sha256", "a", b"\x01", raw=True, derived=True),
    good("a scheme has no case", "PKCS:object=a;id=1", "a", b"1"),
    good("a scheme has no case, RFC 7512", "PkCs11:object=a;id=1", "a", b"1", raw=True, ids={"number": number(0x31)}),
    good("hexadecimal", "pkcs:object=a;id=0x162e", "a", b"0x162e",
         ids={"number": number(5678), "brief": "162e", "text": b"0x162e".hex()}),
    good("hexadecimal, capitals", "pkcs:object=a;id=0xABCD", "a", b"0xABCD", ids={"number": number(0xABCD), "brief": "abcd"}),
    good("hexadecimal with leading zeros", "pkcs:object=a;id=0x000000000000162e", "a", b"0x000000000000162e",
         ids={"number": number(5678), "brief": ""}),
    good("hexadecimal with too many digits", "pkcs:object=a;id=0x0000000000000162e", "a", b"0x0000000000000162e",
         ids={"number": "", "brief": ""}),
    good("0x alone is no number", "pkcs:object=a;id=0x", "a", b"0x", ids={"number": "", "brief": "", "text": b"0x".hex()}),
    good("0X is not 0x", "pkcs:object=a;id=0X10", "a", b"0X10", ids={"number": ""}),
    good("zero", "pkcs:object=a;id=0", "a", b"0", ids={"number": number(0), "brief": "0000"}),
    good("a decimal number with a leading zero", "pkcs:object=a;id=05678", "a", b"05678", ids={"number": "", "brief": ""}),
    good("two zeros", "pkcs:object=a;id=00", "a", b"00", ids={"number": ""}),
    good("the largest number of two bytes", "pkcs:object=a;id=65535", "a", b"65535",
         ids={"number": number(65535), "brief": "ffff"}),
    good("one more", "pkcs:object=a;id=65536", "a", b"65536", ids={"number": number(65536), "brief": ""}),
    good("the largest number of eight bytes", "pkcs:object=a;id=18446744073709551615", "a", b"18446744073709551615",
         ids={"number": "ff" * 8, "brief": ""}),
    good("one more", "pkcs:object=a;id=18446744073709551616", "a", b"18446744073709551616", ids={"number": "", "brief": ""}),
    good("a negative number", "pkcs:object=a;id=-1", "a", b"-1", ids={"number": "", "brief": ""}),
    good("a sign", "pkcs:object=a;id=+1", "a", b"+1", ids={"number": ""}),
    good("a UUID", "pkcs:object=a;id=" + UUID, "a", UUID.encode(), ids={"uuid": UUID_HEX, "number": "", "text": UUID.encode().hex()}),
    good("a UUID in capitals", "pkcs:object=a;id=" + UUID.upper(), "a", UUID.upper().encode(), ids={"uuid": UUID_HEX}),
    good("a UUID without dashes", "pkcs:object=a;id=" + UUID_HEX, "a", UUID_HEX.encode(), ids={"uuid": ""}),
    good("a UUID in braces", "pkcs:object=a;id=%7B" + UUID + "%7D", "a", b"{" + UUID.encode() + b"}", ids={"uuid": ""}),
    good("a UUID with a dash in the wrong place", "pkcs:object=a;id=550e840-0e29b-41d4-a716-446655440000", "a",
         b"550e840-0e29b-41d4-a716-446655440000", ids={"uuid": ""}),
    good("text of 64 characters", "pkcs:object=a;id=" + "k" * 64, "a", b"k" * 64, ids={"text": (b"k" * 64).hex()}),
    good("text of 65 characters", "pkcs:object=a;id=" + "k" * 65, "a", b"k" * 65, ids={"text": ""}),
    good("an address with a port", "pkcs:object=hsm.example:7000;id=1", "hsm.example:7000", b"1"),
    good("an IPv6 address", "pkcs:object=[2001:db8::1]:7000;id=1", "[2001:db8::1]:7000", b"1"),
    good("an encoded slash", "pkcs:object=a%2Fb;id=1", "a/b", b"1"),
    good("an encoded semicolon and percent sign", "pkcs:object=a%3b%25;id=1", "a;%", b"1"),
    good("an equals sign in a value", "pkcs:object=a=b;id=1", "a=b", b"1"),
    good("encoding of what may stand as it is", "pkcs:object=a%3Ab;id=1", "a:b", b"1"),
    good("as long as it may be", filled(128), "a" * (128 - 17), b"1"),
    good("as long as it may be in TLS 1.2", filled(256), "a" * (256 - 17), b"1", longest=256),
    bad("a byte too long", filled(129), "has 129 bytes, at most 128 are taken"),
    bad("a byte too long where more is taken", filled(257), "has 257 bytes, at most 256 are taken", longest=256),
    bad("long and binary", b"\xff" * 4000, "has 4000 bytes, at most 128 are taken", looks=False),
    bad("nothing", "", "begins neither with pkcs: nor with pkcs11:", looks=False),
    bad("another scheme", "http://hsm.isp.net", "begins neither with pkcs: nor with pkcs11:", looks=False),
    bad("a number in the scheme", "pkcs12:object=a;id=1", "begins neither with pkcs: nor with pkcs11:", looks=False),
    bad("binary", bytes(range(16)), "begins neither with pkcs: nor with pkcs11:", looks=False),
    bad("a space before it", " pkcs:object=a;id=1", "begins neither with pkcs: nor with pkcs11:", looks=False),
    bad("a scheme alone", "pkcs:", "has an attribute without a value"),
    bad("a scheme alone, RFC 7512", "pkcs11:", "has an attribute without a value"),
    bad("no id", "pkcs:object=a", "has no id"),
    bad("no object", "pkcs:id=1", "has no object"),
    bad("an empty object", "pkcs:object=;id=1", "has an empty object"),
    bad("an empty id", "pkcs:object=a;id=", "has an empty id"),
    bad("an empty id, RFC 7512", "pkcs11:object=a;id=", "has an empty id"),
    bad("an empty derived", "pkcs:object=a;id=1;derived=", "has an empty derived"),
    bad("an attribute without a value", "pkcs:object;id=1", "has an attribute without a value"),
    bad("a semicolon at the end", "pkcs:object=a;id=1;", "has an attribute without a value"),
    bad("two semicolons", "pkcs:object=a;;id=1", "has an attribute without a value"),
    bad("object twice", "pkcs:object=a;object=a;id=1", "has object twice"),
    bad("id twice", "pkcs:object=a;id=1;id=2", "has id twice"),
    bad("derived twice", "pkcs:object=a;id=1;derived=hmac-sha256;derived=hmac-sha256", "has derived twice"),
    bad("another derivation", "pkcs:object=a;id=1;derived=hmac-sha384", "its key is derived in a way that is not known"),
    bad("an unknown attribute", "pkcs:object=a;id=1;token=t", UNKNOWN),
    bad("an unknown attribute of RFC 7512", "pkcs11:object=a;id=%01;type=secret-key", UNKNOWN),
    bad("a PIN", "pkcs11:object=a;id=%01?pin-value=1234", "\"?\" is in the wrong place"),
    bad("an attribute in capitals", "pkcs:OBJECT=a;id=1", UNKNOWN),
    bad("a space before an attribute", "pkcs:object=a; id=1", UNKNOWN),
    bad("a question mark in RFC 7512", "pkcs11:object=a?id=1", "\"?\" is in the wrong place"),
    bad("a question mark before the object", "pkcs:id=1?object=a", "\"?\" is in the wrong place"),
    bad("a question mark before derived", "pkcs:object=a;id=1?derived=hmac-sha256", "\"?\" is in the wrong place"),
    bad("two question marks", "pkcs:object=a?id=1?derived=hmac-sha256", "\"?\" is in the wrong place"),
    bad("a question mark at the end", "pkcs:object=a?", "\"?\" is in the wrong place"),
    bad("a percent sign alone", "pkcs:object=a%;id=1", DIGITS),
    bad("a percent sign at the end", "pkcs:object=a;id=1%", DIGITS),
    bad("one digit at the end", "pkcs:object=a;id=1%2", DIGITS),
    bad("no hexadecimal digit", "pkcs:object=a%2g;id=1", DIGITS),
    bad("a sign for a digit", "pkcs:object=a%+1;id=1", DIGITS),
    bad("encoding of what needs none", "pkcs:object=%61;id=1", "percent-encodes what needs none"),
    bad("encoding of a digit", "pkcs:object=a;id=%31", "percent-encodes what needs none"),
    bad("encoding in an RFC 7512 object of what needs none", "pkcs11:object=%61;id=%31", "percent-encodes what needs none"),
    bad("a raw slash", "pkcs:object=a/b;id=1", DUE),
    bad("a raw space", "pkcs:object=a b;id=1", DUE),
    bad("a raw number sign", "pkcs:object=a#b;id=1", DUE),
    bad("raw UTF-8", "pkcs:object=\u00fc;id=1", DUE),
    bad("an embedded NUL", b"pkcs:object=a\x00b;id=1", DUE),
    bad("a NUL at the end", b"pkcs:object=a;id=1\x00", DUE),
    bad("a line end", b"pkcs:object=a;id=1\n", DUE),
    bad("an encoded NUL", "pkcs:object=a%00b;id=1", "its object is not printable ASCII"),
    bad("an encoded NUL in the id", "pkcs:object=a;id=1%00", "its id is not printable ASCII"),
    bad("an encoded line end", "pkcs:object=a%0A;id=1", "its object is not printable ASCII"),
    bad("an encoded DEL", "pkcs:object=a%7F;id=1", "its object is not printable ASCII"),
    bad("UTF-8", "pkcs:object=%C3%BC;id=1", "its object is not printable ASCII"),
    bad("not UTF-8", "pkcs:object=%FF;id=1", "its object is not printable ASCII"),
    bad("a blank in the object", "pkcs:object=a%20b;id=1", "its object is not printable ASCII"),
    bad("a blank in the id", "pkcs:object=a;id=1%20", "its id is not printable ASCII"),
    bad("a non-ASCII id", "pkcs:object=a;id=%C3%BC", "its id is not printable ASCII"),
]
write("psk_identity/identities.json", identities)


# --- phantom: master secrets and session ids ----------------------------------------------------------------
def prf(digest, secret, seed, size):
    """P_hash of RFC 5246 section 5; the label is the beginning of the seed."""
    out, a = b"", seed
    while len(out) < size:
        a = hmac.digest(secret, a, digest)
        out += hmac.digest(secret, a + seed, digest)
    return out[:size]


phantom = []
for secret in (b"\x00" * 16, bytes(range(32)), b"correct horse battery staple", b"\xff" * 64, b"k" * 200):
    for seed in ("", "site-a.example", "\u00fc", "s" * 300):
        for digest in ("sha256", "sha384"):
            phantom.append({"secret": secret.hex(), "seed": seed, "hash": digest,
                            "master": prf(digest, secret, b"shared secret" + seed.encode(), 48).hex()})
write("phantom/master_secrets.json", phantom)

sessions = []
for secret in (b"\x00" * 16, bytes(range(32))):
    for user in ("alice", "a" * 32, "u" * 33, "b\u00fccher@example.org"):
        name = user.encode()
        sessions.append({"secret": secret.hex(), "user": user,
                         "hmac": hmac.digest(secret, b"tlspool session id\0" + name, "sha256").hex(),
                         "plain": name.hex() if len(name) <= 32 else ""})
write("phantom/session_ids.json", sessions)


# --- derived: what the token computes -----------------------------------------------------------------------
def fields(purpose, *parts):
    return purpose + b"\0" + b"".join(struct.pack(">H", len(part)) + part for part in parts)


derived = []
for key in (bytes(range(32)), b"\x5a" * 16):
    for client, server in (("hsm.a.example", "hsm.b.example"), ("hsm.b.example", "hsm.a.example"), ("a", "bc"), ("ab", "c")):
        for version in ("1.2", "1.3"):
            for digest in ("sha256", "sha384"):
                identity = f"pkcs:object={client};id=5678;derived=hmac-sha256".encode()
                text = fields(b"tlspool derived psk", client.encode(), server.encode(), identity, version.encode(), digest.encode())
                derived.append({"key": key.hex(), "client": client, "server": server, "identity": identity.decode(),
                                "version": version, "hash": digest, "input": text.hex(),
                                "psk": hmac.digest(key, text, "sha256").hex()})
write("derived/psks.json", derived)

checks = []
for nonce, key_id in ((bytes(16), bytes(6) + b"\x16\x2e"), (bytes(range(32)), b"\x16\x2e"), (b"", b"k1")):
    text = fields(b"tlspool key check", nonce, key_id)
    checks.append({"key": bytes(range(32)).hex(), "nonce": nonce.hex(), "id": key_id.hex(), "input": text.hex(),
                   "check": hmac.digest(bytes(range(32)), text, "sha256")[:8].hex()})
write("derived/key_checks.json", checks)

tombstones = []
for store, key_id in (("hsm.b.example", bytes(6) + b"\x16\x2e"), ("hsm.b.example", b"\x16\x2e"), ("a", b"bc"), ("ab", b"c")):
    text = struct.pack(">H", len(store)) + store.encode() + struct.pack(">H", len(key_id)) + key_id
    tombstones.append({"store": store, "id": key_id.hex(), "tombstone": hashlib.sha256(text).digest()[:16].hex()})
write("derived/tombstones.json", tombstones)

passphrases = [{"passphrase": word, "salt": salt,
                "secret": hashlib.scrypt(word.encode(), salt=salt.encode(), n=1 << 17, r=8, p=1, maxmem=192 << 20, dklen=32).hex()}
               for word, salt in (("correct horse battery staple", ""), ("correct horse battery staple", "a.example b.example"))]
write("phantom/passphrases.json", passphrases)


# --- tie_break: which role two values come to, and where the value stands in a ClientHello -------------------
ZEROS, ONES = bytes(32), b"\xff" * 32
lowest, highest = (1).to_bytes(32, "big"), (2**256 - 2).to_bytes(32, "big")
early, late = bytes(31) + b"\x80", b"\x01" + bytes(31)  # the first byte that differs decides
high_bit, below_it = b"\x80" + bytes(31), b"\x7f" + b"\xff" * 31
EXAMPLE = hashlib.sha256(b"tie-breaker of a").digest()
OTHER = hashlib.sha256(b"tie-breaker of b").digest()


def tie(own, peer):
    if own != peer:
        return "client" if int.from_bytes(own, "big") < int.from_bytes(peer, "big") else "server"
    return {ZEROS: "two_clients", ONES: "two_servers"}.get(own, "same")


values = [ZEROS, lowest, early, late, below_it, high_bit, EXAMPLE, OTHER, highest, ONES]
write("tie_break/outcomes.json", [{"own": a.hex(), "peer": b.hex(), "outcome": tie(a, b)} for a in values for b in values])


def vector(width, content):
    return len(content).to_bytes(width, "big") + content


def extension(kind, content):
    return struct.pack(">H", kind) + vector(2, content)


def client_hello(extensions):
    """extensions: the whole field with its length; None: there is none, as TLS 1.2 allows."""
    body = b"\x03\x03" + bytes(range(32)) + vector(1, b"") + vector(2, b"\x13\x01") + vector(1, b"\0") + (extensions or b"")
    return b"\x01" + vector(3, body)


def hello(why, extensions, value=None, refused=False, number=0xff70):
    return {"why": why, "extension": number, "hello": client_hello(extensions).hex(),
            **({"refused": True} if refused else {"value": value.hex() if value is not None else ""})}


tls13 = extension(43, vector(1, b"\x03\x04")) + extension(10, vector(2, b"\0\x1d")) + extension(13, vector(2, b"\x04\x03"))
tie_breaker = extension(0xff70, EXAMPLE)
write("tie_break/hellos.json", [
    hello("the example of docs/p2p-tls.md", vector(2, tls13 + tie_breaker), EXAMPLE),
    hello("in front of the others", vector(2, tie_breaker + tls13), EXAMPLE),
    hello("the only one", vector(2, tie_breaker), EXAMPLE),
    hello("client only", vector(2, tls13 + extension(0xff70, ZEROS)), ZEROS),
    hello("server only", vector(2, tls13 + extension(0xff70, ONES)), ONES),
    hello("none", vector(2, tls13)),
    hello("no extensions at all", None),
    hello("an empty list of extensions", b"\0\0"),
    hello("under another number", vector(2, tls13 + extension(0xff71, EXAMPLE))),
    hello("asked for by another number", vector(2, tls13 + extension(0xff71, EXAMPLE)), EXAMPLE, number=0xff71),
    hello("31 bytes", vector(2, tls13 + extension(0xff70, EXAMPLE[:31])), refused=True),
    hello("33 bytes", vector(2, tls13 + extension(0xff70, EXAMPLE + b"\0")), refused=True),
    hello("no bytes", vector(2, tls13 + extension(0xff70, b"")), refused=True),
    hello("with a length in front", vector(2, tls13 + extension(0xff70, vector(1, EXAMPLE))), refused=True),
    hello("twice", vector(2, tie_breaker + tls13 + tie_breaker), refused=True),
    hello("twice, with two values", vector(2, tie_breaker + extension(0xff70, OTHER)), refused=True),
    hello("the extension ends beyond the list", vector(2, tls13 + tie_breaker[:-1]), refused=True),
    hello("half an extension number", vector(2, tls13 + tie_breaker + b"\xff"), refused=True),
    hello("something behind the extensions", vector(2, tls13 + tie_breaker) + b"\0", refused=True),
    hello("the list ends beyond the hello", (len(tls13) + 1).to_bytes(2, "big") + tls13, refused=True),
    hello("half a length of the list", b"\0", refused=True),
])
