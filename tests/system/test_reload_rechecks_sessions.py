# SPDX-License-Identifier: Apache-2.0
"""[sessions] on_reload = "recheck": sessions that the new configuration would not let in end; without it they go on."""
import pytest
from pinned import Open
from pool import eventually
from talk import VERSIONS

LOCAL = "pool.example"
STRICT = '\n[[policy]]\nremote = "@clients.example"\ntrust = "chain and name and key-strength(200)"\n'


def make(make_pool, pki, monkeypatch, extra):
    pool = make_pool()
    pool.trust(pki.ca().cert, pki.ca("Other CA").cert)
    pool.replace("workers = 0", "workers = 2")
    pool.configure(extra)
    pool.start()
    monkeypatch.setenv("TLSPOOL_DIR", str(pool.directory))
    return pool


def crowd(lib, pool, pki):
    out = {}
    for version in VERSIONS:
        joe = pki.leaf("joe@clients.example", usage="clientAuth", sort="intermediate")
        out["joe", version] = Open.with_client(lib, pool.ca, joe, LOCAL, version)
        out["www", version] = Open.with_server(lib, pki.leaf("www.example", ca="Other CA"), "www.example", version)
        out["inner", version] = Open.with_server(lib, pki.leaf("inner.example", sort="intermediate"), "inner.example", version)
        out["nobody", version] = Open.with_client(lib, pool.ca, None, LOCAL, version)
    assert all(s.works() for s in out.values())
    return out


@pytest.fixture
def lib():
    import tlspool

    return tlspool


def test_a_new_policy_ends_whom_it_refuses(make_pool, pki, monkeypatch, lib):
    pool = make(make_pool, pki, monkeypatch, '[sessions]\non_reload = "recheck"')
    sessions = crowd(lib, pool, pki)
    pool.tlspool("reload")
    assert all(s.works() for s in sessions.values())
    pool.configure(STRICT)
    pool.tlspool("reload")
    for (who, _), session in sessions.items():
        if who == "joe":
            assert "key-strength(200)" in session.ended()
    assert all(s.works() for (who, _), s in sessions.items() if who != "joe")
    assert len(pool.events("session.refused")) == 2


def test_an_authority_that_is_not_trusted_any_more_takes_its_own_along(make_pool, pki, monkeypatch, lib):
    pool = make(make_pool, pki, monkeypatch, '[sessions]\non_reload = "recheck"')
    sessions = crowd(lib, pool, pki)
    pool.replace(f', "{pki.ca("Other CA").cert}"', "")
    pool.tlspool("reload")
    for (who, _), session in sessions.items():
        if who == "www":
            assert "refused since the last reload: chain" in session.ended()
    assert all(s.works() for (who, _), s in sessions.items() if who != "www")


def test_without_it_they_go_on(make_pool, pki, monkeypatch, lib):
    pool = make(make_pool, pki, monkeypatch, "")
    sessions = crowd(lib, pool, pki)
    pool.configure(STRICT)
    pool.tlspool("reload")
    with pytest.raises(lib.HandshakeFailed):
        Open.with_client(lib, pool.ca, pki.leaf("joe@clients.example", usage="clientAuth"), LOCAL)
    assert all(s.works() for s in sessions.values())
    assert pool.events("session.refused") == []
    eventually(lambda: pool.status()["sessions"] == len(sessions))
