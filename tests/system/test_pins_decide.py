# SPDX-License-Identifier: Apache-2.0
"""`pin` and `pin-or-first-use`: by hand and at first use, for a name and a service, in both roles, from every worker."""
import pytest
from pinned import Open, fingerprint, listed, refused, spki, verified
from talk import s_server

JOE = "joe@clients.example"


@pytest.fixture(scope="module")
def pinning(place, pki):
    from pool import Pool

    made = Pool(place / "pinning")
    made.identity("p256.example")
    made.trust(pki.ca().cert)
    made.replace("workers = 0", "workers = 2")
    policies = {"pin": "pin", "tofu": "pin-or-first-use", "tofu-named": "name and pin-or-first-use", "either": "(chain and name) or pin",
                "tofu-strong": "pin-or-first-use and key-strength(192)", "not-pin": "chain and not pin", "imap": "pin", "smtp": "pin",
                "chain-pin": "chain and pin"}
    made.configure("".join(f'[[policy]]\nservice = "{service}"\ntrust = "{trust}"\n' for service, trust in policies.items()))
    made.start()
    yield made
    made.remove()


@pytest.fixture
def lib(pinning, library_of):
    return library_of(pinning)


def own(pki, name, which=1):
    """A certificate that nobody vouches for; another key for each number."""
    return pki.leaf(name, sort="self-signed", also=(f"key{which}.example",))


def test_what_is_not_pinned_is_no_answer(lib, pki):
    failed = refused(lib, own(pki, "nobody.example"), "nobody.example", "pin")
    assert failed.check == "pin" and "nothing is pinned for nobody.example" in str(failed)
    assert verified(lib, pki.leaf("nobody.example"), "nobody.example", "not-pin") is None
    assert verified(lib, pki.leaf("nobody.example"), "nobody.example", "either") == "chain"


def test_key_by_hand(lib, pinning, pki):
    party, other = own(pki, "key.example"), own(pki, "key.example", 2)
    said = pinning.tlspool("pin-peer", "add", "KEY.example", "--spki", spki(party)).stdout
    assert "key.example is pinned to the key" in said
    for _ in range(4):  # whichever worker
        assert verified(lib, party, "key.example", "pin") == "pin"
    failed = refused(lib, other, "key.example", "pin")
    assert failed.check == "pin" and spki(other) in str(failed)
    assert verified(lib, party, "key.example", "either") == "pin"
    assert verified(lib, other, "key.example", "either") is None


def test_certificate_by_hand(lib, pinning, pki):
    party, other = own(pki, "cert.example"), own(pki, "cert.example", 2)
    pinning.tlspool("pin-peer", "add", "cert.example", "--certificate", party.cert)
    row = next(p for p in listed(pinning)["pins"] if p["identity"] == "cert.example")
    assert (row["of"], row["sha256"], row["origin"], row["expires"]) == ("certificate", fingerprint(party), "administrator", None)
    assert verified(lib, party, "cert.example", "pin") == "pin"
    assert verified(lib, other, "cert.example", "pin") is None
    # A second pin, for the time in which both are in use.
    pinning.tlspool("pin-peer", "add", "cert.example", "--certificate", other.cert, "--key")
    assert verified(lib, party, "cert.example", "pin") == "pin"
    assert verified(lib, other, "cert.example", "pin") == "pin"
    pinning.tlspool("pin-peer", "remove", "cert.example", "--sha256", fingerprint(party))
    assert verified(lib, party, "cert.example", "pin") is None
    assert verified(lib, other, "cert.example", "pin") == "pin"
    pinning.tlspool("pin-peer", "remove", "cert.example")
    assert verified(lib, other, "cert.example", "pin") is None
    done = pinning.tlspool("pin-peer", "remove", "cert.example", check=False)
    assert done.returncode != 0 and "no such pin" in done.stderr


def test_what_a_server_shows_now(lib, pinning, pki):
    party = own(pki, "shown.example")
    with s_server(party) as server:
        said = pinning.tlspool("pin-peer", "add", "shown.example", "--connect", f"127.0.0.1:{server.port}").stdout
    assert spki(party) in said and "nothing vouches for it" in said
    assert verified(lib, party, "shown.example", "pin") == "pin"


def test_for_a_service_alone(lib, pinning, pki):
    party, other = own(pki, "mail.example"), own(pki, "mail.example", 2)
    pinning.tlspool("pin-peer", "add", "mail.example", "--spki", spki(party), "--service", "imap")
    pinning.tlspool("pin-peer", "add", "mail.example", "--spki", spki(other), "--service", "smtp")
    assert verified(lib, party, "mail.example", "imap") == "pin"
    assert verified(lib, party, "mail.example", "smtp") is None
    assert verified(lib, other, "mail.example", "smtp") == "pin"
    assert verified(lib, other, "mail.example", "pin") is None
    pinning.tlspool("pin-peer", "remove", "mail.example", "--service", "imap")
    assert verified(lib, party, "mail.example", "imap") is None
    assert verified(lib, other, "mail.example", "smtp") == "pin"


