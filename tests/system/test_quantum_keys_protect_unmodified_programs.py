# SPDX-License-Identifier: Apache-2.0
"""The diagram of "TLS and QKD", whole: two sites with a pool and a token each, filled by key management entities over
a simulated link; a client and a server program that know nothing of TLS; the key that protected them gone from both
tokens afterwards."""
import re

import pytest
from peers import connect
from pool import eventually
from sites import Serve, make_sites, token_objects
from tunnels import Echo, Relay, Tunnel


# The document's flow: TLS 1.2, a plain PSK, the server's hint and the client's identity in clear. Then today's.
FLOWS = {
    "document": 'version = "1.2"\nexchange = "none"\nforward_secrecy = false\n',
    "tls12-dhe": 'version = "1.2"\n',
    "tls13": "",
}


@pytest.mark.parametrize("flow", FLOWS)
def test_keys_from_the_link_protect_a_connection(make_pool, keep, flow):
    a, b = make_sites(make_pool, FLOWS[flow])
    keep(Serve(a, b, keys=8))
    fetched = a.tlspool("qkd", "fetch", "b.example", "--count", 8).stdout
    ids = fetched.split()
    assert len(ids) == 8 and all(re.fullmatch(r"[0-9a-f-]{36}", i) for i in ids), fetched
    b.tlspool("qkd", "fetch", "a.example", "--ids", "-", stdin=fetched)
    before = []

    def same_keys():
        before[:] = sorted(token_objects(a)), sorted(token_objects(b))
        return [i for _, i in before[0]] == [i for _, i in before[1]]

    # SoftHSM leaves out of a list what another process is writing.
    eventually(same_keys, message=lambda: str(before))
    assert {label for label, _ in before[0]} == {"hsm.b.example"}
    assert {label for label, _ in before[1]} == {"hsm.a.example"}

    echo = keep(Echo())
    server = keep(Tunnel(b, "--side", "tls-in", "--as", "b.example", "--expect", "a.example", "--connect", f"127.0.0.1:{echo.port}"))
    relay = keep(Relay(server.port))
    client = keep(Tunnel(a, "--side", "tls-out", "--as", "a.example", "--expect", "b.example", "--connect", f"127.0.0.1:{relay.port}"))
    with connect(client.port) as program:
        program.sendall(b"what only the other site may read")
        assert program.recv(1000) == b"what only the other site may read"
    assert b"what only" not in relay.seen

    for pool, peer in ((a, "b.example"), (b, "a.example")):
        assert pool.wait_for("session.started", remote=peer)["verified"] == "sharedKey"
    identity = re.search(rb"pkcs:object=hsm\.a\.example;id=(\d+)", relay.seen)
    assert identity, "the identity travels in clear, in every version"
    used = int(identity[1])
    assert used in {i for _, i in before[0]}
    if flow != "tls13":
        assert relay.seen.index(b"hsm.b.example") < identity.start(), "the hint comes first"
    left = {i for _, i in before[0]} - {used}
    eventually(lambda: {i for _, i in token_objects(a)} == left)
    eventually(lambda: {i for _, i in token_objects(b)} == left)
