# SPDX-License-Identifier: Apache-2.0
"""Keying material and channel binding are those of the peer: of openssl(1), of GnuTLS, and of the RFCs' formulas over
the secrets that a peer logs."""
import hashlib
import hmac
import re

import pytest
from peers import client_context, in_thread, server_context, tcp_pair
from talk import GNUTLS_PRIORITY, OPENSSL_VERSION, PYTHON_VERSION, VERSIONS, OurServer, Process, Raw, our_client, s_client, s_server

LABEL = "EXPORTER-of-a-test"


# --- the formulas ---

def prf12(secret, seed, length, digest):
    """P_hash, RFC 5246 section 5."""
    out, a = b"", seed
    while len(out) < length:
        a = hmac.digest(secret, a, digest)
        out += hmac.digest(secret, a + seed, digest)
    return out[:length]


def expand_label(secret, label, context, length, digest):
    """HKDF-Expand-Label, RFC 8446 section 7.1."""
    name = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(name)]) + name + bytes([len(context)]) + context
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.digest(secret, block + info + bytes([counter]), digest)
        out, counter = out + block, counter + 1
    return out[:length]


def exporter(version, secret, randoms, label, context, length, digest):
    if version == "tls12":  # RFC 5705 section 4
        seed = label.encode() + randoms + (b"" if context is None else len(context).to_bytes(2, "big") + context)
        return prf12(secret, seed, length, digest)
    hashed = hashlib.new(digest, context or b"").digest()  # RFC 8446 section 7.5
    derived = expand_label(secret, label.encode(), hashlib.new(digest, b"").digest(), hashlib.new(digest).digest_size, digest)
    return expand_label(derived, b"exporter", hashed, length, digest)


def logged(path):
    """Secret and client random of the only connection in a key log file."""
    for line in path.read_text().splitlines():
        kind, random, secret = line.split()[:3] if not line.startswith("#") else ("", "", "")
        if kind in ("CLIENT_RANDOM", "EXPORTER_SECRET"):
            return bytes.fromhex(secret), bytes.fromhex(random)
    raise AssertionError(f"no exporter secret in {path.read_text()}")


def server_random(flight):
    assert flight[0] == 22 and flight[5] == 2, "this does not begin with a ServerHello"
    return flight[11:43]


@pytest.fixture(params=[(r, v) for r in ("client", "server") for v in VERSIONS], ids="-".join)
def known(request, library, pool, pki, tmp_path):
    """(our plain socket, function that computes what its exporter must say)."""
    role, version = request.param
    if role == "client":
        context = server_context(pki.leaf("web.example"), PYTHON_VERSION[version])
    else:
        context = client_context(pool.ca, PYTHON_VERSION[version])
    context.keylog_filename = str(tmp_path / "keys")
    a, b = tcp_pair()
    peer = Raw(b, context, server_side=role == "client", name=None if role == "client" else "p256.example")
    with in_thread(peer.handshake):
        ours = library.wrap_client(a, "web.example") if role == "client" else library.wrap_server(a, "p256.example")
    with ours:
        secret, random = logged(tmp_path / "keys")
        randoms = random + server_random(peer.told if role == "client" else peer.heard)
        digest = "sha384" if ours.session.cipher_suite.endswith("SHA384") else "sha256"
        yield ours, lambda label, context, length: exporter(version, secret, randoms, label, context, length, digest)
    peer.close()


@pytest.mark.parametrize("length", [1, 32, 100, 1024])
@pytest.mark.parametrize("context", [None, b"", b"context", b"\0" * 200], ids=["none", "empty", "short", "long"])
def test_formula(known, context, length):
    ours, expected = known
    assert ours.export_keying_material(LABEL, length, context) == expected(LABEL, context, length)


def test_no_context_and_an_empty_one_differ_in_tls12_alone(known):
    ours, _ = known
    same = ours.export_keying_material(LABEL, 32) == ours.export_keying_material(LABEL, 32, b"")
    assert same == (ours.session.version == "tls13")


def test_channel_binding_is_that_of_rfc9266(known):
    ours, expected = known
    assert ours.channel_binding() == expected("EXPORTER-Channel-Binding", b"", 32)


def test_labels_contexts_and_connections_differ(known, library, pki):
    ours, _ = known
    with s_server(pki.leaf("web.example")) as server, our_client(library, server.port, "web.example") as other:
        values = [ours.export_keying_material(LABEL, 32), ours.export_keying_material("EXPORTER-other", 32),
                  ours.export_keying_material(LABEL, 32, b"c"), other.export_keying_material(LABEL, 32),
                  ours.channel_binding(), other.channel_binding()]
    assert len(set(values)) == len(values)


@pytest.mark.parametrize("length", [0, -1, 1025])
def test_lengths_out_of_range_are_refused(known, library, length):
    with pytest.raises(library.InvalidParameter):
        known[0].export_keying_material(LABEL, length)


def test_labels_out_of_range_are_refused(known, library):
    for label in ("", "x" * 250):
        with pytest.raises(library.InvalidParameter):
            known[0].export_keying_material(label, 32)


# --- foreign programs ---

def material(text):
    return bytes.fromhex(re.search(r"Keying material: ([0-9A-Fa-f]+)", text).group(1))


@pytest.mark.parametrize("version", VERSIONS)
def test_openssl_client(library, pool, version):
    with OurServer(library, "p256.example") as server:
        with s_client(server.port, OPENSSL_VERSION[version], "-CAfile", pool.ca, "-keymatexport", LABEL, "-keymatexportlen", "40") as client:
            with server.plain() as plain:
                client.wait_for(r"Keying material: [0-9A-F]{80}\s")
                assert plain.export_keying_material(LABEL, 40) == material(client.text)


@pytest.mark.parametrize("version", VERSIONS)
def test_openssl_server(library, pki, version):
    with s_server(pki.leaf("web.example"), OPENSSL_VERSION[version], "-keymatexport", LABEL, "-keymatexportlen", "40", mode=None) as server:
        with our_client(library, server.port, "web.example") as plain:
            server.wait_for(r"Keying material: [0-9A-F]{80}\s")
            assert plain.export_keying_material(LABEL, 40) == material(server.text)


@pytest.mark.parametrize("version", VERSIONS)
def test_gnutls_client(library, pool, version):
    with OurServer(library, "p256.example") as server:
        with Process("gnutls-cli", "--port", server.port, "--x509cafile", pool.ca, "--priority", GNUTLS_PRIORITY[version],
                     "--verify-hostname", "p256.example", "--keymatexport", LABEL, "--keymatexportsize", "40", "127.0.0.1") as client:
            with server.plain() as plain:
                said = client.wait_for(r"Key material: ([0-9a-f]{80})\s").group(1)
                assert plain.export_keying_material(LABEL, 40) == bytes.fromhex(said)
