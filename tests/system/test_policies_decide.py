# SPDX-License-Identifier: Apache-2.0
"""[[policy]]: every check that needs no network, in both roles, from the configuration to what the program is told."""

import pytest
from talk import OurServer, our_client, s_client, s_server, shown

WEB = "web.example"
JOE = "joe@clients.example"


@pytest.fixture(scope="module")
def judged(place, pki):
    """A pool with a policy for each service, which a test names in its request."""
    from pool import Pool

    policies = {
        "chain-only": "chain", "selfsigned": "selfsigned and name", "not-selfsigned": "not selfsigned and chain and name",
        "user-domain": "chain and domain-for-user", "fs": "chain and name and forward-secrecy", "psk": "psk", "qkd": "qkd or quantum-safe",
        "basic": "chain and name and extension(2.5.29.19)", "key-usage": "chain and name and not extension(1.2.3.4)",
        "alpn-x": "chain and name and extension(1.2.3.4)", "strong": "chain and name and key-strength(128)",
        "stronger": "chain and name and key-strength(192)", "client": "chain and name and local-role(client)",
        "server": "chain and name and local-role(server)", "young": "chain and name and age(2)", "newborn": "age(1)",
        "either": "if local-role(client) then chain and name else chain and name and key-strength(128)",
        "dane": "chain and name and dane", "not-dane": "chain and name and not dane", "dane-or": "dane or (chain and name)",
    }
    made = Pool(place / "judged")
    made.identity("p256.example")
    made.configure('[dns]\nroot_anchor = "missing"')
    made.trust(pki.ca().cert)
    (made.directory / "policies").mkdir()
    (made.directory / "policies" / "services.toml").write_text(
        "".join(f'[[policy]]\nservice = "{service}"\ntrust = "{trust}"\n' for service, trust in policies.items()))
    made.configure('[[policy]]\nremote = ".strict.example"\ntrust = "chain and name and key-strength(192)"\n'
                   '[[policy]]\nremote = "lax.strict.example"\ntrust = "chain"\n')
    made.start()
    yield made
    made.remove()


@pytest.fixture
def lib(judged, library_of):
    return library_of(judged)


def outcome(lib, party, identity=WEB, **options):
    """verified_by, or the check that refused."""
    with s_server(party) as server:
        try:
            with our_client(lib, server.port, identity, **options) as session:
                return session.session.verified_by
        except lib.HandshakeFailed as failed:
            return failed.check


# service, sort of the server's certificate, expected identity -> what comes of it
TABLE = [
    ("", "good", WEB, "chain"),
    ("", "wrong-name", WEB, "name"),
    ("unknown-service", "good", WEB, "chain"),
    ("chain-only", "good", WEB, "chain"),
    ("chain-only", "wrong-name", WEB, "chain"),
    ("chain-only", "expired", WEB, "chain!"),
    ("selfsigned", "self-signed", WEB, "policy"),
    ("selfsigned", "good", WEB, "selfsigned!"),
    ("not-selfsigned", "good", WEB, "chain"),
    ("not-selfsigned", "self-signed", WEB, "chain!"),
    ("user-domain", "good", f"mary@{WEB}", "chain"),
    ("user-domain", "good", "mary@other.example", "domain-for-user!"),
    ("user-domain", "good", WEB, "domain-for-user!"),
    ("fs", "good", WEB, "chain"),
    ("psk", "good", WEB, "psk!"),
    ("qkd", "good", WEB, "qkd!"),
    ("basic", "good", WEB, "chain"),
    ("key-usage", "good", WEB, "chain"),
    ("alpn-x", "good", WEB, "extension(1.2.3.4)!"),
    ("strong", "good", WEB, "chain"),
    ("stronger", "good", WEB, "key-strength(192)!"),
    ("client", "good", WEB, "chain"),
    ("server", "good", WEB, "local-role(server)!"),
    ("young", "good", WEB, "chain"),
    ("newborn", "expired", WEB, "age(1)!"),
    ("either", "good", WEB, "chain"),
    ("dane", "good", WEB, "dane!"),       # nobody can find out, and so neither it nor its negation holds
    ("not-dane", "good", WEB, "policy!"),
    ("dane-or", "good", WEB, "chain"),
]


@pytest.mark.parametrize("service, sort, identity, expected", TABLE, ids=[f"{s or 'none'}-{c}-{i}" for s, c, i, _ in TABLE])
def test_server_is_judged(lib, pki, service, sort, identity, expected):
    party = pki.leaf(WEB, sort=sort)
    options = {"service": service} if service else {}
    if "@" in identity:
        options["server_name"] = WEB
    assert outcome(lib, party, identity, **options) == expected.rstrip("!")


def test_the_narrowest_selector_decides(lib, pki):
    for name, expected in (("www.strict.example", "key-strength(192)"), ("lax.strict.example", "chain"), ("strict.example", "chain")):
        assert outcome(lib, pki.leaf(name), name) == expected


def test_all_that_apply_must_hold(lib, pki):
    """One by the remote identity, one by the service."""
    party = pki.leaf("www.strict.example", key="p384")
    assert outcome(lib, party, "www.strict.example", service="strong") == "key-strength(192)"  # its CA has a P-256 key
    assert outcome(lib, pki.leaf("lax.strict.example"), "lax.strict.example", service="stronger") == "key-strength(192)"


@pytest.mark.parametrize("service, expected", [("server", "chain"), ("client", "local-role(client)"), ("either", "chain"), ("dane", "dane"), ("chain-only", "chain")])
def test_client_is_judged(lib, judged, pki, service, expected):
    party = pki.leaf(JOE, usage="clientAuth")
    with OurServer(lib, "p256.example", remote_proof="required", service=service) as server:
        with s_client(server.port, "-CAfile", judged.ca, *shown(party)):
            if expected == "chain":
                with server.plain() as plain:
                    assert (plain.session.remote_identity, plain.session.verified_by) == (JOE, "chain")
            else:
                assert server.failure().check == expected


def test_a_refusal_names_the_policy_and_what_its_checks_said(lib, judged, pki):
    with s_server(pki.leaf(WEB)) as server, pytest.raises(lib.HandshakeFailed) as failed:
        our_client(lib, server.port, WEB, service="stronger")
    text = str(failed.value)
    assert str(judged.directory / "policies" / "services.toml") in text
    assert "key-strength(192): no, the weakest key or digest has 128 bits of security" in text


def test_a_mistake_keeps_the_old_policies(judged):
    late = judged.directory / "policies" / "late.toml"
    late.write_text('[[policy]]\nservice = "late"\ntrust = "chain and dnae"\n')
    try:
        done = judged.tlspool("reload", check=False)
        assert done.returncode != 0
        assert f"{late}:3:20" in done.stderr and "dnae" in done.stderr
        late.write_text('[[policy]]\nservice = "late"\ntrust = "chain and not chain"\n')
        done = judged.tlspool("reload", check=False)
        assert done.returncode != 0 and "can't ever hold" in done.stderr
    finally:
        late.unlink()


def test_a_reload_puts_policies_into_force(make_pool, pki, library_of):
    pool = make_pool()
    pool.trust(pki.ca().cert)
    pool.start()
    tlspool = library_of(pool)
    party = pki.leaf(WEB)
    assert outcome(tlspool, party) == "chain"
    pool.configure('[[policy]]\nremote = "."\ntrust = "chain and name and key-strength(200)"')
    pool.tlspool("reload")
    assert outcome(tlspool, party) == "key-strength(200)"
    pool.replace("key-strength(200)", "key-strength(100)")
    pool.tlspool("reload")
    assert outcome(tlspool, party) == "chain"
