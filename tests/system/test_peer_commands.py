# SPDX-License-Identifier: Apache-2.0
"""`tlspool connect` as a peer, and as the one that waits for the connection."""
import json
import socket

import pytest
from peer_sites import Side, Waiting, connected
from peers import free_port
from pool import BIN, PATIENCE
from talk import Process, read_line, s_client, shown


def start(pool, *words):
    return Process(BIN / "tlspool", "--pool", pool.directory, "connect", *words)


def port_of(process):
    return int(process.wait_for(r"listening on \S*:(\d+)\n").group(1))


def facts_of(process):
    return json.loads(process.wait_for(r'\{"id".*\}').group())


def peer(own, other):
    return ["--role", "peer", "--as", own, "--expect", other]


def test_two_commands_talk(sites):
    a, b = sites
    with start(b, "--listen", "127.0.0.1:0", *peer("b.example", "a.example")) as waiting:
        with start(a, f"127.0.0.1:{port_of(waiting)}", *peer("a.example", "b.example")) as coming:
            coming.say("question\n")
            waiting.wait_for("question\n")
            waiting.say("answer\n")
            coming.wait_for("answer\n")
            coming.end_input()
            waiting.end_input()
            assert (coming.status(), waiting.status()) == (0, 0), coming.text + waiting.text


def test_what_was_proved_is_told_with_the_role(sites):
    a, b = sites
    with start(b, "--listen", "127.0.0.1:0", "--json", *peer("b.example", "a.example")) as waiting:
        listening = json.loads(waiting.wait_for(r'\{"listening".*\}').group())["listening"]
        with start(a, listening[0], "--json", *peer("a.example", "b.example")) as coming:
            one, other = facts_of(coming), facts_of(waiting)
            assert {one["role"], other["role"]} == {"client", "server"}
            assert (one["localIdentity"], one["remoteIdentity"]) == ("a.example", "b.example")
            assert (other["localIdentity"], other["remoteIdentity"]) == ("b.example", "a.example")
            coming.end_input()
            waiting.end_input()
            assert (coming.status(), waiting.status()) == (0, 0)


def test_a_command_and_a_program(sites):
    a, b = sites
    with start(b, "--listen", "127.0.0.1:0", *peer("b.example", "a.example")) as waiting:
        with connected(Side(a, b), port_of(waiting)) as plain:
            plain.sendall(b"question\n")
            waiting.wait_for("question\n")
            waiting.say("answer\n")
            assert read_line(plain) == b"answer\n"
            waiting.end_input()
            assert plain.recv(1) == b""
        assert waiting.status() == 0, waiting.text
    with Waiting(Side(b, a)) as ours, start(a, f"127.0.0.1:{ours.port}", *peer("a.example", "b.example")) as coming, ours.plain() as plain:
        coming.say("question\n")
        assert read_line(plain) == b"question\n"


def test_a_delay_lets_a_plain_client_in(sites, pki):
    a, _ = sites
    party = pki.leaf("web.example")
    with start(a, "--listen", "127.0.0.1:0", "--hello-delay", "600000", *peer("a.example", "web.example")) as waiting:
        with s_client(port_of(waiting), "-CAfile", a.ca, *shown(party)) as client:
            client.say("question\n")
            waiting.wait_for("question\n")


def test_a_server_for_one_connection(sites):
    """The role server needs no peer: it is a TLS server on standard input and output."""
    a, _ = sites
    with start(a, "--listen", "127.0.0.1:0", "--role", "server", "--as", "a.example") as waiting:
        with s_client(port_of(waiting), "-CAfile", a.ca, "-verify_return_error", "-verify_hostname", "a.example") as client:
            client.say("question\n")
            waiting.wait_for("question\n")


@pytest.mark.parametrize("role", ["client", "server"])
def test_two_strict_sides_that_know_of_peers_both_hear_why(sites, role):
    a, b = sites
    words = ["--role", role, "--remote-role", "peer", "--as"]
    with start(b, "--listen", "127.0.0.1:0", *words, "b.example", "--expect", "a.example") as waiting:
        with start(a, f"127.0.0.1:{port_of(waiting)}", *words, "a.example", "--expect", "b.example") as coming:
            assert (coming.status(), waiting.status()) == (1, 1)
            for process in (coming, waiting):
                assert f"both sides can be a TLS {role} only" in process.text


@pytest.mark.parametrize("words, told", [
    (["--role", "client", "--remote-role", "client"], "both sides would be TLS clients"),
    (["--role", "server", "--remote-role", "server"], "both sides would be TLS servers"),
    (["--hello-delay", "5"], "--hello-delay"),
])
def test_what_can_not_be_is_told_before_anything_is_connected(sites, words, told):
    done = sites[0].tlspool("connect", f"127.0.0.1:{free_port()}", *words, check=False)
    assert done.returncode == 1 and told in done.stderr and "refused" not in done.stderr


def test_one_that_waits_must_say_for_whom(sites):
    done = sites[0].tlspool("connect", "--listen", "127.0.0.1:0", "--role", "peer", "--as", "a.example", check=False)
    assert done.returncode == 1 and "--expect" in done.stderr and "listening" not in done.stderr


@pytest.mark.parametrize("words", [[], ["127.0.0.1:1", "--listen", "127.0.0.1:2"], ["127.0.0.1:1", "--role", "both"],
                                   ["127.0.0.1:1", "--role", "peer", "--hello-delay", "600001"]])
def test_words_that_make_no_command(sites, words):
    assert sites[0].tlspool("connect", *words, check=False).returncode == 2


def test_one_connection_and_no_more(sites):
    a, b = sites
    with start(b, "--listen", "127.0.0.1:0", *peer("b.example", "a.example")) as waiting:
        port = port_of(waiting)
        with connected(Side(a, b), port):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
