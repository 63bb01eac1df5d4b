# SPDX-License-Identifier: Apache-2.0
"""`tlspool qkd serve`: two key management entities over two pools' tokens, talked to by curl and by Python."""
import contextlib
import json
import socket
import subprocess

import pytest
from peers import client_context, connect
from pool import PATIENCE, eventually
from sae import ask, certificate, session
from sites import Serve, make_sites, token_objects

LINKS = r"link-.*"
UNKNOWN = {"message": "one or more keys specified are not found on KME"}


@pytest.fixture
def sites(make_pool, pki):
    """Both trust the test CA, which certifies the SAEs sae-a.example and sae-b.example."""
    pair = make_sites(make_pool)
    for pool in pair:
        pool.trust(pki.ca().cert)
        pool.restart()
    return pair


@pytest.fixture
def serving(sites):
    """serving(words...) starts the entities."""
    with contextlib.ExitStack() as stack:
        def start(*words, keys=8):
            serve = Serve(*sites, *words, keys=keys)
            stack.callback(serve.close)
            return serve
        yield start


@pytest.fixture
def saes(sites, pki, serving):
    """Connections of sae-a.example and sae-b.example to their entities."""
    a, b = sites
    with contextlib.ExitStack() as stack:
        def open_both(*words, keys=8):
            serving(*words, keys=keys)
            return [stack.enter_context(session(pool, pool.kme_port, f"kme-{x}.example", pki.leaf(f"sae-{x}.example", usage="clientAuth")))
                    for pool, x in ((a, "a"), (b, "b"))]
        yield open_both


def values(pool, label):
    """id -> value of each key under the label, read with a foreign program."""
    pin = (pool.directory / "keeper" / "pin").read_text().strip()
    found = {}
    for _, number in token_objects(pool, label):
        done = subprocess.run(["pkcs11-tool", "--module", "/usr/lib/softhsm/libsofthsm2.so", "--token-label", "tlspool", "--login",
                               "--pin", pin, "--read-object", "--type", "secrkey", "--id", f"{number:032x}"],
                              capture_output=True, timeout=PATIENCE, cwd=pool.directory / "keeper",
                              env=dict(pool.environment, SOFTHSM2_CONF="softhsm2.conf"), check=True)
        found[number] = done.stdout
    return found


def numbers(answer):
    return {int(key["key_ID"].replace("-", ""), 16) for key in answer["keys"]}


def test_both_stores_hold_the_same_keys_until_they_are_delivered(sites, saes):
    a, b = sites
    one, other = saes(keys=4)
    stored = values(a, LINKS)
    assert len(stored) == 4 and all(len(value) == 32 for value in stored.values())
    assert stored == values(b, LINKS)
    status, mine = ask(one, "GET", "sae-b.example/enc_keys")
    assert status == 200
    [key] = numbers(mine)
    assert key in stored
    assert key not in {number for _, number in token_objects(a, LINKS)}, "delivered to the master: gone from the first token"
    assert key in {number for _, number in token_objects(b, LINKS)}
    ids = {"key_IDs": [{"key_ID": k["key_ID"]} for k in mine["keys"]]}
    assert ask(other, "POST", "sae-a.example/dec_keys", ids) == (200, mine)
    assert key not in {number for _, number in token_objects(b, LINKS)}, "and from the second"
    assert ask(other, "POST", "sae-a.example/dec_keys", ids) == (400, UNKNOWN)


def test_curl_with_a_client_certificate(sites, pki, serving):
    a, _ = sites
    serving("--sae", "curl.example")
    party = pki.leaf("curl.example", usage="clientAuth")

    def curl(path, *options):
        return subprocess.run(["curl", "--silent", "--show-error", "--max-time", "20", "--noproxy", "*", "--cacert", a.ca, "--resolve",
                               f"kme-a.example:{a.kme_port}:127.0.0.1", *options, f"https://kme-a.example:{a.kme_port}/api/v1/keys/{path}"],
                              capture_output=True, text=True, timeout=PATIENCE)

    me = ("--cert", party.chain, "--key", party.key)
    status = json.loads(curl("sae-b.example/status", *me).stdout)
    assert status["source_KME_ID"] == "kme-a" and status["target_KME_ID"] == "kme-b"
    assert status["master_SAE_ID"] == "curl.example" and status["slave_SAE_ID"] == "sae-b.example"
    keys = json.loads(curl("sae-b.example/enc_keys", *me, "--data", '{"number": 2, "size": 512}').stdout)["keys"]
    assert len(keys) == 2 and all(len(key["key"]) == 88 for key in keys)
    assert json.loads(curl("sae-b.example/enc_keys?size=9", *me).stdout) == {"message": "size shall be a multiple of 8"}
    refused = curl("nobody.example/enc_keys", *me, "--write-out", "%{http_code}")
    assert refused.stdout == "401"
    assert curl("sae-b.example/status").stdout == "", "without a certificate there is nothing"


