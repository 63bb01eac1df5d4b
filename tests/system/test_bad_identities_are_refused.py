# SPDX-License-Identifier: Apache-2.0
"""Identities that no peer of ours should send: each is refused with a message that says what is wrong with it, and no
key is lost by it."""
import json

import pytest
import tlspool
from gnutls_peer import CLIENT, Gnutls
from peers import connect
from shared_keys import INCOMING, OTHER, OUTGOING, OWN, give, identity, make_site, psk_client, session_file
from talk import OurServer, read_line, s_client

BAD = {
    "overlong": (f"pkcs:object={OTHER};id=" + "1" * 120, "bytes"),
    "binary": (f"pkcs:object={OTHER};id=\x01\x02", "encod"),
    "badly encoded": (f"pkcs:object=hsm%2;id={INCOMING}", "hexadecimal digits"),
    "unknown attribute": (f"pkcs:object={OTHER};id={INCOMING};type=cert", "type"),
    "no number": (f"pkcs:object={OTHER};id=abc", "number"),
    "names ourselves": (f"pkcs:object={OWN};id={OUTGOING}", "our own key store"),
    "unknown store": (f"pkcs:object=hsm.nobody.example;id={INCOMING}", "no [[peer]] has this key store"),
    "unknown key": (identity(999), "999"),
    "the other direction's key": (identity(OUTGOING), str(OUTGOING)),
}


def client_of(version, port, name, tmp_path):
    if version == "1.2":
        return psk_client(port, name, "11" * 32, "-cipher", "DHE-PSK-AES256-GCM-SHA384")
    psk = session_file(tmp_path / "psk.pem", 0x0304, 0x1302, b"\x11" * 32)
    return s_client(port, "-tls1_3", "-psk_identity", name, "-psk_session", psk)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_bad_identities(make_pool, tmp_path, version):
    pool = make_site(make_pool, f'version = "{version}"')
    keys = give(pool, INCOMING, OUTGOING)
    for what, (name, expected) in BAD.items():
        with OurServer(tlspool, pool=pool.directory) as server, client_of(version, server.port, name, tmp_path):
            failed = server.failure()
        assert failed.reason == "sharedKey", (what, str(failed))
        assert expected in str(failed), (what, str(failed))
        assert failed.alert_sent == "unknown_psk_identity", (what, str(failed))
    left = json.loads(pool.tlspool("qkd", "status", "--json", check=False).stdout)
    assert len(keys) == 2 and str(left).count("1") >= 1


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_used_identity(make_pool, tmp_path, version):
    pool = make_site(make_pool, f'version = "{version}"')
    key = bytes.fromhex(give(pool, INCOMING)[INCOMING])
    psk = session_file(tmp_path / "psk.pem", 0x0304, 0x1302, key)

    def client(port):
        if version == "1.2":
            return psk_client(port, INCOMING, key.hex(), "-cipher", "DHE-PSK-AES256-GCM-SHA384")
        return s_client(port, "-tls1_3", "-psk_identity", identity(INCOMING), "-psk_session", psk)

    with OurServer(tlspool, pool=pool.directory) as server, client(server.port) as good, server.plain() as plain:
        good.say("once\n")
        assert read_line(plain) == b"once\n"
    with OurServer(tlspool, pool=pool.directory) as server, client(server.port):
        failed = server.failure()
    assert failed.reason == "sharedKey"
    assert OTHER in str(failed) and str(INCOMING) in str(failed)


def test_an_identity_does_not_end_at_a_zero_byte(make_pool):
    pool = make_site(make_pool, 'version = "1.2"')
    key = bytes.fromhex(give(pool, INCOMING)[INCOMING])
    with OurServer(tlspool, pool=pool.directory) as server:
        client = Gnutls(connect(server.port), CLIENT, b":-KX-ALL:+DHE-PSK:-CIPHER-ALL:+AES-256-GCM")
        client.use_psk(identity(INCOMING).encode() + b"\0", key)
        with pytest.raises(AssertionError):
            client.handshake()
        failed = server.failure()
        client.close()
    assert failed.reason == "sharedKey" and failed.alert_sent == "unknown_psk_identity"
    assert "encod" in str(failed) and "x00" in str(failed), str(failed)
