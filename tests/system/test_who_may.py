# SPDX-License-Identifier: Apache-2.0
"""Who may use which identity in which role: decided on what the kernel says of the caller. As root the caller
becomes another user. An ordinary user can't become anybody else: there the caller stays the same and the rules
name somebody else, which takes the same decision from the other side."""
import os
import shutil
import stat
import sys

import pytest
from caller import ROOT, STRANGER, allowed, calls, start
from control import error_of
from pool import eventually

NOBODY_ELSE = 64399  # neither user nor group of anybody here
UID, GID = STRANGER["uid"], STRANGER["gid"]


def rule(**conditions):
    lines = "\n".join(f"{key} = {value}" for key, value in conditions.items())
    return f"[[allow]]\n{lines}\n"


def words(*names):
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


@pytest.fixture
def ruled(make_pool):
    """ruled(rules) gives a running pool with two identities."""

    def make(rules):
        pool = make_pool(extra=rules)
        pool.identity("second.example")
        return pool.start()

    return make


def may(pool, *starts, **who):
    return [allowed(answer) for answer in calls(pool.socket, *starts, **{**STRANGER, **who})]


def test_by_default_owner_and_group_only(ruled):
    pool = ruled("")
    own = start("pool.example")
    owner, owners_group = os.geteuid(), os.getegid()
    assert [allowed(a) for a in calls(pool.socket, own)] == [True]
    if ROOT:
        answer, none, listed, unsaid, client = calls(pool.socket, own, start("nobody.example"),
                                                     ("io.tlspool.Pool.ListIdentities", {}),
                                                     (*start(deadlineMs=5000), "pool.example"), start(role="client"), **STRANGER)
        assert error_of(answer) == error_of(none) == error_of(client) == "IdentityRefused"
        # There is one, or there is none: the answers are alike.
        assert answer["parameters"]["message"] == none["parameters"]["message"]
        assert listed["parameters"]["identities"] == []
        # Neither does the name that a peer asks for open an identity to a program that may not use it.
        assert error_of(unsaid) == "HandshakeFailed" and unsaid["parameters"]["reason"] == "policy", unsaid
        assert may(pool, own, gid=owners_group) == [True]
        assert may(pool, own, groups=[NOBODY_ELSE, owners_group]) == [True]
        assert pool.wait_for("identity.refused", uid=str(UID))["identity"] == "pool.example"
    assert os.stat(pool.directory).st_uid == owner


@pytest.mark.parametrize("ids,expected", (([UID], True), ([NOBODY_ELSE], False), ([NOBODY_ELSE, UID], True)))
def test_by_uid(ruled, ids, expected):
    assert may(ruled(rule(uid=ids, identity=words("*"))), start("pool.example")) == [expected]


@pytest.mark.parametrize("ids,expected", (([GID], True), ([NOBODY_ELSE], False), ([NOBODY_ELSE, GID], True)))
def test_by_primary_group(ruled, ids, expected):
    assert may(ruled(rule(gid=ids, identity=words("*"))), start("pool.example")) == [expected]


def test_by_supplementary_group(ruled):
    group = (STRANGER["groups"] or [GID])[-1]
    assert may(ruled(rule(gid=[group], identity=words("*"))), start("pool.example")) == [True]


def test_every_condition_of_a_rule_must_hold_and_one_rule_is_enough(ruled):
    only_uid = rule(uid=[UID], gid=[NOBODY_ELSE], identity=words("*"))
    only_gid = rule(uid=[NOBODY_ELSE], gid=[GID], identity=words("*"))
    assert may(ruled(only_uid + only_gid), start("pool.example")) == [False]
    assert may(ruled(only_uid + only_gid + rule(uid=[UID], gid=[GID], identity=words("*"))), start("pool.example")) == [True]


def test_rules_replace_the_default(ruled):
    pool = ruled(rule(uid=[NOBODY_ELSE], identity=words("*")))
    assert [allowed(a) for a in calls(pool.socket, start("pool.example"))] == [False]


def test_by_identity_and_role(ruled):
    pool = ruled(rule(uid=[UID], identity=words("second.example"), role=words("server")))
    starts = [start(name, role) for name in ("pool.example", "second.example") for role in ("client", "server")]
    assert may(pool, *starts) == [False, False, False, True]
    # A client that proves nothing needs no identity, but the role.
    assert may(pool, start(role="client")) == [False]
    (listed,) = calls(pool.socket, ("io.tlspool.Pool.ListIdentities", {}), **STRANGER)
    assert [(i["name"], i["roles"]) for i in listed["parameters"]["identities"]] == [("second.example", ["server"])]