def test_first_use_is_remembered_and_a_changed_key_is_reported(lib, pinning, pki):
    party, other = own(pki, "first.example"), own(pki, "first.example", 2)
    for _ in range(4):
        assert verified(lib, party, "first.example", "tofu") == "pin"
    assert len(pinning.events("pin.first_use", identity="first.example")) == 1
    row = next(p for p in listed(pinning)["pins"] if p["identity"] == "first.example")
    assert (row["origin"], row["of"], row["sha256"], row["service"]) == ("firstUse", "key", spki(party), "tofu")
    for _ in range(3):
        assert refused(lib, other, "first.example", "tofu").check == "pin-or-first-use"
    event = pinning.wait_for("pin.changed", identity="first.example")
    assert (event["pinned"], event["shown"]) == (spki(party), spki(other))
    assert len(pinning.events("pin.changed", identity="first.example")) == 1
    change = next(c for c in listed(pinning)["changes"] if c["identity"] == "first.example")
    assert (change["pinned"], change["shown"], change["times"], change["service"]) == (spki(party), spki(other), 3, "tofu")
    said = pinning.tlspool("pin-peer", "list").stdout
    assert "CHANGED: first.example for tofu showed another key" in said and spki(other) in said
    assert verified(lib, party, "first.example", "tofu") == "pin"  # it was not overwritten
    # The administrator knows of the new key: it holds, and there is nothing to report any more.
    pinning.tlspool("pin-peer", "add", "first.example", "--spki", spki(other))
    assert verified(lib, other, "first.example", "tofu") == "pin"
    assert not [c for c in listed(pinning)["changes"] if c["identity"] == "first.example"]


def test_only_who_was_let_in_is_remembered(lib, pinning, pki):
    party, other = own(pki, "weak.example"), own(pki, "weak.example", 2)
    assert refused(lib, party, "weak.example", "tofu-strong").check == "key-strength(192)"
    assert not [p for p in listed(pinning)["pins"] if p["identity"] == "weak.example"]
    assert refused(lib, own(pki, "wrong.example"), "weak.example", "tofu-named").check == "name"
    assert not [p for p in listed(pinning)["pins"] if p["identity"] == "weak.example"]
    assert verified(lib, other, "weak.example", "tofu-named") == "pin"
    assert [p["sha256"] for p in listed(pinning)["pins"] if p["identity"] == "weak.example"] == [spki(other)]


def test_clients_are_pinned_by_the_first_name_that_they_show(lib, pinning, pki):
    joe = pki.leaf(JOE, sort="self-signed", usage="clientAuth")
    eve = pki.leaf("eve@clients.example", sort="self-signed", usage="clientAuth", also=(JOE,))
    pinning.tlspool("pin-peer", "add", JOE, "--spki", spki(joe))
    with pytest.raises(lib.HandshakeFailed):
        Open.with_client(lib, pinning.ca, eve, "p256.example", service="pin")
    session = Open.with_client(lib, pinning.ca, joe, "p256.example", service="pin")
    assert (session.ours.session.remote_identity, session.ours.session.verified_by) == (JOE, "pin")
    session.works()
    session.close()
    # Joe may not call himself somebody else, by a certificate that he made of his pinned key.
    pinning.tlspool("pin-peer", "add", JOE, "--spki", spki(eve))
    with pytest.raises(lib.HandshakeFailed):
        Open.with_client(lib, pinning.ca, eve, "p256.example", service="pin")
    # And at first use nobody takes a name that is pinned to another key along.
    pinning.tlspool("pin-peer", "remove", JOE, "--spki", spki(eve))
    with pytest.raises(lib.HandshakeFailed) as failed:
        Open.with_client(lib, pinning.ca, eve, "p256.example", service="tofu")
    assert "it also calls itself joe@clients.example" in str(failed.value)


def test_names_that_an_authority_vouches_for_count_all(lib, pinning, pki):
    party = pki.leaf("carol@clients.example", usage="clientAuth", also=("carol.clients.example",))
    pinning.tlspool("pin-peer", "add", "carol.clients.example", "--spki", spki(party))
    session = Open.with_client(lib, pinning.ca, party, "p256.example", service="chain-pin")
    assert session.ours.session.remote_identity == "carol@clients.example"
    session.close()


def test_mistakes_are_named(pinning, pki):
    for words, text in [(("x.example", "--spki", "abcd"), "64 hexadecimal digits"), (("x.example",), "--spki"), (("no name!", "--spki", "00" * 32), "pin"),
                        (("x.example", "--certificate", "/nonexistent"), "nonexistent"), (("x.example", "--spki", "00" * 32, "--days", "0"), "days")]:
        done = pinning.tlspool("pin-peer", "add", *words, check=False)
        assert done.returncode != 0 and text in done.stderr + done.stdout, (words, done.stderr)
    assert all(p["restarts"] == 0 for p in pinning.status()["processes"])
