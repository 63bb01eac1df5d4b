# SPDX-License-Identifier: Apache-2.0
"""A certificate that lies in the token beside its key, named by a pkcs11: URI of type=cert."""
import os
import ssl
import subprocess

from peers import client_context, in_thread, tcp_pair


def write_certificate(pool, name):
    """Puts the identity's leaf into the pool's SoftHSM2 token, as the user that owns the token."""
    keeper = pool.directory / "keeper"
    owner = keeper.stat()
    pem = (pool.directory / "identities" / f"{name}.pem").read_text()
    der = ssl.PEM_cert_to_DER_cert(pem[:pem.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n")
    file = pool.directory / "leaf.der"
    file.write_bytes(der)
    who = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    environment = dict(os.environ, SOFTHSM2_CONF="softhsm2.conf", TOKEN_PIN=(keeper / "pin").read_text().strip())
    subprocess.run(["pkcs11-tool", "--module", "/usr/lib/softhsm/libsofthsm2.so", "--token-label", "tlspool", "--login",
                    "--pin", "env:TOKEN_PIN", "--write-object", str(file), "--type", "cert", "--label", name],
                   cwd=keeper, env=environment, check=True, capture_output=True, timeout=60, **who)


def test_server_shows_the_certificate_of_the_token(make_pool, library_of):
    pool = make_pool(name="token.example")
    write_certificate(pool, "token.example")
    drop_in = pool.directory / "identities" / "token.example.toml"
    text = drop_in.read_text()
    assert 'chain = "token.example.pem"' in text
    drop_in.write_text(text.replace('chain = "token.example.pem"', 'chain = "pkcs11:token=tlspool;object=token.example;type=cert"'))
    (pool.directory / "identities" / "token.example.pem").unlink()
    pool.start()
    tlspool = library_of(pool)
    near, far = tcp_pair()

    def visit():
        with client_context(pool.ca).wrap_socket(far, server_hostname="token.example") as tls:
            return tls.getpeercert()["subjectAltName"]

    with in_thread(visit) as visitor:
        with tlspool.wrap_server(near, "token.example"):
            assert visitor.result() == (("DNS", "token.example"),)


def test_missing_certificate_is_named(make_pool):
    pool = make_pool(name="token.example")
    drop_in = pool.directory / "identities" / "token.example.toml"
    drop_in.write_text(drop_in.read_text().replace('"token.example.pem"', '"pkcs11:token=tlspool;object=token.example;type=cert"'))
    pool.start()
    credential, = pool.status()["credentials"]
    assert not credential["usable"]
    assert "object=token.example;type=cert" in credential["problem"]
