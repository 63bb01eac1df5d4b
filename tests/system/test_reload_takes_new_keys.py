# SPDX-License-Identifier: Apache-2.0
"""A reload brings other certificates, other keys and other trust anchors, without a restart; sessions of before go on. What is broken
is named with file and line, and changes nothing."""
import ssl

import pytest
import storm
from peers import client_context, in_thread, tcp_pair
from pool import eventually

NAME = "pool.example"


@pytest.fixture
def pool(make_pool, monkeypatch):
    made = make_pool(NAME)
    made.identity("next.example", "p384")
    made.start()
    monkeypatch.setenv("TLSPOOL_DIR", str(made.directory))
    return made


def served(pool):
    """(DER certificate that the pool shows now, client, plain socket)"""
    import tlspool as library
    peer, plain = storm.begin(library, pool, storm.unverified())
    return peer.getpeercert(binary_form=True), peer, plain


def der(file):
    end = "-----END CERTIFICATE-----\n"
    return ssl.PEM_cert_to_DER_cert(file.read_text().partition(end)[0] + end)


def flows(peer, plain):
    peer.sendall(b"there")
    assert plain.recv(10) == b"there"
    plain.sendall(b"back")
    assert peer.recv(10) == b"back"


def file_of(pool, name, kind):
    return pool.directory / "identities" / f"{name}.{kind}"


def test_another_key_and_certificate(pool):
    shown, peer, plain = served(pool)
    assert shown == der(file_of(pool, NAME, "pem"))
    before = {p["name"]: p["pid"] for p in storm.processes(pool)}
    file = file_of(pool, NAME, "toml")
    file.write_text(file.read_text().replace("object=pool.example", "object=next.example").replace("pool.example.pem", "next.example.pem"))
    pool.tlspool("reload")
    now, *ends = served(pool)
    assert now == der(file_of(pool, "next.example", "pem")) != shown
    flows(*ends)
    flows(peer, plain)
    assert {p["name"]: p["pid"] for p in storm.processes(pool)} == before
    for end in (peer, plain, *ends):
        end.close()


def test_another_certificate_of_the_same_key(pool):
    """The file of the chain alone is replaced."""
    _, peer, plain = served(pool)
    before = chain_sent(pool)
    chain = file_of(pool, NAME, "pem")
    fresh = chain.with_suffix(".new")
    fresh.write_text(chain.read_text() + pool.ca.read_text())
    fresh.rename(chain)
    pool.tlspool("reload")
    _, near, far = served(pool)
    assert chain_sent(pool) == before + 1
    flows(near, far)
    flows(peer, plain)
    for end in (peer, plain, near, far):
        end.close()


def chain_sent(pool):
    """How many certificates the pool sends: its own client tells."""
    import tlspool as library
    a, b = tcp_pair()
    with in_thread(lambda: library.wrap_server(b, NAME)) as other, library.wrap_client(a, NAME) as near:
        with other.result():
            return len(near.peer_certificates())


def test_a_certificate_of_another_key_is_named_and_the_session_of_before_go_on(pool):
    _, peer, plain = served(pool)
    file = file_of(pool, NAME, "toml")
    file.write_text(file.read_text().replace("object=pool.example", "object=nowhere.example"))
    pool.tlspool("reload")  # a key may come with its token later: that is no mistake in the file
    credential = next(c for c in pool.status()["credentials"] if c["identity"] == NAME)
    assert not credential["usable"] and "nowhere.example" in credential["problem"]
    flows(peer, plain)
    peer.close()
    plain.close()


@pytest.mark.parametrize("how", ("closed to the judge", "gone again", "of nonsense"))
def test_a_trust_anchor_that_can_not_be_read_keeps_the_old_ones(pool, pki, place, how):
    """Also where the supervisor, as root, could read it: the answer is an error, in the log, too."""
    folder = place / f"anchors-{how.replace(' ', '-')}"
    folder.mkdir(mode=0o755)
    anchor = folder / "new.pem"
    anchor.write_bytes(pki.ca().cert.read_bytes() if how != "of nonsense" else b"nonsense")
    good = pool.config.read_text()
    pool.trust(anchor)
    if how == "gone again":
        anchor.unlink()
    done = pool.tlspool("reload", check=False)
    assert done.returncode == 1 and str(anchor) in done.stderr and str(pool.config) in done.stderr, done.stderr
    assert "configuration stays in force" in done.stderr
    assert str(anchor) in pool.wait_for("config.refused")["reason"]
    _, *ends = served(pool)
    flows(*ends)
    pool.config.write_text(good)
    pool.tlspool("reload")
    pool.trust(anchor)
    if how == "closed to the judge":
        pool.restart()  # as the error says
        pool.tlspool("reload")
    for end in ends:
        end.close()


def test_the_error_names_the_place_once(pool):
    pool.replace("sessions = 20000", "sessions = 0")
    line = next(n for n, text in enumerate(pool.config.read_text().splitlines(), 1) if text.startswith("sessions = 0"))
    done = pool.tlspool("reload", check=False)
    assert done.returncode == 1
    assert done.stderr.count("configuration:") == 1 and f"{pool.config}:{line}" in done.stderr, done.stderr


def test_reloads_that_come_together_are_all_answered(pool):
    """The last content counts, whoever asked for it."""
    from control import Control
    with Control(pool.directory / "run" / "admin.sock") as one, Control(pool.directory / "run" / "admin.sock") as two:
        for _ in range(10):
            pool.replace("workers = 0", "workers = 0 ")
            for control in (one, two):
                control.send("io.tlspool.Admin.Reload")
            assert [c.receive() for c in (one, two)] == [{"parameters": {}}] * 2
    _, *ends = served(pool)
    flows(*ends)
    for end in ends:
        end.close()
    eventually(lambda: storm.whole(pool))
