# SPDX-License-Identifier: Apache-2.0
"""NSS's own programs, tstclnt and selfserv: an external PSK of TLS 1.3 with SHA-256. Their -z takes no label with a
colon, so the identity is a plain text, and NSS takes the key on its command line: it is a test's."""
import secrets
import subprocess

import pytest
import tlspool
from peers import free_port
from pool import PATIENCE
from shared_keys import lasting, make_site
from talk import OurServer, Process, our_client, read_line

IDENTITY = "site-a-and-b"


def make_pool_with_key(make_pool, role):
    pool = make_site(make_pool, f'''source = "psk"
psk = "office"
identity_form = "text"
identity = "{IDENTITY}"
hash = "sha256"
role = ["{role}"]
''')
    key = secrets.token_hex(32)
    lasting(pool, "office", key)
    return pool, key


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """selfserv does not start without a certificate, which it then does not show."""
    directory = tmp_path_factory.mktemp("nss")
    (directory / "noise").write_bytes(secrets.token_bytes(256))
    for words in (["-N", "--empty-password"],
                  ["-S", "-n", "unused", "-s", "CN=unused.example", "-x", "-t", ",,", "-k", "ec", "-q", "nistp256", "-z", directory / "noise"]):
        subprocess.run(["certutil", "-d", f"sql:{directory}", *map(str, words)], check=True, capture_output=True, timeout=PATIENCE)
    return f"sql:{directory}"


def test_our_server_and_nss(make_pool):
    pool, key = make_pool_with_key(make_pool, "server")
    with OurServer(tlspool, pool=pool.directory) as server:
        with Process("tstclnt", "-h", "127.0.0.1", "-p", server.port, "-D", "-v", "-V", "tls1.3:tls1.3", "-z", f"0x{key}:{IDENTITY}") as client:
            client.say("question\n")
            with server.plain() as plain:
                assert read_line(plain) == b"question\n"
                assert (plain.session.verified_by, plain.session.remote_identity) == ("sharedKey", "b.example")
                assert plain.session.cipher_suite == "TLS_AES_128_GCM_SHA256"
                plain.sendall(b"answer\n")
                client.wait_for("answer")


def test_selfserv_answers_with_a_certificate_and_is_refused(make_pool, database):
    """selfserv of NSS 3.87 reads its -z and shows its certificate all the same, to NSS's own client too: what is never
    to pass for a shared key."""
    pool, key = make_pool_with_key(make_pool, "client")
    port = free_port()
    psk = f"0x{key}:{IDENTITY}"
    with Process("selfserv", "-d", database, "-n", "unused", "-p", port, "-v", "-V", "tls1.3:tls1.3", "-z", psk) as server:
        server.wait_for("About to call accept")
        with Process("tstclnt", "-h", "127.0.0.1", "-p", port, "-D", "-o", "-v", "-V", "tls1.3:tls1.3", "-z", psk) as own_client:
            own_client.wait_for("subject DN: CN=unused.example")
        with pytest.raises(tlspool.HandshakeFailed, match="did not use it|does not use it") as failed:
            our_client(tlspool, port, "b.example", pool=pool.directory)
        assert failed.value.reason == "sharedKey" and "certificate" in str(failed.value)


def test_another_key_is_named(make_pool):
    pool, _ = make_pool_with_key(make_pool, "server")
    with OurServer(tlspool, pool=pool.directory) as server:
        with Process("tstclnt", "-h", "127.0.0.1", "-p", server.port, "-D", "-V", "tls1.3:tls1.3", "-z",
                     f"0x{secrets.token_hex(32)}:{IDENTITY}"):
            failed = server.failure()
            assert failed.reason == "sharedKey" and "office" in str(failed) and "key" in str(failed)
