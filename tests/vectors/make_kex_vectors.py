#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the vectors of kex: messages of a key exchange as bytes and as text, and what its key is written as. What they expect is
written down here or computed by Python's hashlib, never by the code that they test. kex/words.txt is the list itself."""
import base64
import hashlib
import json
import pathlib
import struct
import textwrap

HERE = pathlib.Path(__file__).parent


def write(name, cases):
    (HERE / name).write_text(json.dumps(cases, indent=1) + "\n")


def record(kind, content):
    return struct.pack(">BHH", kind, 0x0303, len(content)) + content


# --- messages ------------------------------------------------------------------------------------------------
def half(data):
    return hashlib.sha256(data).digest()[:16]


def trailer(records, step, exchange, kind=255, form=1, size=34):
    head = struct.pack(">BHHBB", kind, 0x0303, size, form, step) + exchange
    return head + half(records + head)


def changed(data, at, by=1):
    return data[:at] + bytes([data[at] ^ by]) + data[at + 1:]


SOME = hashlib.shake_256(b"a flight").digest(1000)
# Not what TLS would say: the trailer does not look into them.
FLIGHTS = [record(22, SOME[:263]), record(22, SOME[:90]) + record(20, b"\1") + record(23, SOME), record(20, b"\1") + record(23, SOME[:700]),
           record(23, SOME[:50])]
EXCHANGE = half(FLIGHTS[0])
SEALED = [records + trailer(records, step, EXCHANGE) for step, records in enumerate(FLIGHTS, 1)]
two = FLIGHTS[1]


def sealed(why, step, records, exchange=EXCHANGE):
    return {"why": why, "step": step, "records": records.hex(), "id": exchange.hex(), "sealed": (records + trailer(records, step, exchange)).hex()}


def unsealed(why, message, reason):
    return {"why": why, "sealed": message.hex(), "refused": reason}


write("kex/messages.json", [sealed(f"message {step}", step, records) for step, records in enumerate(FLIGHTS, 1)] + [
    sealed("one byte", 4, b"\x17"),
    unsealed("nothing", b"", "too short"),
    unsealed("a trailer alone", trailer(b"", 3, EXCHANGE), "too short"),
    unsealed("no trailer", two, "end is missing"),
    unsealed("its last byte is lost", SEALED[1][:-1], "end is missing"),
    unsealed("something behind it", SEALED[1] + b"\n", "end is missing"),
    unsealed("a record changed", changed(SEALED[1], 10), "changed on its way"),
    unsealed("the step changed", changed(SEALED[1], len(two) + 6), "changed on its way"),
    unsealed("the id changed", changed(SEALED[1], len(two) + 7), "changed on its way"),
    unsealed("the check changed", changed(SEALED[1], len(SEALED[1]) - 1), "changed on its way"),
    unsealed("a byte of the middle lost", SEALED[1][:20] + SEALED[1][21:], "changed on its way"),
    unsealed("another type of record", two + trailer(two, 2, EXCHANGE, kind=254), "end is missing"),
    unsealed("another length", two + trailer(two, 2, EXCHANGE, size=35), "end is missing"),
    unsealed("another format", two + trailer(two, 2, EXCHANGE, form=2), "format is 2"),
    unsealed("message 0", two + trailer(two, 0, EXCHANGE), "message 0 of 4"),
    unsealed("message 5", two + trailer(two, 5, EXCHANGE), "message 5 of 4"),
    unsealed("a first message with the id of another exchange", FLIGHTS[0] + trailer(FLIGHTS[0], 1, half(b"other")), "belong to itself"),
])


# --- texts ---------------------------------------------------------------------------------------------------
LABELS = ("CLIENT HELLO", "SERVER HELLO", "CLIENT FINISH", "SERVER FINISH")


def letters(message):
    return base64.b64encode(message).decode()


def frame(step, body, end=None):
    return f"-----BEGIN TLS {LABELS[step - 1]}-----\n{body}-----END TLS {LABELS[(end or step) - 1]}-----\n"


def armoured(step, width=76):
    return frame(step, "".join(line + "\n" for line in textwrap.wrap(letters(SEALED[step - 1]), width)))


def quoting(text, mark="> "):
    return "".join(mark + line + "\n" for line in text.splitlines())


def found(why, text, step=2, armour=False):
    return {"why": why, "text": text, "step": step, "message": SEALED[step - 1].hex(), "armour": armour}


def not_found(why, text, reason):
    return {"why": why, "text": text, "refused": reason}


