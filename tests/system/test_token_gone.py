# SPDX-License-Identifier: Apache-2.0
"""token_gone = "end": when an identity's token is pulled out, its sessions end at once, also where nobody signs just then; the sessions
of other identities go on."""
import pytest
from misbehaving import shim, token, use_shim
from pinned import Open
from pool import eventually


@pytest.fixture
def pool(make_pool, pki, place, monkeypatch):
    made = use_shim(make_pool(), place)
    made.identity("stays.example")
    made.environment |= {"TLSPOOL_REMOVED_TOKEN": "removed"}
    made.trust(pki.ca().cert)
    monkeypatch.setenv("TLSPOOL_DIR", str(made.directory))
    for file in (made.directory / "identities").glob("*.toml"):
        if '"pool.example"' in file.read_text():
            file.write_text(file.read_text().replace('name = "pool.example"', 'name = "pool.example"\ntoken_gone = "end"'))
    made.start()
    assert shim(place).exists()
    return made


def test_sessions_end_with_their_token(pool, pki):
    import tlspool

    theirs = Open.with_client(tlspool, pool.ca, None, "pool.example")
    shown = Open.with_client(tlspool, pool.ca, pki.leaf("joe@clients.example", usage="clientAuth"), "pool.example")
    other = Open.with_client(tlspool, pool.ca, None, "stays.example")
    ours = Open.with_server(tlspool, pki.leaf("www.example"), "www.example")
    hidden = Open.with_server(tlspool, pki.leaf("www.example"), "www.example", local_identity="pool.example")  # it was not asked for
    everybody = (theirs, shown, other, ours, hidden)
    assert all(s.works() for s in everybody)
    (pool.directory / "keeper" / "removed").touch()
    assert theirs.ended() == "the token of pool.example is gone"
    shown.ended()
    assert all(s.works() for s in (other, ours, hidden))
    assert token(pool)["state"] == "failed"
    event = pool.wait_for("token.sessions_ended")
    assert (event["identity"], event["sessions"]) == ("pool.example", "2")
    eventually(lambda: pool.status()["sessions"] == 3)
    for session in everybody:
        session.close()


def test_without_the_key_they_go_on(pool, pki):
    import tlspool

    for file in (pool.directory / "identities").glob("*.toml"):
        file.write_text(file.read_text().replace('token_gone = "end"', 'token_gone = "keep"'))
    pool.tlspool("reload")
    session = Open.with_client(tlspool, pool.ca, None, "pool.example")
    (pool.directory / "keeper" / "removed").touch()
    with pytest.raises(tlspool.HandshakeFailed):
        Open.with_client(tlspool, pool.ca, None, "pool.example")
    eventually(lambda: token(pool)["state"] == "failed")
    assert session.works()
    session.close()
