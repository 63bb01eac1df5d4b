# SPDX-License-Identifier: Apache-2.0
"""crl, ocsp and stapled, from the configuration to what the program is told: each expectation stands in a table."""
import pytest
from authority import Authority, Web
from pki import openssl
from pool import Pool
from talk import OPENSSL_VERSION, OurServer, VERSIONS, gnutls_serv, our_client, refusal, s_client, s_server, shown

POLICIES = {"crl": "chain and name and crl", "crl-if-present": "chain and name and crl-if-present", "ocsp": "chain and name and ocsp",
            "ocsp-if-known": "chain and name and ocsp-if-known", "stapled": "chain and name and stapled", "none": "chain and name"}


class World:
    """An authority, what it says of itself, and a pool that trusts it."""

    def __init__(self, folder):
        self.web = Web()
        self.ca = Authority(folder / "ca", self.web)
        stranger = Authority(folder / "stranger", self.web, "Stranger")
        named = {"lists": "/list", "responder": "/ocsp"}
        self.good = self.ca.issue("good.example", **named)
        self.revoked = self.ca.issue("revoked.example", **named)
        self.plain = self.ca.issue("plain.example")
        self.delegate = self.ca.issue("Responder", section="responder")
        self.must = self.ca.issue("must.example", must_staple=True)
        bad_lists = {"no-list": None, "garbage": b"<html>", "forged": stranger.make_list(), "indirect": self.ca.make_list("indirect")}
        answers = {"delegated": {"signer": self.delegate}, "by-a-server": {"signer": self.plain}, "stranger": {"signer": stranger},
                   "future": {"days": 2}, "stale": {"days": -2}}
        self.lists = {name: self.ca.issue(f"{name}.example", lists=f"/list/{name}") for name in bad_lists}
        self.answers = {name: self.ca.issue(f"{name}.example", responder=f"/ocsp/{name}") for name in (*answers, "unknown", "other", "silent")}
        self.ca.revoke(self.revoked)
        self.web.pages["/list"] = self.ca.make_list()
        self.web.pages["/ocsp"] = self.ca.respond
        for name, data in bad_lists.items():
            self.web.pages[f"/list/{name}"] = data
        for name, how in answers.items():
            self.web.pages[f"/ocsp/{name}"] = lambda request, how=how: self.ca.respond(request, **how)
        other = self.ca.response_for(self.good).read_bytes()
        self.web.pages["/ocsp/other"] = lambda _: other
        # A responder of the same authority whose index has never heard of the certificate.
        ignorant = folder / "ignorant.txt"
        ignorant.write_text("")
        self.web.pages["/ocsp/unknown"] = lambda request: self.ca.respond(request, options=["-index", ignorant])
        self.pool = Pool(folder / "pool")
        self.pool.identity("ours.example")
        self.pool.trust(self.ca.cert)
        self.pool.configure("[revocation]\ndistribution_points = true\naia = true\n" +
                            "".join(f'[[policy]]\nservice = "{s}"\ntrust = "{t}"\n' for s, t in POLICIES.items()))
        self.pool.start()

    def close(self):
        self.pool.remove()
        self.web.close()


@pytest.fixture(scope="module")
def world(place):
    folder = place / "revocation"
    folder.mkdir()
    folder.chmod(0o755)
    made = World(folder)
    yield made
    made.close()


@pytest.fixture
def lib(world, library_of):
    return library_of(world.pool)


def outcome(lib, party, service, *options):
    """"accepted", or the check that refused."""
    with s_server(party, *options) as server:
        try:
            with our_client(lib, server.port, party.name, service=service) as session:
                assert session.session.verified_by == "chain"
                return "accepted"
        except lib.HandshakeFailed as failed:
            return failed.check


@pytest.mark.parametrize("service, who, expected", [
    ("crl", "good", "accepted"), ("crl", "revoked", "crl"), ("crl", "plain", "crl"),
    ("crl-if-present", "good", "accepted"), ("crl-if-present", "revoked", "crl-if-present"), ("crl-if-present", "plain", "accepted"),
    ("ocsp", "good", "accepted"), ("ocsp", "revoked", "ocsp"), ("ocsp", "plain", "ocsp"),
    ("ocsp-if-known", "good", "accepted"), ("ocsp-if-known", "revoked", "ocsp-if-known"), ("ocsp-if-known", "plain", "accepted"),
    ("none", "revoked", "accepted"),
])
def test_server_is_looked_up(world, lib, service, who, expected):
    assert outcome(lib, getattr(world, who), service) == expected


@pytest.mark.parametrize("name", ["no-list", "garbage", "forged", "indirect"])
def test_a_list_that_does_not_count_is_none(world, lib, name):
    assert outcome(lib, world.lists[name], "crl") == "crl"
    assert outcome(lib, world.lists[name], "crl-if-present") == "crl-if-present"


@pytest.mark.parametrize("name, expected", [("delegated", "accepted"), ("by-a-server", "ocsp"), ("stranger", "ocsp"), ("unknown", "ocsp"), ("other", "ocsp"),
                                            ("silent", "ocsp"), ("future", "ocsp"), ("stale", "ocsp")])
def test_who_answers_counts(world, lib, name, expected):
    assert outcome(lib, world.answers[name], "ocsp") == expected
    assert outcome(lib, world.answers[name], "ocsp-if-known") == ("accepted" if expected == "accepted" else "ocsp-if-known")


