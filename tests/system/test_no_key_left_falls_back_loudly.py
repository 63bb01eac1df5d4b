# SPDX-License-Identifier: Apache-2.0
"""exhausted = "certificate": without a key left the certificate rules hold, the log says so, and so do the facts."""
import tlspool
from shared_keys import OUTGOING, give_both, make_two_sites
from talk import OurServer, our_client, read_line, refusal


def test_fall_back(make_pool):
    a, b = make_two_sites(make_pool, 'exhausted = "certificate"')
    a.trust(b.ca)
    a.restart()
    give_both(a, b, OUTGOING)
    for left in (True, False):
        with OurServer(tlspool, "b.example", pool=b.directory) as server, our_client(tlspool, server.port, "b.example", pool=a.directory) as client:
            with server.plain() as served:
                client.sendall(b"hello\n")
                assert read_line(served) == b"hello\n"
                assert (client.session.shared_key is not None, client.session.verified_by) == (left, "sharedKey" if left else "chain")
        assert len(a.events("sharedkey.fallback")) == (0 if left else 1)
    warning = a.wait_for("sharedkey.fallback", peer="b.example", store="hsm.b.example")
    assert warning["level"] == "warning"
    with OurServer(tlspool, "b.example", pool=b.directory) as server:
        failed = refusal(tlspool, server.port, "b.example", pool=a.directory, require_shared_key=True)
        server.failure()
    assert failed.reason == "sharedKey", "who requires a key gets no certificate"
