# SPDX-License-Identifier: Apache-2.0
"""Two C programs that are peers by libtlspool: waiting, in an event loop, and by the short name."""
import os
import subprocess

import pytest
from c_program import build
from peers import tcp_pair
from pool import BUILD, PATIENCE


@pytest.fixture(scope="module")
def program(place):
    return build(place, "libtlspool_peer.c")


def begin(program, pool, own, other, form, sock):
    with sock:
        return subprocess.Popen([str(program), str(pool.directory), own, other, form, str(sock.fileno())], stdout=subprocess.PIPE,
                                text=True, pass_fds=[sock.fileno()], env=dict(os.environ, LD_LIBRARY_PATH=str(BUILD / "lib")))


def both(program, sites, form, expected=("b.example", "a.example")):
    """Exit status and lines of each."""
    running = [begin(program, pool, pool.name, other, form, sock) for pool, other, sock in zip(sites, expected, tcp_pair())]
    return [(process.communicate(timeout=PATIENCE)[0].splitlines(), process.returncode) for process in running]


@pytest.mark.parametrize("form", ["wait", "loop"])
def test_both_are_told_what_they_became(program, sites, form):
    for _ in range(4):
        (one, first), (other, second) = both(program, sites, form)
        assert (first, second) == (0, 0), (one, other)
        facts, rest = zip(*(line.split(" ", 1) for line in (one[0], other[0])))
        assert sorted(facts) == ["role=1", "role=2"]
        assert rest == ("local=a.example remote=b.example", "local=b.example remote=a.example")
        assert (one[1], other[1]) == ("said=b.example", "said=a.example")


def test_the_short_name(program, sites):
    assert both(program, sites, "short") == [(["said=b.example"], 0), (["said=a.example"], 0)]


def test_a_stranger_is_refused(program, sites):
    (one, first), (_, second) = both(program, sites, "wait", expected=("c.example", "a.example"))
    assert first == 1 and "c.example" in one[0] and second != 0
