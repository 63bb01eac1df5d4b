# SPDX-License-Identifier: Apache-2.0
"""A token that vanishes while its keys are wanted: the error names token and store, no key is used twice, and what is
left serves when the token is back."""
import tlspool
from misbehaving import use_shim
from pool import eventually
from shared_keys import INCOMING, OUTGOING, give_both, make_site
from talk import OurServer, our_client, refusal

OWN, OTHER = "hsm.a.example", "hsm.b.example"


def sites(make_pool, place, broken):
    """Sites a and b, of which `broken` has the misbehaving token."""
    a = make_site(make_pool, start=False)
    b = make_site(make_pool, start=False, name="b.example", own=OTHER, other="a.example", store=OWN)
    use_shim(a if broken == "a" else b, place)
    for pool in (a, b):
        pool.replace("shared = false", "shared = true")  # so that a claim is not made without the token
    return a.start(), b.start()


def connect(a, b):
    with OurServer(tlspool, pool=b.directory) as server, our_client(tlspool, server.port, "b.example", pool=a.directory) as near:
        with server.plain():
            return int(near.session.shared_key.key_id)


def test_of_the_client(make_pool, place):
    a, b = sites(make_pool, place, "a")
    give_both(a, b, OUTGOING, OUTGOING + 2, OUTGOING + 4)
    assert connect(a, b) == OUTGOING
    fail = a.directory / "keeper" / "fail"
    fail.touch()
    eventually(lambda: "CKR_" in token_failure(a, b), message=a.text)
    fail.unlink()
    # What was claimed when the token failed is burned; it is reopened 30 s later at the earliest, or at once by a reload.
    used = reconnect(a, b)
    assert used in (OUTGOING + 2, OUTGOING + 4)


def token_failure(a, b):
    with OurServer(tlspool, pool=b.directory) as server:
        failed = refusal(tlspool, server.port, "b.example", pool=a.directory)
        server.failure()
    assert failed.reason == "sharedKey", str(failed)
    return str(failed)


def reconnect(a, b):
    a.restart()
    b.restart()
    return connect(a, b)


def test_of_the_server(make_pool, place):
    a, b = sites(make_pool, place, "b")
    give_both(a, b, OUTGOING, OUTGOING + 2, OUTGOING + 4, OUTGOING + 6, INCOMING)
    assert connect(a, b) == OUTGOING
    fail = b.directory / "keeper" / "fail"
    fail.touch()
    with OurServer(tlspool, pool=b.directory) as server:
        failed = refusal(tlspool, server.port, "b.example", pool=a.directory)
        seen = server.failure()
    assert (seen.reason, failed.reason) == ("sharedKey", "sharedKey"), (str(seen), str(failed))
    assert "default" in str(seen) and OWN in str(seen), str(seen)
    fail.unlink()
    # The client's key is burned on its side, whatever became of the server's: it is never offered again.
    assert reconnect(a, b) == OUTGOING + 4
