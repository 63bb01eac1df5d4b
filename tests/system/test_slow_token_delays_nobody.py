# SPDX-License-Identifier: Apache-2.0
"""While a token takes seconds for one signature, sessions of another token start, sessions are resumed, and open
ones go on, all in the same worker. What is measured is who is done before whom."""
import shutil
import ssl
import threading

import pytest
from misbehaving import SOFTHSM, handshake, shim
from pool import PATIENCE, SANITIZED

SLOW_MS = 8000 if SANITIZED else 3000


@pytest.fixture
def pool(make_pool, place, monkeypatch):
    """One worker. fast.example signs at once; slow.example is of another module, which is slow."""
    made = make_pool("fast.example")
    made.identity("slow.example")
    made.replace("workers = 0", "workers = 1")
    # The shim works on a copy of the real module: with a state of its own, as another product would have.
    copy = place / "another-softhsm2.so"
    if not copy.exists():
        shutil.copy(SOFTHSM, copy)
        copy.chmod(0o755)
    uri = next(line for line in made.config.read_text().splitlines() if line.startswith("uri"))
    made.configure(f'[[token]]\nname = "slow"\nmodule = "{shim(place)}"\n{uri}\npin_file = "pin"\n')
    for file in (made.directory / "identities").glob("*.toml"):
        text = file.read_text()
        if "slow.example" in text:
            assert 'token = "default"' in text
            file.write_text(text.replace('token = "default"', 'token = "slow"'))
    made.start(env={"TLSPOOL_SLOW_TOKEN_MS": str(SLOW_MS), "TLSPOOL_REAL_TOKEN": str(copy)})
    assert {t["state"] for t in made.status()["tokens"]} == {"ready"}
    monkeypatch.setenv("TLSPOOL_DIR", str(made.directory))
    return made


class Behind:
    """A handshake of slow.example that goes on in the background."""

    def __init__(self, library, pool):
        self.ends = None
        self.thread = threading.Thread(target=self._run, args=(library, pool), daemon=True)
        self.thread.start()

    def _run(self, library, pool):
        self.ends = handshake(library, pool.ca, "slow.example")

    def goes_on(self):
        return self.thread.is_alive()

    def finish(self):
        self.thread.join(PATIENCE)
        assert self.ends is not None, "the slow handshake failed"
        for end in self.ends:
            end.close()


def test_others_go_on(pool):
    import tlspool as library

    # A session that was there before, and a ticket of the slow identity itself.
    context = ssl.create_default_context(cafile=str(pool.ca))
    near, far = handshake(library, pool.ca, "slow.example", context=context)
    far.sendall(b"ticket comes along")
    assert near.recv(100)
    ticket = near.session
    behind = Behind(library, pool)
    handshakes = 0
    # As many full handshakes of the fast token as fit beside one slow signature: at least five.
    for _ in range(5):
        one, other = handshake(library, pool.ca, "fast.example")
        one.sendall(b"x")
        assert other.recv(10) == b"x"
        one.close()
        other.close()
        handshakes += 1
    assert behind.goes_on(), "the slow token was not slower than five handshakes: nothing was shown"
    one, other = handshake(library, pool.ca, "slow.example", session=ticket, context=context)
    assert one.session_reused and other.session.resumed
    near.sendall(b"open session")
    assert far.recv(100) == b"open session"
    assert pool.status()["handshakes"] == 1
    assert behind.goes_on(), "a resumed handshake or an open session waited for the slow token"
    for end in (one, other, near, far):
        end.close()
    behind.finish()


def test_one_that_gives_up_waiting_is_told_so(pool):
    """The deadline passes while the token signs: a clear error, and the late signature harms nobody."""
    import tlspool as library
    from peers import tcp_pair

    a, b = tcp_pair()

    def client():
        try:
            ssl.create_default_context(cafile=str(pool.ca)).wrap_socket(a, server_hostname="slow.example")
        except OSError:
            pass

    thread = threading.Thread(target=client, daemon=True)
    thread.start()
    with pytest.raises(library.HandshakeTimeout) as late:
        library.wrap_server(b, "slow.example", deadline=0.5)
    assert late.value.reason == "timeout"
    b.close()
    thread.join(PATIENCE)
    near, far = handshake(library, pool.ca, "slow.example")
    near.close()
    far.close()
