# SPDX-License-Identifier: Apache-2.0
"""A session lives as long as its plain side is open, whoever holds it; its starter alone may ask about it."""
import dataclasses
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from peers import in_thread, tcp_pair
from pool import PATIENCE, eventually
from talk import our_client, read_line, s_server

PYTHON = Path(__file__).resolve().parents[2] / "python"
STARTER = """
import array, json, os, socket, sys
import tlspool
port, far = int(sys.argv[1]), socket.socket(fileno=int(sys.argv[2]))
plain = tlspool.wrap_client(socket.create_connection(("127.0.0.1", port)), "web.example")
facts = {"id": plain.session.id, "state": plain.state().state, "length": len(plain.channel_binding())}
socket.send_fds(far, [json.dumps(facts).encode()], [plain.fileno()])
"""


@pytest.fixture
def inherited(library, pki):
    """(plain socket that an ended process had started, what it said)."""
    with s_server(pki.leaf("web.example")) as server:
        near, far = socket.socketpair()
        starter = subprocess.run([sys.executable, "-c", STARTER, str(server.port), str(far.fileno())], pass_fds=[far.fileno()],
                                 env=dict(os.environ, PYTHONPATH=str(PYTHON)), timeout=PATIENCE, capture_output=True, text=True)
        assert starter.returncode == 0, starter.stderr
        text, descriptors, _, _ = socket.recv_fds(near, 4096, 1)
        near.close()
        far.close()
        with socket.socket(fileno=descriptors[0]) as plain:
            yield plain, json.loads(text)


def test_it_goes_on_in_another_process(inherited, pool):
    plain, facts = inherited
    assert (facts["state"], facts["length"]) == ("open", 32)
    for _ in range(3):
        plain.sendall(b"still alive\n")
        assert read_line(plain) == b"evila llits\n"
    assert facts["id"] in pool.tlspool("sessions", "--json").stdout
    plain.close()
    assert eventually(lambda: facts["id"] not in pool.tlspool("sessions", "--json").stdout)


def test_holder_of_the_descriptor_may_not_ask(inherited, library, pki):
    plain, facts = inherited
    with s_server(pki.leaf("web.example")) as server, our_client(library, server.port, "web.example") as own:
        foreign = dataclasses.replace(own.session, id=facts["id"])
        for question in (foreign.state, foreign.channel_binding, foreign.peer_certificates, foreign.update_keys,
                         lambda: foreign.export_keying_material("EXPORTER-x", 16)):
            with pytest.raises(library.SessionUnknown):
                question()
    plain.sendall(b"unharmed\n")
    assert read_line(plain) == b"demrahnu\n"


QUESTIONS = """
import sys
import tlspool
from tlspool.paths import pool_socket
from tlspool.session import Session
session = Session(sys.argv[1], "client", None, None, (), "none", "tls13", "", None, None, None, False, pool_socket())
for ask in (session.state, session.channel_binding, session.peer_certificates, session.update_keys,
            lambda: session.export_keying_material("EXPORTER-x", 16)):
    try:
        ask()
    except tlspool.SessionUnknown:
        print("unknown")
"""


def ask_elsewhere(session):
    done = subprocess.run([sys.executable, "-c", QUESTIONS, session.id], env=dict(os.environ, PYTHONPATH=str(PYTHON)),
                          timeout=PATIENCE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_another_program_of_the_same_user_may_not_ask(library, pki):
    with s_server(pki.leaf("web.example")) as server, our_client(library, server.port, "web.example") as plain:
        assert ask_elsewhere(plain.session) == ["unknown"] * 5
        assert plain.state().state == "open"
        assert len(plain.channel_binding()) == 32


def test_nor_about_one_that_has_ended(library, pki):
    with s_server(pki.leaf("web.example")) as server:
        plain = our_client(library, server.port, "web.example")
        plain.close()
        assert eventually(lambda: plain.state().state == "local")
        assert ask_elsewhere(plain.session) == ["unknown"] * 5


def test_ended_session_is_unfit_for_all_but_its_state(library, pki):
    with s_server(pki.leaf("web.example")) as server:
        plain = our_client(library, server.port, "web.example")
        plain.close()
        assert eventually(lambda: plain.state().state != "open")
        for question in (plain.channel_binding, plain.peer_certificates, plain.update_keys):
            with pytest.raises(library.SessionUnfit):
                eventually(lambda: question() and False)  # until the pool has ended it


def test_plain_descriptor_of_the_program_is_used_until_it_closes(library):
    a, b = tcp_pair()
    inner, outer = socket.socketpair()
    with in_thread(lambda: library.hand_over(b, inner, "server", local_identity="p256.example")):
        near = library.wrap_client(a, "p256.example")
    with near:
        copy = outer.dup()
        outer.close()  # a copy is still open: the session lives on
        near.sendall(b"to the copy")
        assert copy.recv(100) == b"to the copy"
        copy.close()
        assert near.recv(1) == b""
