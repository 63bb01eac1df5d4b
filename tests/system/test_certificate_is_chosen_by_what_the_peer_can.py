# SPDX-License-Identifier: Apache-2.0
"""An identity with an RSA and an EC certificate shows the one that its peer can check."""
import pytest
from pool import Pool
from talk import OPENSSL_VERSION, VERSIONS, OurServer, our_client, read_line, s_client, s_server

CREDENTIAL = """
[[identity.credential]]
key = "{key}"
chain = "{chain}"
"""


@pytest.fixture(scope="module")
def two(place, pki):
    """A pool whose both.example has the keys of ec.example and rsa.example."""
    made = Pool(place / "two-certificates", name="both.example")
    made.trust(pki.ca().cert)
    for name, key in (("ec.example", "p256"), ("rsa.example", "rsa2048")):
        made.identity(name, key)
    keys = {}
    for entry in ("ec.example", "rsa.example"):
        text = (made.directory / "identities" / f"{entry}.toml").read_text()
        keys[entry] = next(line.split('"')[1] for line in text.splitlines() if line.startswith("key"))
    body = '[[identity]]\nname = "both.example"\n'
    for entry in ("rsa.example", "ec.example"):
        body += CREDENTIAL.format(key=keys[entry], chain=f"{entry}.pem")
    (made.directory / "identities" / "both.example.toml").write_text(body)
    made.start()
    yield made
    made.remove()


@pytest.fixture
def both(two, library_of):
    return library_of(two)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("sigalgs, scheme", [("RSA-PSS+SHA256:RSA+SHA256", "rsa_pss_rsae_sha256"),
                                             ("ECDSA+SHA256", "ecdsa_secp256r1_sha256")])
def test_server_shows_what_the_client_can_check(both, two, version, sigalgs, scheme):
    with OurServer(both, "both.example") as server:
        with s_client(server.port, OPENSSL_VERSION[version], "-brief", "-CAfile", two.ca, "-sigalgs", sigalgs) as client:
            with server.plain() as plain:
                assert plain.session.signature_algorithm == scheme
            assert client.status() == 0, client.text


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("sigalgs, scheme, name", [("RSA-PSS+SHA256:RSA+SHA256", "RSA-PSS", "rsa.example"),
                                                   ("ECDSA+SHA256", "ECDSA", "ec.example")])
def test_client_shows_what_the_server_can_check(both, two, pki, version, sigalgs, scheme, name):
    party = pki.leaf("web.example", key="rsa2048")
    with s_server(party, OPENSSL_VERSION[version], "-Verify", "3", "-CAfile", two.ca, "-verify_return_error",
                  "-client_sigalgs", sigalgs) as server:
        with our_client(both, server.port, "web.example", local_identity="both.example") as plain:
            plain.sendall(b"ping\n")
            assert read_line(plain) == b"gnip\n"
        server.wait_for(f"Peer certificate: .*{name}")
        server.wait_for(rf"Signature type: {scheme}\s")
