# SPDX-License-Identifier: Apache-2.0
"""`tlspool revoke` ends the sessions that it is about, at once, in both roles and on every worker, and no other; new ones are refused,
also those that would resume, until it is taken back."""
import json
import re

import pytest
from peers import client_context
from pinned import Open, issuer, refused, serial, spki, verified
from talk import PYTHON_VERSION, VERSIONS

LOCAL = "p256.example"


@pytest.fixture(scope="module")
def revoking(place, pki):
    from pool import Pool

    made = Pool(place / "revoking")
    made.identity(LOCAL)
    made.trust(pki.ca().cert)
    made.replace("workers = 0", "workers = 2")
    made.start()
    yield made
    made.remove()


@pytest.fixture
def lib(revoking, library_of):
    tlspool = library_of(revoking)
    yield tlspool
    for row in json.loads(revoking.tlspool("revoke", "list", "--json").stdout):
        word = {"selector": "selector", "serial": "serial", "key": "spki"}[row["by"]]
        issuers = ["--issuer", row["issuer"]] if row["issuer"] else []
        revoking.tlspool("revoke", f"{word}:{row['what']}", *issuers, "--undo")


@pytest.fixture
def crowd(lib, revoking, pki):
    """Open sessions by name, in both roles and versions."""
    everybody = {}
    for user in ("joe@clients.example", "mary@clients.example", "joe@other.example"):
        for version in VERSIONS:
            party = pki.leaf(user, usage="clientAuth", also=(f"{version}.example",))
            everybody[user, version] = Open.with_client(lib, revoking.ca, party, LOCAL, version)
    for host in ("www.clients.example", "clients.example", "www.other.example"):
        for version in VERSIONS:
            party = pki.leaf(host, key="p384" if version == "tls12" else "p256")
            everybody[host, version] = Open.with_server(lib, party, host, version)
    everybody["nobody", "tls13"] = Open.with_client(lib, revoking.ca, None, LOCAL)
    assert all(s.works() for s in everybody.values())
    yield everybody
    for session in everybody.values():
        session.close()


def all_but(crowd, *gone):
    return [s for name, s in crowd.items() if name not in gone]


def both(name):
    return [(name, v) for v in VERSIONS]


CASES = {
    "joe@clients.example": both("joe@clients.example"),
    "@clients.example": both("joe@clients.example") + both("mary@clients.example"),
    "joe@.example": both("joe@clients.example") + both("joe@other.example"),
    ".clients.example": both("www.clients.example"),
    "clients.example": both("clients.example"),
    ".": both("www.clients.example") + both("clients.example") + both("www.other.example") +
         [(u, v) for u in ("joe@clients.example", "mary@clients.example", "joe@other.example") for v in VERSIONS],  # by their other name
    "tls12.example": [(u, "tls12") for u in ("joe@clients.example", "mary@clients.example", "joe@other.example")],
    "nobody.example": [],
}


@pytest.mark.parametrize("selector", CASES)
def test_selector(crowd, revoking, selector):
    gone = CASES[selector]
    said = revoking.tlspool("revoke", selector).stdout
    number = int(re.search(r"; (\d+) sessions? (was|were) ended", said).group(1))
    assert number == len(gone), said
    for name in gone:
        assert "revoked by its selector" in crowd[name].ended(), name
    assert all(s.works() for s in all_but(crowd, *gone))


@pytest.mark.parametrize("form", ["serial:{serial}", "{serial}", "serial with colons", "serial of issuer", "spki:{spki}", "{spki}"])
def test_certificate_and_key(crowd, revoking, form):
    name = ("mary@clients.example", "tls13")
    party = crowd[name].party
    number = serial(party)
    words = [form.format(serial=number, spki=spki(party))]
    if form == "serial with colons":
        words = [":".join(number[i:i + 2] for i in range(0, len(number), 2)).lower()]
    if form == "serial of issuer":
        done = revoking.tlspool("revoke", f"serial:{number}", "--issuer", "CN=Somebody else").stdout
        assert "; 0 sessions were ended" in done
        words = [f"serial:{number}", "--issuer", issuer(party)]
    assert "; 1 session was ended" in revoking.tlspool("revoke", *words).stdout
    assert "revoked by its " + ("key" if "spki" in form else "serial") in crowd[name].ended()
    assert all(s.works() for s in all_but(crowd, name))
    again = revoking.tlspool("revoke", *words).stdout
    assert "was already revoked; 0 sessions" in again


