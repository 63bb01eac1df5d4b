# SPDX-License-Identifier: Apache-2.0
"""What the kernel says of the pool's running processes: the walls around each are up. (Landlock can't be read
from outside; tests/unit/base/sandbox_test.cc runs into it.)"""
import os
import pwd
import re

import pytest
from caller import ROOT
from peers import in_thread, tcp_pair
from test_python_module import both

KINDS = ("keeper", "judge", "worker")


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def network_sockets():
    """Inodes of every socket that can reach a network."""
    inodes = set()
    for table in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6", "icmp", "icmp6", "udplite", "udplite6"):
        path = f"/proc/net/{table}"
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                inodes |= {line.split()[9] for line in file.readlines()[1:]}
    for table in ("packet", "netlink"):
        path = f"/proc/net/{table}"
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                inodes |= {line.split()[-1 if table == "packet" else 9] for line in file.readlines()[1:]}
    return inodes


def networked(pool, pid):
    return {link for link in (pool.open_files(pid) or {}).values() if (m := re.match(r"socket:\[(\d+)\]", link)) and m[1] in network_sockets()}


@pytest.fixture
def busy(pool, library):
    """The pool while a session is open."""
    near, far = both(library)
    with near, far:
        yield pool


@pytest.mark.parametrize("kind", KINDS)
def test_seccomp_no_new_privileges_and_no_capabilities(busy, kind):
    pids = busy.pids(kind)
    assert pids
    for pid in pids:
        status = status_of(pid)
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        if ROOT:
            for kind_of_set in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                assert int(status[kind_of_set], 16) == 0, kind_of_set


@pytest.mark.parametrize("kind", KINDS)
def test_no_dump_and_no_look_into_its_memory(busy, kind):
    for pid in busy.pids(kind):
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            core = next(line for line in file if line.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"]
        # The files of a process that is not dumpable belong to root, whoever runs it (proc(5)).
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0
        if not ROOT:
            with pytest.raises(PermissionError):
                open(f"/proc/{pid}/mem", "rb").close()


def test_the_supervisor_is_not_dumpable_either(busy):
    pid = busy.process.pid
    assert status_of(pid)["NoNewPrivs"] == "1"
    assert os.stat(f"/proc/{pid}/mem").st_uid == 0


@pytest.mark.parametrize("kind", KINDS)
def test_users(busy, kind):
    """As root each kind is a user of its own; else all are the one who started it."""
    own = pwd.getpwnam(f"tlspool-{kind}") if ROOT else None
    uid, gid = (own.pw_uid, own.pw_gid) if ROOT else (os.geteuid(), os.getegid())
    for pid in busy.pids(kind):
        status = status_of(pid)
        assert status["Uid"].split() == [str(uid)] * 4
        assert status["Gid"].split() == [str(gid)] * 4
        if ROOT:
            assert status["Groups"].split() == []


def test_users_differ(busy):
    uids = {kind: {status_of(pid)["Uid"] for pid in busy.pids(kind)} for kind in KINDS}
    assert len(set.union(*uids.values())) == (3 if ROOT else 1)


def test_the_worker_has_no_file(busy):
    """Sockets, and what an event loop is made of. Nothing that was opened by a path but /dev/null."""
    allowed = re.compile(r"socket:\[\d+\]|pipe:\[\d+\]|anon_inode:\[(eventpoll|eventfd)\]|/dev/null")
    for pid in busy.pids("worker"):
        links = busy.open_files(pid)
        if links is None:
            continue
        # 2 is the log, which whoever starts tlspoold chose.
        assert not [link for fd, link in links.items() if fd != "2" and not allowed.fullmatch(link)]
        assert os.readlink(f"/proc/{pid}/cwd") == "/"


@pytest.mark.parametrize("kind", ("keeper", "judge"))
def test_keeper_and_judge_have_no_network_socket(busy, kind):
    for pid in busy.pids(kind):
        assert networked(busy, pid) == set()


def test_the_worker_has_one_where_a_session_is(busy):
    """The counter-check: this is how a network socket would show, to root."""
    assert not ROOT or set.union(*(networked(busy, pid) for pid in busy.pids("worker")))


def test_only_the_keeper_maps_the_token(busy):
    def maps(pid):
        with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
            return file.read()

    if not ROOT:
        # Not even their own user may look at these processes' memory maps.
        for kind in KINDS:
            with pytest.raises(PermissionError):
                maps(busy.pids(kind)[0])
        return
    text = {kind: "".join(maps(pid) for pid in busy.pids(kind)) for kind in KINDS}
    assert "softhsm" in text["keeper"]
    assert "softhsm" not in text["worker"] + text["judge"] + maps(busy.process.pid)


def test_the_keepers_directory_is_closed_to_the_others(busy):
    info = (busy.directory / "keeper").stat()
    assert info.st_mode & 0o777 == 0o700
    if ROOT:
        assert info.st_uid == pwd.getpwnam("tlspool-keeper").pw_uid
    assert (busy.directory / "keeper" / "pin").stat().st_mode & 0o777 == 0o600


def test_a_failed_handshake_loosens_nothing(pool, library):
    a, b = tcp_pair()
    with in_thread(lambda: b.sendall(b"no TLS here\r\n" * 10)):
        with pytest.raises(library.HandshakeFailed):
            library.wrap_client(a, "p256.example")
    a.close()
    b.close()
    for kind in KINDS:
        for pid in pool.pids(kind):
            assert status_of(pid)["Seccomp"] == "2"
