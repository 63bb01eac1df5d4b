# SPDX-License-Identifier: Apache-2.0
"""What is revoked stays so when the pool or its judge starts anew, holds for shared keys, and for handshakes that are under way; while
the list can't be read, nobody is let in."""
import os
import signal

import pytest
from peers import client_context, in_thread, tcp_pair
from pinned import refused, verified
from pool import eventually
from talk import Raw

NAME = "www.example"


@pytest.fixture
def pool(make_pool, pki, monkeypatch):
    made = make_pool()
    made.trust(pki.ca().cert)
    made.start()
    monkeypatch.setenv("TLSPOOL_DIR", str(made.directory))
    return made


@pytest.fixture
def lib(pool):
    import tlspool

    return tlspool


def test_restarts_keep_it(pool, lib, pki):
    party = pki.leaf(NAME)
    assert verified(lib, party, NAME, "") == "chain"
    pool.tlspool("revoke", ".example")
    assert refused(lib, party, NAME, "").check == "revoked"
    pool.restart()
    assert refused(lib, party, NAME, "").check == "revoked"
    (judge,) = pool.pids("judge")
    os.kill(judge, signal.SIGKILL)
    eventually(lambda: refused(lib, party, NAME, "").check == "revoked")
    pool.tlspool("reload")
    assert refused(lib, party, NAME, "").check == "revoked"
    assert ".example" in pool.tlspool("revoke", "list").stdout


BROKEN = {"empty": "", "cut off": "tlspool revoked 1\nselector .example - 1000\n", "no selector": "tlspool revoked 1\nselector a..b - 1000\nend 1\n",
          "twice": "tlspool revoked 1\nselector .example - 1000\nselector .example - 1001\nend 2\n", "zeros": "\0" * 64}


def test_while_the_list_cant_be_read_nobody_is_let_in(pool, lib, pki):
    party = pki.leaf(NAME)
    file = pool.directory / "judge" / "revoked"
    for what, text in BROKEN.items():
        pool.stop()
        file.write_text(text)
        pool.start()
        assert pool.wait_for("revoked.broken")["level"] == "error", what
        failed = refused(lib, party, NAME, "")
        assert failed.check == "revoked" and "judge/revoked" in str(failed), what
        done = pool.tlspool("revoke", "other.example", check=False)
        assert done.returncode != 0 and "judge/revoked" in done.stderr, what
        assert file.read_text() == text
    file.write_text("tlspool revoked 1\nselector other.example - 1000\nend 1\n")
    pool.tlspool("reload")
    assert verified(lib, party, NAME, "") == "chain"


def test_a_handshake_under_way_is_refused_at_its_end(make_pool, pki, monkeypatch):
    """The judge has said yes already when the peer is revoked."""
    import tlspool as lib

    pool = make_pool()
    pool.trust(pki.ca().cert)
    pool.replace('level = "info"', 'level = "debug"')
    pool.start()
    monkeypatch.setenv("TLSPOOL_DIR", str(pool.directory))
    joe = pki.leaf("joe@clients.example", usage="clientAuth")
    a, b = tcp_pair()
    peer = Raw(b, client_context(pool.ca, None, joe), name="pool.example")

    def serve():
        try:
            return lib.wrap_server(a, "pool.example", remote_proof="required")
        except lib.HandshakeFailed as failed:
            return failed

    with in_thread(serve) as other:
        peer.handshake(keep_last_flight=True)
        flight = peer.take()
        # Certificate and CertificateVerify go, and Finished, the last record, waits.
        records, at = [], 0
        while at < len(flight):
            size = 5 + int.from_bytes(flight[at + 3:at + 5], "big")
            records.append(flight[at:at + size])
            at += size
        peer.sock.sendall(b"".join(records[:-1]))
        pool.wait_for("chain.judged", accepted="yes")
        assert "; 0 sessions" in pool.tlspool("revoke", "joe@clients.example").stdout
        peer.sock.sendall(records[-1])
        failed = other.result()
    assert isinstance(failed, lib.HandshakeFailed) and failed.check == "revoked", failed
    a.close()
    peer.close()


def test_shared_keys_are_revoked_by_their_peers_name(make_pool, monkeypatch):
    import tlspool
    from shared_keys import give_both, make_two_sites

    a, b = make_two_sites(make_pool)
    give_both(a, b, 2, 4, 6)

    def connect():
        one, other = tcp_pair()

        def serve():
            try:
                return tlspool.wrap_server(other, "b.example", pool=b.directory)
            except tlspool.TLSPoolError as failed:
                other.close()
                return failed

        with in_thread(serve) as serving:
            try:
                ours = tlspool.wrap_client(one, "b.example", local_identity="a.example", pool=a.directory)
            except tlspool.TLSPoolError as failed:
                one.close()
                ours = failed
            return ours, serving.result()

    ours, theirs = connect()
    assert ours.session.verified_by == theirs.session.verified_by == "sharedKey"
    assert "; 1 session was ended" in b.tlspool("revoke", "a.example").stdout
    state = eventually(lambda: (s := theirs.state()).state != "open" and s)
    assert (state.state, state.detail) == ("error", "revoked by its selector a.example")
    assert ours.recv(1) == b""
    eventually(lambda: ours.state().state == "closeNotify")
    ours.close()
    theirs.close()
    ours, theirs = connect()
    assert isinstance(theirs, tlspool.HandshakeFailed) and theirs.check == "revoked", theirs
    if not isinstance(ours, Exception):
        ours.close()
