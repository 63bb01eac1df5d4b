# SPDX-License-Identifier: Apache-2.0
"""Shared keys in the session cache (TLS 1.2): sessions that are resumed without having been made. Two pools with each
other and openssl(1) as a client, with and without the extended master secret; what fails is slowed down."""
import secrets

import pytest
import tlspool
from pool import eventually
from shared_keys import lasting, make_site, make_two_sites, master_secret, session_file, session_id
from talk import OurServer, Process, our_client, read_line, refusal, s_client, s_server

SUITE = 0xC02B
SESSION = '''use = "session"
source = "psk"
user = "alice"
psk = "alice"
version = "1.2"
suite = "ECDHE-ECDSA-AES128-GCM-SHA256"
'''


def peer(extended):
    return SESSION + f"extended_master_secret = {'true' if extended else 'false'}"


def phantom_file(path, key, extended, user="alice"):
    return session_file(path, 0x0303, SUITE, master_secret(key), session_id(key, user), extended)


@pytest.mark.parametrize("extended", [True, False])
def test_two_pools(make_pool, extended):
    a, b = make_two_sites(make_pool, peer(extended))
    key = secrets.token_hex(32)
    for pool in (a, b):
        lasting(pool, "alice", key)
    for _ in range(2):  # the key lasts
        with OurServer(tlspool, pool=b.directory) as server, our_client(tlspool, server.port, "b.example", pool=a.directory) as client:
            with server.plain() as served:
                client.sendall(b"hello\n")
                assert read_line(served) == b"hello\n"
                for facts, name in ((client.session, "b.example"), (served.session, "a.example")):
                    assert (facts.remote_identity, facts.verified_by, facts.resumed) == (name, "sharedKey", True)
                    assert (facts.version, facts.group, facts.shared_key.forward_secrecy) == ("tls12", None, False)
                    assert (facts.shared_key.store, facts.shared_key.keys_left) == ("alice", None)


@pytest.mark.parametrize("extended", [True, False])
def test_openssl_resumes_what_it_never_made(make_pool, tmp_path, extended):
    pool = make_site(make_pool, peer(extended))
    key = secrets.token_bytes(32)
    lasting(pool, "alice", key.hex())
    with OurServer(tlspool, pool=pool.directory) as server:
        settings = tmp_path / "openssl.cnf"
        settings.write_text(f"""openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = defaults
[defaults]
Options = {"" if extended else "-"}ExtendedMasterSecret
""")
        with Process("env", f"OPENSSL_CONF={settings}", "openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_2", "-sess_in",
                     phantom_file(tmp_path / "s.pem", key, extended)) as client, server.plain() as plain:
            client.say("question\n")
            assert read_line(plain) == b"question\n"
            client.wait_for("Reused, TLSv1.2")
            assert plain.session.remote_identity == "b.example"


def test_a_wrong_secret_is_refused_and_slowed_down(make_pool, tmp_path):
    pool = make_site(make_pool, peer(True))
    key = secrets.token_bytes(32)
    lasting(pool, "alice", key.hex())
    wrong = session_file(tmp_path / "wrong.pem", 0x0303, SUITE, master_secret(b"guess"), session_id(key, "alice"), True)
    def refused():
        with OurServer(tlspool, pool=pool.directory) as server, s_client(server.port, "-tls1_2", "-sess_in", wrong):
            failed = server.failure()
        assert failed.reason == "sharedKey", str(failed)
        return failed

    assert refused().alert_received == "bad_record_mac"
    # The time until the next try doubles with each failure; some guess meets it, be the machine however slow.
    eventually(lambda: refused().alert_received is None)
    right = phantom_file(tmp_path / "right.pem", key, True)

    def resumed():
        with OurServer(tlspool, pool=pool.directory) as server, s_client(server.port, "-tls1_2", "-sess_in", right):
            try:
                with server.plain() as plain:
                    return plain.session.resumed
            except tlspool.HandshakeFailed as still:
                assert still.reason == "sharedKey", str(still)
                return False

    eventually(resumed)


def test_the_client_insists_on_having_resumed(make_pool, pki):
    pool = make_site(make_pool, peer(True))
    lasting(pool, "alice", secrets.token_hex(32))
    pool.trust(pki.ca().cert)
    pool.restart()
    # A server with a good certificate that knows nothing of the session.
    with s_server(pki.leaf("b.example"), "-tls1_2") as server:
        failed = refusal(tlspool, server.port, "b.example", pool=pool.directory)
    assert failed.reason == "sharedKey" and "certificate instead" in str(failed)