plain = armoured(2)
write("kex/texts.json", [found(f"message {step}", armoured(step), step, armour=True) for step in (1, 2, 3, 4)] + [
    found("CRLF", plain.replace("\n", "\r\n")),
    found("CR", plain.replace("\n", "\r")),
    found("blanks for ends of lines", plain.replace("\n", " ")),
    found("no end of line at the end", plain[:-1]),
    found("64 columns", armoured(2, 64)),
    found("one line", armoured(2, 10000)),
    found("prose around it", "Hi,\n\nBEGIN at -----BEGIN and END at END:\n" + plain + "-- \nAlice\n"),
    found("quoted", quoting(plain)),
    found("quoted twice", quoting(quoting(plain, ">"), "| ")),
    found("quoted, and its lines broken behind", quoting(plain.replace("A", "A\n"))),
    found("in HTML", "<p>" + quoting(plain).replace(">", "&gt;").replace(" ", "&nbsp;").replace("\n", "<br>\n") + "</p>"),
    found("quoted-printable", plain.replace("=", "=3D").replace("A", "A=\n")),
    found("em dashes", plain.replace("--", "\u2014")),
    found("en dashes", plain.replace("--", "\u2013")),
    found("hyphens that do not break", plain.replace("-", "\u2011")),
    found("blanks that do not break", plain.replace(" ", "\u00a0")),
    found("soft hyphens and invisible blanks", "\ufeff" + plain.replace("A", "A\u00ad").replace("B", "\u200bB")),
    found("small letters in the frame", plain.replace("TLS SERVER HELLO", "tls Server Hello")),
    found("a frame broken inside words", plain.replace("BEGIN TLS SERVER", "BE\n> GIN T\n> LS SERV\n> ER")),
    found("one hyphen on each side", plain.replace("-----", "-")),
    found("no padding", armoured(1).replace("=", ""), 1),
    found("an answer above what it answers", armoured(3) + "They wrote:\n" + quoting(plain), 3),
    found("an answer below it", quoting(plain) + armoured(3), 3),
    found("what it answers is cut", armoured(3) + quoting(plain[:200]), 3),
    not_found("nothing", "", "no message in the text"),
    not_found("prose", "-- \nThe END, Alice -----\n", "no message in the text"),
    not_found("a label that is none", plain.replace("SERVER", "BUTLER"), "no message in the text"),
    not_found("no END", plain[:plain.index("-----END")], "its END is not"),
    not_found("no BEGIN", plain[plain.index("\n"):], "its BEGIN is not"),
    not_found("two mixed up", frame(2, letters(SEALED[1]), 3), "mixed up"),
    not_found("empty", frame(2, ""), "missing"),
    not_found("three letters lost", frame(2, letters(SEALED[1])[:601]), "missing"),
    not_found("another character", frame(2, "AA*A"), "does not belong there"),
    not_found("a letter that looks like one", frame(2, "AA\u0410A"), "does not belong there"),
])


# --- forms of the key ----------------------------------------------------------------------------------------
WORDS = (HERE / "kex/words.txt").read_text().split()
ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def words_of(data, count):
    bits = "".join(f"{byte:08b}" for byte in data)
    return " ".join(WORDS[int(bits[at:at + 10], 2)] for at in range(0, 10 * count, 10))


def written(material, form, size):
    if form == "password":
        return "".join(ALPHABET[int.from_bytes(material[at:at + 8], "big") % len(ALPHABET)] for at in range(0, 8 * size, 8))
    if form == "words":
        return words_of(material, -(-8 * size // 10))
    return base64.b64encode(material[:size]).decode() if form == "base64" else material[:size].hex()


SIZES = {"password": (16, 8, 20, 128), "words": (16, 8, 20, 512), "base64": (32, 8, 33, 64), "hex": (32, 8, 33, 1024)}
materials = [hashlib.shake_256(b"tlspool kex").digest(1024)]
write("kex/keys.json", [{"material": material.hex(),
                         "results": [{"format": form, "size": size, "result": written(material, form, size)}
                                     for form, sizes in SIZES.items() for size in sizes]} for material in materials])
write("kex/authentication.json", [
    {"material": material.hex(), "words": words_of(hashlib.scrypt(material, salt=b"tlspool kex sas", n=1 << 16, r=8, p=1, maxmem=128 << 20, dklen=10), 8)}
    for material in (bytes(32), b"\xff" * 32, SOME[:32])])
