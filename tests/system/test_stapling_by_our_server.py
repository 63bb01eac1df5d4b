# SPDX-License-Identifier: Apache-2.0
"""The pool's server staples: OCSP responses are fetched for its own certificates, kept over restarts, and never shown out of date."""
import os
import subprocess

import pytest
from authority import Authority, Web
from pool import Pool, eventually
from talk import OPENSSL_VERSION, OurServer, VERSIONS, Process, our_client, s_client

NAME = "shop.example"


@pytest.fixture(scope="module")
def shop(place):
    """(pool, authority, web): the pool is a server with a certificate that must be stapled."""
    folder = place / "stapling"
    folder.mkdir()
    folder.chmod(0o755)
    web = Web()
    ca = Authority(folder / "ca", web, "Stapling CA")
    web.pages["/ocsp"] = ca.respond
    pool = Pool(folder / "pool", name=NAME)
    replace_certificate(pool, ca)
    pool.trust(ca.cert)
    pool.start()
    yield pool, ca, web
    pool.remove()
    web.close()


def replace_certificate(pool, ca):
    """The key stays in its token: the authority certifies it, must-staple and with a responder."""
    chain = pool.directory / "identities" / f"{NAME}.pem"
    public = ca.folder / "public.pem"
    public.write_bytes(subprocess.run(["openssl", "x509", "-in", str(chain), "-noout", "-pubkey"], capture_output=True, check=True).stdout)
    # A request needs the private key; the authority takes the public one from -force_pubkey of an own request.
    stem = ca.issue("placeholder.example")
    out = ca.folder / "shop.crt"
    config = ca.folder / "shop.ext"
    config.write_text(f"subjectAltName = DNS:{NAME}\nextendedKeyUsage = serverAuth\nbasicConstraints = critical,CA:FALSE\n"
                      f"authorityInfoAccess = OCSP;URI:{ca.web.url}/ocsp\ntlsfeature = status_request\n")
    serial = "7001"
    subprocess.run(["openssl", "x509", "-req", "-in", str(stem.cert.with_suffix(".csr")), "-CA", str(ca.cert), "-CAkey", str(ca.key), "-force_pubkey",
                    str(public), "-out", str(out), "-days", "20", "-set_serial", "0x" + serial, "-extfile", str(config), "-subj", f"/CN={NAME}"],
                   capture_output=True, check=True)
    with open(ca.folder / "index.txt", "a", encoding="ascii") as index:
        index.write(f"V\t491231235959Z\t\t{serial}\tunknown\t/CN={NAME}\n")
    chain.write_bytes(out.read_bytes() + ca.cert.read_bytes())


@pytest.fixture
def lib(shop, library_of):
    return library_of(shop[0])


def problem(pool):
    return next(c.get("problem") for c in pool.status()["credentials"] if c["identity"] == NAME)


def wait_until_stapled(pool, lib):
    """The judge says that he has it; the workers have it a moment later."""
    pool.wait_for("staple.fetched")

    def stapled():
        with OurServer(lib, NAME) as server, s_client(server.port, "-status") as client, server.plain():
            client.wait_for("OCSP response:")
            return "no response sent" not in client.text

    eventually(stapled)


@pytest.mark.parametrize("version", VERSIONS)
def test_openssl_sees_it(shop, lib, version):
    pool, ca, _ = shop
    wait_until_stapled(pool, lib)
    with OurServer(lib, NAME) as server:
        with s_client(server.port, "-status", "-CAfile", ca.cert, "-verify_return_error", OPENSSL_VERSION[version]) as client:
            with server.plain():
                client.wait_for(r"Cert Status: good")
    assert problem(pool) is None


def test_gnutls_accepts_a_must_staple_certificate(shop, lib):
    pool, ca, _ = shop
    wait_until_stapled(pool, lib)
    with OurServer(lib, NAME) as server:
        with Process("gnutls-cli", "--x509cafile", ca.cert, "--ocsp", "--port", server.port, "--verify-hostname", NAME, "127.0.0.1") as client:
            with server.plain():
                client.wait_for("Handshake was completed")
    assert "unverified" not in client.text


@pytest.mark.parametrize("tls13_only", [False, True])
def test_our_client_accepts_it(shop, lib, tls13_only):
    wait_until_stapled(shop[0], lib)
    with OurServer(lib, NAME) as server:
        with our_client(lib, server.port, NAME, minimum_version="tls13" if tls13_only else "tls12") as session:
            assert session.session.verified_by == "chain"
            server.plain().close()


def test_it_outlives_the_pool_and_its_workers(shop, lib):
    pool, _, web = shop
    pool.wait_for("staple.fetched")
    asked = web.count("/ocsp")
    pool.restart()
    pool.wait_for("staple.fetched")
    assert web.count("/ocsp") == asked
    victim = pool.pids("worker")[0]
    os.kill(victim, 9)
    eventually(lambda: victim not in pool.pids("worker") and pool.pids("worker"))
    wait_until_stapled(pool, lib)


def test_without_a_response_it_is_told(shop, lib):
    """The last one: the responder falls silent, and what was kept is gone."""
    pool, _, web = shop
    pool.stop()
    web.pages["/ocsp"] = None
    for kept in (pool.directory / "judge" / "staples").iterdir():
        kept.unlink()
    pool.start()
    pool.wait_for("staple.missing", identity=NAME)
    assert "none to staple" in problem(pool)
    with OurServer(lib, NAME) as server:
        with s_client(server.port, "-status") as client:
            with server.plain():
                client.wait_for("OCSP response: no response sent")
