# SPDX-License-Identifier: Apache-2.0
"""[[disclosure]] where TLS shows an identity before the other side has proved one: shared keys, and peers that become server."""
import secrets
import shutil
import threading

import pytest
from agent import ByProgram, Home
from kex import make_people
from peer_sites import Side, joined, make_peers, outcomes, sides
from shared_keys import lasting, make_two_sites
from talk import OurServer, our_client, read_line
from test_disclosure_by_agent import NO, YES

A, B = "a.example", "b.example"
VERSIONS = {"1.3": 'version = "1.3"', "1.2": 'version = "1.2"'}


@pytest.fixture
def home(place):
    made = Home(place / f"home-{secrets.token_hex(8)}")
    yield made
    shutil.rmtree(made.directory, ignore_errors=True)


def rule(show, **keys):
    return "[[disclosure]]\n" + "".join(f'{key} = "{value}"\n' for key, value in keys.items()) + f'show = "{show}"\n'


def with_rules(pools, *rules):
    """The first pool has these rules from now on."""
    pools[0].configure("".join(rules))
    pools[0].tlspool("reload")
    return pools


# --- shared keys ---

@pytest.fixture(params=VERSIONS)
def key_sites(make_pool, request):
    pools = make_two_sites(make_pool, VERSIONS[request.param] + '\nsource = "psk"\npsk = "office"')
    key = secrets.token_hex(32)
    for pool in pools:
        lasting(pool, "office", key)
    return pools


def by_key(pools):
    """What a client of the first site gets from a server of the second, protected by their key."""
    return outcomes(Side(*pools, role="client", local_identity=None), Side(*pools[::-1], role="server"))


def test_a_shared_key_that_may_not_be_named_is_not(key_sites):
    pools = with_rules(key_sites, rule("no", remote=B))
    near, far = by_key(pools)
    assert (near.reason, near.socket_usable) == ("sharedKey", True)
    assert f"our shared key was not shown to {B} by [[disclosure]] " in str(near) and "which says no" in str(near)
    assert far.reason == "transport", "not a byte has come"


def test_a_user_is_asked_before_a_key_is_named(key_sites, home):
    pools = with_rules(key_sites, rule("ask", remote=B))
    near, far = by_key(pools)
    assert "no agent of user" in str(near)
    with ByProgram(pools[0], home, YES) as agent:
        near, far = by_key(pools)
        with near, far:
            assert near.session.verified_by == far.session.verified_by == "sharedKey"
        (question,) = agent.questions()
        assert (question["localIdentity"], question["remoteIdentity"], question["proved"]) == ("", B, False)
        agent.status(NO)
        near, far = by_key(pools)
        assert "the agent said no" in str(near)


def test_an_agent_that_is_killed_ends_the_wait_for_a_key(key_sites, home):
    pools = with_rules(key_sites, rule("ask", remote=B))
    with ByProgram(pools[0], home) as agent:
        killer = threading.Thread(target=lambda: (agent.wait_for_question(), agent.kill()))
        killer.start()
        near, _ = by_key(pools)
        killer.join()
        assert "the agent went away before it had answered" in str(near)


# --- peers ---

def as_role(pools, role):
    """Both as peers, the first of which becomes client or server; sides() and who hears the other's hello first."""
    one, other = sides(pools)
    (one if role == "server" else other).options["hello_delay"] = 600
    return one, other


@pytest.fixture
def pair(make_pool):
    return make_peers(make_pool)


def test_a_peer_that_may_not_be_shown_fails_in_either_role(pair):
    pools = with_rules(pair, rule("no", local=A, remote=B))
    near, far = outcomes(*as_role(pools, "server"))
    assert (near.reason, near.alert_sent) == ("policy", "unrecognized_name")
    assert f"{A} was not shown to {B} by [[disclosure]] " in str(near)
    near, far = outcomes(*as_role(pools, "client"))
    assert (far.reason, far.check) == ("certificate", "chain"), "it was sent no certificate"


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_peer_is_asked_in_either_role(pair, home, role):
    pools = with_rules(pair, rule("ask", local=A))
    with ByProgram(pools[0], home, YES) as agent:
        with joined(*as_role(pools, role)) as (near, far):
            assert near.session.role == role and (near.session.local_identity, far.session.remote_identity) == (A, A)
        (question,) = agent.questions()
        assert (question["localIdentity"], question["remoteIdentity"], question["role"]) == (A, B, role)
        assert question["proved"] == (role == "client"), "a server shows itself first"


def test_a_plain_server_is_not_stopped_by_a_rule_for_clients_and_peers(pair, monkeypatch):
    pools = with_rules(pair, rule("no"))
    monkeypatch.setenv("TLSPOOL_DIR", str(pools[0].directory))
    import tlspool

    with OurServer(tlspool, A) as server, our_client(tlspool, server.port, A, pool=pools[1].directory) as client, server.plain() as plain:
        plain.sendall(b"hello\n")
        assert read_line(client) == b"hello\n"


def test_a_key_exchange_says_which_rule_is_in_its_way(make_pool):
    a, b = make_people(make_pool)
    a.pool.configure(rule("no", local=A))
    a.pool.tlspool("reload")
    message = b.reply(a.start()).stdout
    assert f"{A} was not shown to {B} by [[disclosure]] " in a.refused("reply", stdin=message)
    assert f"{A} was not shown to {B} by [[disclosure]] " in a.refused("reply", "--with", B, stdin=b.start())
