# SPDX-License-Identifier: Apache-2.0
"""Certificates that are wrong in one way each, shown by a server and by a client: which check refused, which
certificate, with which alert, and what to do; no session comes of it."""
import json
import re

import pytest
from pki import SORTS
from talk import OPENSSL_VERSION, VERSIONS, OurServer, our_client, refusal, s_client, s_server, shown

# sort: check, alert and its number, words of the message.
REFUSED = {
    "expired": ("validity", "certificate_expired", 45, "expired on .*renew"),
    "not-yet-valid": ("validity", "bad_certificate", 42, "not valid before .*clock"),
    "wrong-name": ("name", "bad_certificate", 42, "is for other.example, not for .*issued again"),
    "self-signed": ("chain", "unknown_ca", 48, "self-signed.*anchors in tlspool.toml"),
    "unknown-ca": ("chain", "unknown_ca", 48, "issued by CN=Unknown CA.*anchors in tlspool.toml"),
    "wrong-purpose": ("purpose", "unsupported_certificate", 43, "extended key usage"),
    "small-key": ("key-size", "bad_certificate", 42, "1024 bits.*2048"),
    "sha1": ("chain", "bad_certificate", 42, "SHA1.*SHA-256"),
    "no-san": ("name", "bad_certificate", 42, "alternative name"),
    "missing-intermediate": ("chain", "unknown_ca", 48, "intermediate"),
}
# A client's certificate with another name is good where any name will do: that sort needs an expected one.
# openssl(1) itself refuses to show keys and digests below its own level, so it is told to mind nothing.
ANYTHING = ("-cipher", "DEFAULT:@SECLEVEL=0")


def test_every_sort_is_expected_to_be_refused_or_is_good():
    assert set(SORTS) == set(REFUSED) | {"good", "intermediate"}



def check(failed, sort, subject):
    name, alert, _, words = REFUSED[sort]
    assert (failed.reason, failed.check, failed.alert_sent) == ("certificate", name, alert), str(failed)
    assert failed.certificate == f"CN={subject}"
    assert failed.alert_received is None
    assert not failed.socket_usable
    assert re.search(words, str(failed)), str(failed)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("sort", sorted(REFUSED))
def test_of_a_server(library, pool, pki, version, sort):
    with s_server(pki.leaf("web.example", sort=sort), OPENSSL_VERSION[version], *ANYTHING) as server:
        check(refusal(library, server.port, "web.example"), sort, "web.example")
        server.wait_for(f"SSL alert number {REFUSED[sort][2]}")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("sort", sorted(REFUSED))
def test_of_a_client(library, pool, pki, version, sort):
    user = "joe@clients.example"
    party = pki.leaf(user, sort=sort, usage="clientAuth")
    with OurServer(library, "p256.example", remote_identity=user) as server:
        with s_client(server.port, OPENSSL_VERSION[version], "-CAfile", pool.ca, *shown(party),
                      *ANYTHING) as client:
            check(server.failure(), sort, user)
            client.wait_for(f"SSL alert number {REFUSED[sort][2]}")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("sort", ["good", "intermediate"])
def test_good_ones_are_accepted(library, pool, pki, version, sort):
    with s_server(pki.leaf("web.example", sort=sort), OPENSSL_VERSION[version]) as server:
        with our_client(library, server.port, "web.example") as plain:
            assert plain.session.verified_by == "chain"
            assert len(plain.peer_certificates()) == {"good": 1, "intermediate": 2}[sort]
    party = pki.leaf("joe@clients.example", sort=sort, usage="clientAuth")
    with OurServer(library, "p256.example", remote_proof="required") as server:
        with s_client(server.port, OPENSSL_VERSION[version], "-CAfile", pool.ca, *shown(party)), server.plain() as plain:
            assert plain.session.remote_identity == "joe@clients.example"


def test_optional_proof_of_a_server_is_checked_all_the_same(library, pki):
    with s_server(pki.leaf("web.example", sort="unknown-ca")) as server:
        assert refusal(library, server.port, None, remote_proof="optional").check == "chain"


def test_nothing_is_proved_where_no_proof_is_wanted(library, pki):
    with s_server(pki.leaf("web.example", sort="self-signed")) as server:
        with our_client(library, server.port, None, remote_proof="none") as plain:
            assert (plain.session.remote_identity, plain.session.verified_by) == (None, "none")


def session_ids(pool):
    return {s["id"] for s in json.loads(pool.tlspool("sessions", "--json").stdout)}


def test_refusals_leave_no_session_and_harm_no_other(library, pool, pki):
    before = session_ids(pool)  # of earlier tests, about to end
    with s_server(pki.leaf("web.example")) as good, our_client(library, good.port, "web.example") as plain:
        with s_server(pki.leaf("web.example", sort="expired")) as bad:
            for _ in range(5):
                refusal(library, bad.port, "web.example")
        assert session_ids(pool) - before == {plain.session.id}
        plain.sendall(b"still here\n")
        assert plain.recv(100) == b"ereh llits\n"


def test_message_names_the_peer_that_was_expected(library, pki):
    with s_server(pki.leaf("web.example", sort="unknown-ca")) as server:
        assert "web.example" in str(refusal(library, server.port, "web.example"))
