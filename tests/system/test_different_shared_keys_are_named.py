# SPDX-License-Identifier: Apache-2.0
"""Two sites that hold different keys under one id: both are told so, and what to do about it."""
import json
import secrets

import pytest
import tlspool
from shared_keys import OUTGOING, make_two_sites, put
from talk import OurServer, refusal


@pytest.mark.parametrize("peer", ['version = "1.3"', 'version = "1.2"', 'version = "1.2"\nexchange = "none"\nforward_secrecy = false'])
def test_different_keys(make_pool, peer):
    a, b = make_two_sites(make_pool, peer)
    put(a, {OUTGOING: secrets.token_hex(32)}, "b.example")
    put(b, {OUTGOING: secrets.token_hex(32)}, "a.example")
    with OurServer(tlspool, pool=b.directory) as server:
        ours = refusal(tlspool, server.port, "b.example", pool=a.directory)
        theirs = server.failure()
    for failed, store, name in ((ours, "hsm.b.example", "b.example"), (theirs, "hsm.a.example", "a.example")):
        assert failed.reason == "sharedKey", str(failed)
        assert store in str(failed) and f"key={OUTGOING}" in str(failed)
        assert "different keys" in str(failed) and f"tlspool qkd audit {name}" in str(failed)
    status = json.loads(b.tlspool("qkd", "status", "--json", check=False).stdout)
    assert status, "the server's key was not consumed"
