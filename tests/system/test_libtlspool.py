# SPDX-License-Identifier: Apache-2.0
"""libtlspool from a C program that was built with its pkg-config file, against a real pool."""
import os
import subprocess

import pytest
from c_program import build
from peers import s_server
from pool import BUILD, PATIENCE


@pytest.fixture(scope="module")
def program(place):
    return build(place, "libtlspool_client.c")


def run(program, pool, port, name, form):
    return subprocess.run([str(program), str(pool.directory), str(port), name, form], capture_output=True, text=True,
                          timeout=PATIENCE, env=dict(os.environ, LD_LIBRARY_PATH=str(BUILD / "lib")))


@pytest.mark.parametrize("form", ["wait", "loop"])
def test_client_gets_a_plain_descriptor_and_the_facts(program, pool, pki, form):
    with s_server(pki.leaf("web.example")) as server:
        done = run(program, pool, server.port, "web.example", form)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[0] == "remote=web.example verified=chain version=2 text=gnip"
    assert done.stdout.splitlines()[-1] == "state=0 sent=5"


@pytest.mark.parametrize("form", ["wait", "loop"])
def test_wrong_name_is_refused(program, pool, pki, form):
    with s_server(pki.leaf("web.example")) as server:
        done = run(program, pool, server.port, "other.example", form)
    assert done.returncode == 1
    assert "usable=0 check=name" in done.stdout
