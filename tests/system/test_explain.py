# SPDX-License-Identifier: Apache-2.0
"""`tlspool explain`: which policy applies to a peer, and what every check said."""
import json

import pytest
from pool import BIN, Pool
from talk import OPENSSL_VERSION, Process, s_client, s_server, shown

WEB = "web.example"


@pytest.fixture(scope="module")
def judged(place, pki):
    made = Pool(place / "explain")
    made.identity("p256.example")
    made.trust(pki.ca().cert)
    made.configure('[dns]\ndeadline = 500\n[[policy]]\nservice = "mail"\nremote = ".example"\ntrust = "(chain and name) or dane"\n'
                   '[[policy]]\nremote = "."\ntrust = "not selfsigned and key-strength(112)"\n')
    made.start()
    yield made
    made.remove()


def lines(text):
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.parametrize("version", ["tls12", "tls13"])
def test_a_server_that_is_accepted(judged, pki, version):
    with s_server(pki.leaf(WEB), OPENSSL_VERSION[version]) as server:
        done = judged.tlspool("explain", "--to", WEB, "--connect", f"127.0.0.1:{server.port}", "--service", "mail")
    found = lines(done.stdout)
    where = judged.directory / "tlspool.toml"
    assert found[0].startswith(f"policy at {where}:") and found[0].endswith("for remote .") and done.returncode == 0
    assert "yes not selfsigned and key-strength(112)" in found
    assert "no selfsigned: another key has signed it" in found
    assert any(line.endswith("for remote .example, service mail") for line in found)
    assert "yes name: web.example" in found
    assert found[-1] == "accepted as web.example, verified by: chain"


def test_a_server_that_is_refused_is_asked_everything(judged, pki):
    with s_server(pki.leaf(WEB, sort="self-signed")) as server:
        done = judged.tlspool("explain", "--to", WEB, "--connect", f"127.0.0.1:{server.port}", "--service", "mail", check=False)
    found = lines(done.stdout)
    assert done.returncode == 1
    assert "yes selfsigned" in found and "no not selfsigned" in found
    assert "yes name: web.example" in found  # although the outcome was certain without it
    assert any(line.startswith("no chain: ") for line in found)
    assert f"{WEB}: is refused" in done.stderr


def test_a_chain_in_a_file_needs_no_connection(judged, pki):
    party = pki.leaf(WEB)
    done = judged.tlspool("explain", "--to", f"{WEB}:25", "--chain", party.chain, "--service", "mail", "--json")
    answer = json.loads(done.stdout)
    assert (answer["accepted"], answer["identity"], answer["verifiedBy"], answer["message"]) == (True, WEB, "chain", None)
    assert "(chain and name) or dane" in answer["explanation"]
    wrong = judged.tlspool("explain", "--to", "other.example", "--chain", party.chain, "--service", "mail", check=False)
    assert wrong.returncode == 1 and "no         " in wrong.stdout and "other.example: is refused" in wrong.stderr


def test_a_client_is_judged_as_a_server_would(judged, pki):
    joe = pki.leaf("joe@clients.example", usage="clientAuth")
    with Process(BIN / "tlspool", "--pool", judged.directory, "explain", "--from", "joe@clients.example", "--as", "p256.example",
                 "--listen", "127.0.0.1:0") as explain:
        port = explain.wait_for(r"listening on 127.0.0.1:(\d+)").group(1)
        with s_client(port, "-CAfile", judged.ca, *shown(joe)):
            assert explain.status() == 0
    assert "no [[policy]] applies, so the default does" in explain.text and "yes" in explain.text
    done = judged.tlspool("explain", "--from", "joe@clients.example", "--chain", joe.chain)
    assert done.returncode == 0 and "accepted as joe@clients.example" in done.stdout


def test_what_is_missing_is_said(judged, pki, tmp_path):
    done = judged.tlspool("explain", "--from", WEB, check=False)
    assert done.returncode == 1 and "--listen" in done.stderr and "--chain" in done.stderr
    assert judged.tlspool("explain", check=False).returncode == 2
    assert judged.tlspool("explain", "--to", WEB, "--from", WEB, check=False).returncode == 2
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    done = judged.tlspool("explain", "--to", WEB, "--chain", garbage, check=False)
    assert done.returncode == 1 and "garbage.pem" in done.stderr
    done = judged.tlspool("explain", "--to", WEB, "--chain", tmp_path / "none.pem", check=False)
    assert done.returncode == 1 and "none.pem" in done.stderr
    done = judged.tlspool("explain", "--to", WEB, "--as", "nobody.example", "--chain", pki.leaf(WEB).chain, check=False)
    assert done.returncode == 1 and "may not use the identity" in done.stderr