def test_the_reason_is_told(world, lib):
    with s_server(world.revoked) as server:
        failed = refusal(lib, server.port, "revoked.example", service="ocsp")
    assert "keyCompromise" in str(failed)
    with s_server(world.lists["garbage"]) as server:
        failed = refusal(lib, server.port, "garbage.example", service="crl")
    assert "/list/garbage" in str(failed)
    with s_server(world.answers["future"]) as server:
        failed = refusal(lib, server.port, "future.example", service="ocsp")
    assert "from the future" in str(failed) or "not yet" in str(failed)
    with s_server(world.must) as server:
        failed = refusal(lib, server.port, "must.example", service="none")
    assert "counts only with an OCSP response" in str(failed)


@pytest.mark.parametrize("who, expected", [("good", "accepted"), ("revoked", "crl")])
def test_client_is_looked_up(world, lib, who, expected):
    party = getattr(world, who)
    with OurServer(lib, "ours.example", remote_proof="required", service="crl") as server:
        with s_client(server.port, "-CAfile", world.pool.ca, *shown(party)):
            if expected == "accepted":
                with server.plain() as plain:
                    assert plain.session.remote_identity == party.name
            else:
                assert server.failure().check == expected


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("who, response_of, service, expected", [
    ("plain", "plain", "stapled", "accepted"), ("plain", None, "stapled", "stapled"), ("plain", "good", "stapled", "stapled"),
    ("revoked", "revoked", "stapled", "stapled"), ("plain", "plain", "ocsp", "accepted"), ("plain", None, "ocsp", "ocsp"),
    ("must", "must", "none", "accepted"), ("must", None, "none", "chain"), ("must", "good", "none", "chain"),
])
def test_what_the_server_staples(world, lib, version, who, response_of, service, expected):
    stapled = ["-status_file", world.ca.response_for(getattr(world, response_of))] if response_of else []
    assert outcome(lib, getattr(world, who), service, OPENSSL_VERSION[version], *stapled) == expected


@pytest.mark.parametrize("stapled, expected", [(True, "accepted"), (False, "stapled")])
def test_what_gnutls_staples(world, lib, stapled, expected):
    options = ["--ocsp-response", world.ca.response_for(world.plain)] if stapled else []
    with gnutls_serv(world.plain, *options) as server:
        server.wait_for("IPv4 127.0.0.1 port|listening on IPv4")
        try:
            with our_client(lib, server.port, "plain.example", service="stapled") as session:
                assert (session.session.verified_by, expected) == ("chain", "accepted")
        except lib.HandshakeFailed as failed:
            assert failed.check == expected


def test_a_list_is_fetched_once_and_outlives_the_pool(world, lib):
    assert outcome(lib, world.good, "crl") == "accepted"
    asked = world.web.count("/list")
    assert outcome(lib, world.revoked, "crl") == "crl"
    world.pool.restart()
    assert outcome(lib, world.revoked, "crl") == "crl"
    assert outcome(lib, world.good, "crl") == "accepted"
    assert world.web.count("/list") == asked == 1


def test_openssl_as_a_responder(world, lib, make_pool, monkeypatch):
    """Configured for its issuer; the certificate names another one, which is not asked."""
    process, port = world.ca.responder_process()
    try:
        pool = make_pool()
        pool.trust(world.ca.cert)
        pool.configure(f'[[policy]]\ntrust = "chain and name and ocsp"\n[revocation]\nnonce = true\n'
                       f'[[revocation.responder]]\nissuer = "CN=Revoking CA"\nurl = "http://127.0.0.1:{port}/"\n')
        pool.start()
        monkeypatch.setenv("TLSPOOL_DIR", str(pool.directory))
        asked = world.web.count("/ocsp")
        assert [outcome(lib, p, "x") for p in (world.good, world.revoked, world.plain)] == ["accepted", "ocsp", "accepted"]
        assert world.web.count("/ocsp") == asked
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def test_files_and_a_delta_list(world, lib, make_pool, monkeypatch):
    files = world.ca.folder.parent / "files"
    files.mkdir()
    files.chmod(0o755)
    (files / "whole.crl").write_bytes(world.ca.make_list())
    pool = make_pool()
    pool.trust(world.ca.cert)
    pool.configure(f'[[policy]]\ntrust = "chain and name and crl"\n[revocation]\ncrl_files = ["{files}/whole.crl"]\n'
                   f'delta_urls = ["{world.web.url}/delta"]\n')
    pool.start()
    monkeypatch.setenv("TLSPOOL_DIR", str(pool.directory))
    late = world.ca.issue("late.example")
    assert outcome(lib, late, "x") == "crl"  # the delta list can't be had
    world.ca.revoke(late)
    world.web.pages["/delta"] = world.ca.make_list("delta")
    pool.restart()
    assert outcome(lib, late, "x") == "crl"
    assert outcome(lib, world.good, "x") == "accepted"
    assert outcome(lib, world.revoked, "x") == "crl"


@pytest.mark.parametrize("more, limit, told", [(100_000, "list_bytes = 50000\n", "50000 bytes"), (100_000_000, "", "33554432 bytes")])
def test_a_list_that_is_too_large_is_refused(world, make_pool, library_of, more, limit, told):
    big = world.ca.issue("big.example", lists="/big")
    world.web.pages["/big"] = world.ca.make_list() + bytes(more)
    pool = make_pool()
    pool.trust(world.ca.cert)
    pool.configure(f'[[policy]]\ntrust = "chain and name and crl"\n[revocation]\ndistribution_points = true\n{limit}')
    pool.start()
    with s_server(big) as server:
        failed = refusal(library_of(pool), server.port, "big.example")
    assert failed.check == "crl" and f"larger than {told}" in str(failed)


def test_the_certificate_of_this_test_is_what_it_says(world):
    text = openssl("x509", "-in", world.must.cert, "-noout", "-text").decode()
    assert "status_request" in text