@pytest.mark.parametrize("version", VERSIONS)
def test_new_ones_are_refused_until_it_is_taken_back(lib, revoking, pki, version):
    joe = pki.leaf("joe@clients.example", usage="clientAuth")
    revoking.tlspool("revoke", "joe@clients.example")
    with pytest.raises(lib.HandshakeFailed) as failed:
        Open.with_client(lib, revoking.ca, joe, LOCAL, version)
    assert (failed.value.check, failed.value.alert_sent) == ("revoked", "certificate_revoked")
    assert "selector joe@clients.example" in str(failed.value)
    revoking.tlspool("revoke", "joe@clients.example", "--undo")
    session = Open.with_client(lib, revoking.ca, joe, LOCAL, version)
    session.works()
    session.close()
    done = revoking.tlspool("revoke", "joe@clients.example", "--undo", check=False)
    assert done.returncode != 0 and "it is not revoked" in done.stderr
    revoking.tlspool("revoke", "spki:" + spki(pki.leaf("www.example")))
    assert refused(lib, pki.leaf("www.example"), "www.example", "").check == "revoked"
    assert verified(lib, pki.leaf("other.example"), "other.example", "") == "chain"


@pytest.mark.parametrize("version", VERSIONS)
def test_tickets_are_no_way_around(lib, revoking, pki, version):
    joe = pki.leaf("joe@clients.example", usage="clientAuth")
    context = client_context(revoking.ca, PYTHON_VERSION[version], joe)
    first = Open.with_client(lib, revoking.ca, joe, LOCAL, context=context)
    first.works()
    ticket = first.peer.tls.session
    second = Open.with_client(lib, revoking.ca, joe, LOCAL, context=context, session=ticket)
    assert second.ours.session.resumed and second.works()
    ticket = second.peer.tls.session
    first.close()
    # The one that was resumed ends as well: it remembers who its peer is.
    assert "; 1 session was ended" in revoking.tlspool("revoke", "serial:" + serial(joe)).stdout
    assert "revoked by its serial" in second.ended()
    with pytest.raises(lib.HandshakeFailed) as failed:
        Open.with_client(lib, revoking.ca, joe, LOCAL, context=context, session=ticket)
    assert failed.value.check == "revoked"
    # Nor is a ticket good that comes from before, when it is taken back.
    revoking.tlspool("revoke", "serial:" + serial(joe), "--undo")
    third = Open.with_client(lib, revoking.ca, joe, LOCAL, context=context, session=ticket)
    assert not third.ours.session.resumed
    third.close()
    second.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_our_client_resumes_no_revoked_server(lib, revoking, pki, version):
    party = pki.leaf("resumed.example")
    from test_resumption_ends_with_what_it_rests_on import Host

    host = Host(lib, party, version, "resumed.example")
    host.visit()
    revoking.tlspool("revoke", "resumed.example")
    failed = host.visit()
    assert isinstance(failed, lib.HandshakeFailed) and failed.check == "revoked", failed


def test_the_list(lib, revoking, pki):
    assert "nobody is revoked" in revoking.tlspool("revoke", "list").stdout
    revoking.tlspool("revoke", ".GONE.example")
    revoking.tlspool("revoke", "serial:00:0A:bc", "--issuer", "CN=Some CA")
    revoking.tlspool("revoke", "selector:cafe")
    rows = json.loads(revoking.tlspool("revoke", "list", "--json").stdout)
    assert {(r["by"], r["what"], r["issuer"]) for r in rows} == {("selector", ".gone.example", None), ("serial", "0abc", "CN=Some CA"),
                                                                 ("selector", "cafe", None)}
    said = revoking.tlspool("revoke", "list").stdout
    assert ".gone.example" in said and "CN=Some CA" in said


@pytest.mark.parametrize("words, text", [(("two words",), "blank"), (("spki:1234",), "64 digits"), (("serial:xyz",), "hexadecimal"), (("*.example",), "*"),
                                         (("serial:0",), "0"), (("a.example", "--issuer", "CN=X"), "serial number alone"), ((), "WHAT"), (("",), "")])
def test_mistakes_are_named(lib, revoking, words, text):
    done = revoking.tlspool("revoke", *words, check=False)
    assert done.returncode != 0 and text in done.stderr + done.stdout, done
    assert json.loads(revoking.tlspool("revoke", "list", "--json").stdout) == []