@pytest.mark.parametrize("where, name", [("cn", "the client"), ("dns", "sae.clients.example"), ("uri", "urn:sae:17"), ("serial", "1A:2B")])
def test_sae_ids_from_the_certificate(sites, pki, serving, where, tmp_path, name):
    a, _ = sites
    known = name.replace(" ", "-")
    serve = serving("--sae-from", where, "--sae", known)
    cert, key = certificate(pki, tmp_path / "client", "the-client", "DNS:first.example,DNS:SAE.clients.example,URI:urn:sae:17", "1a2b")
    context = client_context(a.ca)
    context.load_cert_chain(cert, key)
    with context.wrap_socket(connect(a.kme_port), server_hostname="kme-a.example") as link:
        link.sendall(b"GET /api/v1/keys/sae-b.example/status HTTP/1.1\r\nHost: kme-a\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: link.recv(4096), b""))
    shown = "1a2b" if where == "serial" else known
    assert answer.startswith(b"HTTP/1.1 200 ") and f'"master_SAE_ID":"{shown}"'.encode() in answer, (answer, serve.lines)
    # The answer comes first, then its line.
    eventually(lambda: any(f" {shown}: GET /api/v1/keys/sae-b.example/status -> 200" in line for line in serve.lines))


def test_known_certificate_of_an_unknown_sae(sites, pki, serving):
    a, _ = sites
    serve = serving()
    with session(a, a.kme_port, "kme-a.example", pki.leaf("stranger.example", usage="clientAuth")) as link:
        assert ask(link, "GET", "sae-b.example/status") == (401, None)
        assert ask(link, "POST", "sae-b.example/enc_keys", {"number": 1}) == (401, None)
    eventually(lambda: any("unknown SAE stranger.example" in line for line in serve.lines))


def test_silent_and_slow_clients_disturb_nobody(sites, pki, serving):
    a, _ = sites
    serving()
    party = pki.leaf("sae-a.example", usage="clientAuth")
    with contextlib.ExitStack() as stack:
        half = stack.enter_context(session(a, a.kme_port, "kme-a.example", party))
        half.sock.sendall(b"POST /api/v1/keys/sae-b.example/enc_keys HTTP/1.1\r\nContent-Length: 9\r\n\r\n{")
        for _ in range(200):  # more than there are places
            stack.enter_context(socket.create_connection(("127.0.0.1", a.kme_port), timeout=PATIENCE))
        with session(a, a.kme_port, "kme-a.example", party) as link:
            status, keys = ask(link, "GET", "sae-b.example/enc_keys?number=8")
            assert status == 200 and len(keys["keys"]) == 8, "and what was asked for by half took nothing"


def test_second_pool_goes_away_and_comes_back(sites, pki, serving):
    a, b = sites
    serve = serving("--sae", "sae-c.example", keys=4)
    party = pki.leaf("sae-a.example", usage="clientAuth")
    with session(a, a.kme_port, "kme-a.example", party) as link:
        _, far = ask(link, "GET", "sae-b.example/enc_keys")
        b.stop()
        status, near = ask(link, "GET", "sae-c.example/enc_keys")
        assert status == 200, "nothing of the second pool is needed for it"
        assert numbers(near) <= {number for _, number in token_objects(b, LINKS)}
        eventually(lambda: any("kme-b" not in line and "link: " in line for line in serve.lines), message=lambda: "\n".join(serve.lines))
    b.start()
    with session(b, b.kme_port, "kme-b.example", pki.leaf("sae-b.example", usage="clientAuth")) as link:
        assert ask(link, "GET", f"sae-a.example/dec_keys?key_ID={far['keys'][0]['key_ID']}") == (200, far)
    eventually(lambda: not numbers(near) & {number for _, number in token_objects(b, LINKS)}, message="the copy that nobody may fetch")


def test_entities_that_start_again_go_on_with_what_both_stores_have(sites, pki, serving):
    a, b = sites
    first = serving(keys=4)
    with session(a, a.kme_port, "kme-a.example", pki.leaf("sae-a.example", usage="clientAuth")) as link:
        _, mine = ask(link, "GET", "sae-b.example/enc_keys?number=2")
    assert first.close() == 0
    left = {number for _, number in token_objects(a, LINKS)}
    serving(keys=2)
    assert {number for _, number in token_objects(a, LINKS)} >= left - numbers(mine)
    with session(b, b.kme_port, "kme-b.example", pki.leaf("sae-b.example", usage="clientAuth")) as link:
        path = f"sae-a.example/dec_keys?key_ID={mine['keys'][0]['key_ID']}"
        assert ask(link, "GET", path) == (400, UNKNOWN), "who had asked for it is forgotten"
    assert not numbers(mine) & {number for _, number in token_objects(b, LINKS)}


def test_too_few_keys_are_503(saes):
    one, _ = saes("--rate", "1", keys=2)
    status, error = ask(one, "GET", "sae-b.example/enc_keys?number=2")
    while status == 200:
        status, error = ask(one, "GET", "sae-b.example/enc_keys?number=2")
    assert (status, error) == (503, {"message": "not enough keys are stored for this pair of SAEs"})


def test_unfit_stores_are_named(sites):
    a, b = sites
    for old, new, words in (("deliver = true", "deliver = false", "set deliver = true"), ('id = "uuid"', 'id = "number"', 'set id = "uuid"')):
        a.replace(old, new)
        with pytest.raises(AssertionError, match=words):
            Serve(a, b)
        a.replace(new, old)
    with pytest.raises(AssertionError, match="it is named twice"):
        Serve(a, b, "--sae", "sae-b.example")