@pytest.mark.parametrize("role", ["client", "server"])
def test_one_that_may_become_either_needs_both_roles(ruled, role):
    pool = ruled(rule(uid=[UID], identity=words("second.example"), role=words(role)))
    other = {"client": "server", "server": "client"}[role]

    def peer(**more):
        return start("second.example", "peer", remoteIdentity="peer.example", **more)

    assert may(pool, peer(), peer(remoteRole="peer")) == [False, False]
    assert may(pool, peer(remoteRole=other), peer(remoteRole=role)) == [True, False]
    both = ruled(rule(uid=[UID], identity=words("second.example")))
    assert may(both, peer(), peer(remoteRole=other), peer(remoteRole=role)) == [True, True, True]


def test_what_peers_ask_for_is_looked_at_too(ruled):
    pool = ruled(rule(uid=[UID], identity=words("second.example")))
    ask = start(deadlineMs=10000)
    own, other = calls(pool.socket, (*ask, "second.example"), (*ask, "pool.example"), **STRANGER)
    assert own["parameters"]["session"]["localIdentity"] == "second.example"
    assert error_of(other) == "HandshakeFailed"


def test_by_executable(ruled, place):
    program = place / "permitted-program"
    other = place / "other-program"
    for copy in (program, other):
        if not copy.exists():
            shutil.copy(os.path.realpath(sys.executable), copy)
            copy.chmod(0o755)
    pool = ruled(rule(uid=[UID], executable=words(program), identity=words("*")))
    assert may(pool, start("pool.example"), start(role="client"), program=program) == [True, True]
    assert may(pool, start("pool.example"), program=other) == [False]
    # The list of what a program may use is the same decision.
    listing = ("io.tlspool.Pool.ListIdentities", {})
    (mine,) = calls(pool.socket, listing, program=program, **STRANGER)
    assert sorted(i["name"] for i in mine["parameters"]["identities"]) == ["pool.example", "second.example"]
    (others,) = calls(pool.socket, listing, program=other, **STRANGER)
    assert others["parameters"]["identities"] == []
    # What argv[0] claims is nothing.
    link = place / "linked-program"
    if not link.exists():
        link.symlink_to(other)
    assert may(pool, start("pool.example"), program=link) == [False]
    # The same path, but not the file that runs there any more: the kernel says "(deleted)".
    moved = place / "replaced-program"
    shutil.copy(other, moved)
    assert may(pool, start("pool.example"), program=moved) == [False]


def test_administrators_socket_is_for_the_owner_alone(ruled):
    pool = ruled(rule(uid=[UID], identity=words("*")))
    path = pool.directory / "run" / "admin.sock"
    status = ("io.tlspool.Admin.Status", {})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.stat().st_uid == os.geteuid()
    (own,) = calls(path, status)
    assert own["parameters"]["pool"] == str(pool.directory)
    if ROOT:
        (closed,) = calls(path, status, **STRANGER)
        assert closed == {"error": "PermissionError"}
        # And where the file's mode was spoiled the daemon itself refuses.
        path.chmod(0o666)
        refused = calls(path, status, ("io.tlspool.Admin.EnterPin", {"token": "default"}), ("io.tlspool.Admin.Reload", {}), **STRANGER)
        assert [a["error"] for a in refused] == ["org.varlink.service.PermissionDenied"] * 3


def test_a_session_answers_only_the_program_that_started_it(pool, library):
    """Another process of the same user is told that there is no such session, as if the id were made up."""
    from test_python_module import both
    near, far = both(library)
    with near, far:
        asked = [("io.tlspool.Pool." + method, {"session": near.session.id, **more}) for method, more in (
            ("GetSession", {}), ("ChannelBinding", {}), ("PeerCertificates", {}), ("UpdateKeys", {"requestPeer": False}),
            ("ExportKeyingMaterial", {"label": "EXPORTER-x", "length": 32}))]
        for answer in calls(pool.socket, *asked):
            assert answer == {"error": "io.tlspool.Pool.SessionUnknown", "parameters": {"session": near.session.id}}
        assert near.state().state == "open"


def test_rules_that_change_hold_for_the_next_start(ruled):
    pool = ruled(rule(uid=[UID], identity=words("*")))
    assert may(pool, start("pool.example")) == [True]
    pool.config.write_text(pool.config.read_text().replace(f"uid = [{UID}]", f"uid = [{NOBODY_ELSE}]"))
    pool.tlspool("reload")
    eventually(lambda: may(pool, start("pool.example")) == [False])
