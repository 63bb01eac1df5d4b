# SPDX-License-Identifier: Apache-2.0
"""exhausted = "wait": a connection without a key left goes on when keys come, and fails in time where none do."""
import tlspool
from peers import in_thread
from pool import eventually
from shared_keys import OUTGOING, give, make_two_sites, put
from talk import OurServer, our_client, refusal


def test_a_connection_goes_on_when_keys_come(make_pool):
    a, b = make_two_sites(make_pool, 'exhausted = "wait"\nwait = 60')
    with OurServer(tlspool, pool=b.directory) as server:
        with in_thread(lambda: our_client(tlspool, server.port, "b.example", pool=a.directory)) as waiting:
            eventually(lambda: a.status()["handshakes"] == 1, message=a.text)
            # The server's site has the key before the client can offer it.
            put(a, give(b, OUTGOING, peer="a.example"))
            with waiting.result() as plain, server.plain():
                assert plain.session.shared_key.key_id == str(OUTGOING)


def test_it_fails_in_time_and_says_for_what_it_waited(make_pool):
    a, b = make_two_sites(make_pool, 'exhausted = "wait"\nwait = 1')
    with OurServer(tlspool, pool=b.directory) as server:
        failed = refusal(tlspool, server.port, "b.example", pool=a.directory)
        server.failure()
    assert failed.reason == "sharedKey" and failed.socket_usable
    assert "hsm.b.example" in str(failed) and "qkd fetch b.example" in str(failed), str(failed)
    with OurServer(tlspool, pool=b.directory) as server:
        # The handshake's own deadline ends the wait, too.
        failed = refusal(tlspool, server.port, "b.example", pool=a.directory, deadline=0.5)
        server.failure()
    assert failed.reason in ("sharedKey", "timeout") and "key" in str(failed), str(failed)
