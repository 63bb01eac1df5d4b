# SPDX-License-Identifier: Apache-2.0
"""requireSharedKey, and [[peer]] when = "asked": what a program asks for is what it gets."""
import json
import subprocess

import tlspool
from peers import in_thread
from pool import BIN, PATIENCE
from shared_keys import INCOMING, OUTGOING, give, give_both, make_site, make_two_sites, own_identity, psk_client
from talk import OurServer, our_client, refusal, s_client, s_server


def test_a_client_without_a_peer_is_refused_before_a_byte_is_sent(make_pool, pki):
    pool = make_site(make_pool)
    with s_server(pki.leaf("web.example")) as server:
        failed = refusal(tlspool, server.port, "web.example", pool=pool.directory, require_shared_key=True)
    assert failed.reason == "sharedKey" and failed.socket_usable
    assert "web.example" in str(failed) and "[[peer]]" in str(failed)


def test_without_a_key_left_the_error_says_which_store(make_pool, pki):
    pool = make_site(make_pool)
    with s_server(pki.leaf("b.example")) as server:
        failed = refusal(tlspool, server.port, "b.example", pool=pool.directory)
    assert failed.reason == "sharedKey" and failed.socket_usable
    assert "hsm.b.example" in str(failed) and "tlspool qkd fetch" in str(failed)


def test_asked_keys_are_for_those_that_ask(make_pool):
    a, b = make_two_sites(make_pool, 'when = "asked"')
    a.trust(b.ca)
    a.restart()
    give_both(a, b, OUTGOING)
    for asks in (False, True):
        with OurServer(tlspool, "b.example", pool=b.directory) as server:
            with our_client(tlspool, server.port, "b.example", pool=a.directory, require_shared_key=asks) as client, server.plain():
                assert (client.session.shared_key is not None) == asks
                assert client.session.verified_by == ("sharedKey" if asks else "chain")


def test_a_server_that_requires_one_serves_nobody_else(make_pool):
    pool = make_site(make_pool)
    key = give(pool, INCOMING)[INCOMING]
    with OurServer(tlspool, "a.example", pool=pool.directory, require_shared_key=True) as server, s_client(server.port):
        failed = server.failure()
    assert failed.reason == "sharedKey" and "offered none" in str(failed)
    with OurServer(tlspool, "a.example", pool=pool.directory, require_shared_key=True) as server:
        with psk_client(server.port, INCOMING, key, version="-tls1_3"):
            failed = server.failure()  # of the other hash
            assert failed.reason == "sharedKey" and "different hashes" in str(failed), str(failed)


def test_a_server_that_expects_a_peer_accepts_its_keys_alone(make_pool):
    pool = make_site(make_pool)
    with OurServer(tlspool, "a.example", pool=pool.directory, remote_identity="b.example") as server, s_client(server.port):
        failed = server.failure()
    assert failed.reason == "sharedKey"


def test_the_connect_command_says_which_key(make_pool):
    a, b = make_two_sites(make_pool)
    give_both(a, b, 2, 4)

    def serve(server):
        with server.plain() as plain:
            plain.sendall(b"welcome\n")

    for words in ([], ["--json"]):
        with OurServer(tlspool, pool=b.directory) as server, in_thread(serve, server):
            done = subprocess.run([str(BIN / "tlspool"), "--pool", str(a.directory), "connect", f"127.0.0.1:{server.port}", "--expect", "b.example",
                                   "--shared-key", *words], capture_output=True, text=True, timeout=PATIENCE, check=True, stdin=subprocess.DEVNULL)
        assert done.stdout == "welcome\n"
        if words:
            key = json.loads(done.stderr)["sharedKey"]
            assert (key["store"], key["forwardSecrecy"], key["keysLeft"]) == ("hsm.b.example", True, 0)
        else:
            assert "of hsm.b.example, 1 left" in done.stderr
    assert own_identity(2).endswith("id=2")
    with OurServer(tlspool, pool=b.directory) as server:
        done = subprocess.run([str(BIN / "tlspool"), "--pool", str(a.directory), "connect", f"127.0.0.1:{server.port}", "--expect", "b.example",
                               "--shared-key"], capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
        assert done.returncode == 1 and "hsm.b.example" in done.stderr
        server.failure()
