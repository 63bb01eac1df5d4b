# SPDX-License-Identifier: Apache-2.0
"""[[disclosure]] with show = "ask": the user's agent is asked in the middle of the handshake, may remember, and may fail."""
import contextlib
import os
import shutil
import signal
import subprocess
from functools import partial

import pytest
from agent import READY, AtTerminal, ByProgram, Home, command
from caller import ROOT, STRANGER, calls
from control import Control, error_of
from peers import connect, in_thread
from pool import BIN, PATIENCE, Pool
from talk import VERSIONS, our_client, s_server
from test_disclosure_by_rules import JOE, WEB, proofs_seen, visit, wanting

# The program's answers.
YES, NO, SESSION, ALWAYS, NEVER = range(5)

RULES = f"""
[[disclosure]]
local = "{JOE}"
show = "ask"
[[disclosure]]
local = "{JOE}"
service = "offered"
show = "ask"
offer = true
"""


@pytest.fixture(scope="module")
def asking(place, pki):
    """One worker, so that each agent's questions have an order."""
    made = Pool(place / "disclosure-agent", name="pool.example")
    made.identity(JOE)
    made.configure(RULES)
    made.trust(pki.ca().cert)
    uids = f"{os.geteuid()}, {STRANGER['uid']}" if ROOT else str(os.geteuid())
    made.configure(f'[[allow]]\nuid = [{uids}]\nidentity = ["{JOE}"]\nrole = ["client"]\n')
    made.config.write_text(made.config.read_text().replace("workers = 0", "workers = 1"))
    made.start()
    yield made
    made.remove()


@pytest.fixture
def lib(asking, library_of):
    return library_of(asking)


@pytest.fixture
def home(place, request):
    made = Home(place / f"home-{request.node.name.replace('/', '-')[:60]}-{os.getpid()}")
    yield made
    shutil.rmtree(made.directory, ignore_errors=True)


@pytest.fixture
def server(asking, pki):
    with wanting(pki, asking, "tls13") as running:
        yield running


def shown(lib, server, **options):
    facts = visit(lib, server, **{"local_identity": JOE, **options})
    assert facts.local_identity in (None, JOE)
    assert (facts.local_identity is None) == (facts.not_shown is not None)
    return facts.local_identity is not None


@pytest.mark.parametrize("version", VERSIONS)
def test_yes_is_for_one_connection(lib, asking, home, pki, version):
    with wanting(pki, asking, version) as server, ByProgram(asking, home, YES) as agent:
        for count in (1, 2):
            facts = visit(lib, server, local_identity=JOE, service="mail")
            assert (facts.local_identity, facts.resumed, facts.not_shown) == (JOE, False, None)
            question = agent.wait_for_question(count)
        assert proofs_seen(server) == 2
    assert (question["localIdentity"], question["remoteIdentity"], question["proved"], question["service"], question["role"]) == \
        (JOE, WEB, True, "mail", "client")
    assert question["pid"] == os.getpid() and str(os.getpid()) in question["program"]
    assert "tlspool.toml:" in question["rule"] and 0 < question["patienceMs"] <= PATIENCE * 1000
    assert home.remembered() == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("status", [NO, 7])
def test_no_is_a_connection_without(lib, asking, home, pki, version, status):
    with wanting(pki, asking, version) as server, ByProgram(asking, home, status) as agent:
        facts = visit(lib, server, local_identity=JOE)
        assert facts.local_identity is None
        assert facts.not_shown.startswith(f"{JOE} was not shown to {WEB} by [[disclosure]] ")
        assert facts.not_shown.endswith("which says ask, and the agent said no")
        assert not visit(lib, server, local_identity=JOE).resumed
        agent.wait_for_question(2)
        assert proofs_seen(server) == 0


def test_without_an_agent_nothing_is_shown(lib, server):
    facts = visit(lib, server, local_identity=JOE)
    assert facts.local_identity is None
    assert f"no agent of user {os.geteuid()} is there; let `tlspool agent` run" in facts.not_shown


def test_a_server_that_insists_gets_no_connection(lib, asking, pki):
    with wanting(pki, asking, "tls12", must=True) as server:
        with pytest.raises(lib.HandshakeFailed) as failed:
            our_client(lib, server.port, WEB, local_identity=JOE)
        assert "no agent of user" in str(failed.value) and "[[disclosure]]" in str(failed.value)


def test_an_identity_that_is_offered_may_be_asked_for(lib, asking, server, home):
    with ByProgram(asking, home, YES) as agent:
        facts = visit(lib, server, service="offered")
        assert facts.local_identity == JOE
        agent.status(NO)
        facts = visit(lib, server, service="offered")
        assert facts.local_identity is None and JOE in facts.not_shown


def test_for_the_session_is_as_long_as_the_agent_runs(lib, asking, server, home):
    with ByProgram(asking, home, SESSION) as agent:
        assert [shown(lib, server) for _ in range(3)] == [True] * 3
        assert len(agent.questions()) == 1
        assert shown(lib, server, service="other") and len(agent.questions()) == 2, "another service is another question"
    with ByProgram(asking, home, NO) as agent:
        assert not shown(lib, server) and len(agent.questions()) == 1
    assert home.remembered() == []


@pytest.mark.parametrize("status,word", [(ALWAYS, "always"), (NEVER, "never")])
def test_always_and_never_are_remembered(lib, asking, server, home, status, word):
    with ByProgram(asking, home, status) as agent:
        assert [shown(lib, server, service="my mail") for _ in range(2)] == [status == ALWAYS] * 2
        assert len(agent.questions()) == 1
    assert home.remembered() == [f"{word} {JOE} {WEB} my%20mail"]
    assert home.answers.stat().st_mode & 0o777 == 0o600
    with ByProgram(asking, home, NO if status == ALWAYS else YES) as agent:
        assert shown(lib, server, service="my mail") == (status == ALWAYS)
        assert agent.questions() == []
        home.answers.write_text(home.answers.read_text() + f"{'never' if word == 'always' else 'always'} {JOE} {WEB} my%20mail 2026-01-01\n")
        assert shown(lib, server, service="my mail") == (status != ALWAYS), "the last line counts, and at once"


def test_a_file_that_is_not_understood_shows_nothing(lib, asking, server, home):
    home.answers.parent.mkdir(parents=True)
    home.answers.write_text(f"always {JOE} {WEB} - 2026-01-01\nalways everything\n")
    with ByProgram(asking, home, YES) as agent:
        assert not shown(lib, server) and agent.questions() == []
        agent.wait_for(f"{home.answers}:2")
        home.answers.write_text(f"# mine\n\nalways {JOE} {WEB} - 2026-01-01\n")
        assert shown(lib, server) and agent.questions() == []


def test_a_program_that_is_not_there_shows_nothing(lib, asking, server, home):
    with ByProgram(asking, home, YES) as agent:
        agent.script.unlink()
        assert not shown(lib, server)
        agent.wait_for("nothing is shown")


# --- an agent that does not answer ---

def test_an_agent_that_is_killed_shows_nothing(lib, asking, server, home):
    with ByProgram(asking, home) as agent, in_thread(partial(visit, lib, server, local_identity=JOE)) as visited:
        agent.wait_for_question()
        agent.kill()
        facts = visited.result(PATIENCE)
        assert facts.local_identity is None
        assert facts.not_shown.endswith("which says ask, and the agent went away before it had answered")
    with ByProgram(asking, home, YES):
        assert shown(lib, server), "and another one takes its place"


def test_no_answer_in_time_shows_nothing(lib, asking, server, home):
    with ByProgram(asking, home) as agent:
        facts = visit(lib, server, local_identity=JOE, deadline=3.0)
        assert facts.local_identity is None
        assert facts.not_shown.endswith("which says ask, and the agent did not answer in time")
        agent.status(YES)
        assert shown(lib, server), "the next question is put although the last one had no answer"


def test_a_program_that_leaves_takes_its_question_along(lib, asking, pki, server, home):
    with ByProgram(asking, home) as agent:
        with Control(asking) as control, connect(server.port) as sock:
            control.send("StartTLS", {"fileDescriptor": 0, "role": "client", "localIdentity": JOE, "remoteIdentity": WEB}, [sock.fileno()])
            agent.wait_for_question()
        agent.status(YES)
        assert shown(lib, server)


def test_questions_of_many_connections_wait_for_each_other(lib, asking, server, pki, home):
    with ByProgram(asking, home) as agent, contextlib.ExitStack() as stack:
        visits = []
        for _ in range(5):
            other = stack.enter_context(wanting(pki, asking, "tls13"))
            visits.append(stack.enter_context(in_thread(partial(visit, lib, other, local_identity=JOE))))
        agent.wait_for_question()
        agent.status(SESSION)
        assert [v.result(PATIENCE).local_identity for v in visits] == [JOE] * 5
        assert len(agent.questions()) == 1


# --- at a terminal ---

def test_a_person_is_asked(lib, asking, server, home):
    with AtTerminal(asking, home) as person:
        def visited(answer, **options):
            with in_thread(partial(visit, lib, server, local_identity=JOE, **options)) as visiting:
                person.see(rf"\(pid {os.getpid()}\)[^\n]* is connected to {WEB}, which proved that name\.\n")
                person.answer(rf"Show {JOE} to {WEB}\? [^\n]*ne\[v\]er: ", answer)
                return visiting.result(PATIENCE).local_identity
        assert visited("y") == JOE
        assert visited("no") is None
        assert visited("") is None
        with in_thread(partial(visit, lib, server, local_identity=JOE)) as visiting:
            person.answer(r"ne\[v\]er: ", "perhaps")
            person.answer(r"ne\[v\]er: ", "S")
            assert visiting.result(PATIENCE).local_identity == JOE
        assert shown(lib, server)
        assert visited("always", service="imap") == JOE
        assert visited("v", service="web") is None
        person.see("not shown: ")
        assert not shown(lib, server, service="web")
    assert home.remembered() == [f"always {JOE} {WEB} imap", f"never {JOE} {WEB} web"]


def test_a_person_who_is_too_late_is_told(lib, asking, server, home):
    with AtTerminal(asking, home) as person:
        facts = visit(lib, server, local_identity=JOE, deadline=3.0)
        assert facts.not_shown.endswith("did not answer in time")
        person.see("Too late: the connection no longer waits")
        person.type("y\n")  # an answer to nothing
        with in_thread(partial(visit, lib, server, local_identity=JOE)) as visiting:
            person.answer(r"ne\[v\]er: ", "n")
            assert visiting.result(PATIENCE).local_identity is None


# --- who may answer ---

def test_a_user_has_one_agent(asking, home):
    with ByProgram(asking, home, YES) as agent:
        second = subprocess.run(command(asking, "--program", agent.script), capture_output=True, text=True, timeout=PATIENCE, env=home.environment(asking))
        assert second.returncode == 1 and f"the process {agent.process.pid} is your agent already" in second.stderr


def test_an_agent_needs_a_pool_and_a_terminal(place, asking, home):
    alone = subprocess.run(command(asking), capture_output=True, text=True, timeout=PATIENCE, env=home.environment(asking), start_new_session=True)
    assert alone.returncode == 1 and "--program" in alone.stderr


def test_nobody_but_the_agent_answers(asking, server):
    with Control(asking) as agent, Control(asking) as program, connect(server.port) as sock:
        agent.send("WatchDisclosures", {"worker": 0}, more=True)
        first = agent.receive()
        assert first["continues"] and first["parameters"]["workers"] == 1 and first["parameters"].get("question") is None
        program.send("StartTLS", {"fileDescriptor": 0, "role": "client", "localIdentity": JOE, "remoteIdentity": WEB}, [sock.fileno()])
        question = agent.receive()["parameters"]["question"]
        answer = ("io.tlspool.Pool.AnswerDisclosure", {"question": question["id"], "show": True})
        others = [calls(asking.socket, answer)[0]] + ([calls(asking.socket, answer, **STRANGER)[0]] if ROOT else [])
        assert [error_of(other) for other in others] == ["QuestionUnknown"] * len(others)
        with Control(asking) as answering:
            answering.send("AnswerDisclosure", {"question": "00" * 17, "show": True})
            assert error_of(answering.receive()) == "QuestionUnknown"
            answering.send("AnswerDisclosure", answer[1])
            assert "error" not in answering.receive()
            answering.send("AnswerDisclosure", answer[1])
            assert error_of(answering.receive()) == "QuestionUnknown"
        assert program.receive()["parameters"]["session"]["localIdentity"] == JOE


def test_watching_needs_more_and_a_worker_that_is_there(asking):
    with Control(asking) as control:
        control.send("WatchDisclosures", {"worker": 0})
        assert control.receive()["error"] == "org.varlink.service.ExpectedMore"
        for worker in (1, -1, 2**40):
            control.send("WatchDisclosures", {"worker": worker}, more=True)
            assert control.receive()["error"] == "org.varlink.service.InvalidParameter"


def test_more_questions_than_a_user_may_have_open_are_answered_no(lib, asking, pki):
    start = {"fileDescriptor": 0, "role": "client", "localIdentity": JOE, "remoteIdentity": WEB}
    with Control(asking) as agent, contextlib.ExitStack() as stack:
        agent.send("WatchDisclosures", {"worker": 0}, more=True)
        agent.receive()
        servers = [stack.enter_context(s_server(pki.leaf(WEB), "-verify", "3")) for _ in range(33)]
        for other in servers[:32]:
            program, sock = stack.enter_context(Control(asking)), stack.enter_context(connect(other.port))
            program.send("StartTLS", start, [sock.fileno()])
            assert agent.receive()["parameters"]["question"]["localIdentity"] == JOE
        facts = visit(lib, servers[32], local_identity=JOE)
        assert facts.local_identity is None and "too many questions" in facts.not_shown


def test_an_agent_is_asked_for_its_own_user_alone(lib, asking, server, place, home):
    """As root with two users. An ordinary user can't become another one, and sees that its own agent is asked."""
    if not ROOT:
        with ByProgram(asking, home, YES) as agent:
            assert shown(lib, server) and len(agent.questions()) == 1
        return
    own_binary = shutil.copy(BIN / "tlspool", place / "tlspool-for-others")
    os.chmod(own_binary, 0o755)
    who = {"user": STRANGER["uid"], "group": STRANGER["gid"], "extra_groups": []}
    os.chown(home.directory, STRANGER["uid"], STRANGER["gid"])

    def connected():
        done = subprocess.run([str(own_binary), "--pool", str(asking.directory), "connect", f"127.0.0.1:{server.port}", "--expect", WEB, "--as", JOE],
                              input="hello\n", capture_output=True, text=True, timeout=PATIENCE, cwd="/", **who)
        assert done.returncode == 0, done.stderr

    with ByProgram(asking, home, YES, binary=own_binary, **who) as agent:
        assert not shown(lib, server) and agent.questions() == []
        connected()
        assert agent.questions()[0]["localIdentity"] == JOE and proofs_seen(server) == 1
        with ByProgram(asking, Home(place / f"home-of-root-{os.getpid()}"), NO) as own:
            connected()
            assert own.questions() == [] and len(agent.questions()) == 2
            assert not shown(lib, server) and len(own.questions()) == 1
    connected()
    assert proofs_seen(server) == 2


# --- several workers ---

def test_every_worker_asks_the_same_agent(make_pool, pki, home, monkeypatch):
    pool = make_pool()
    pool.identity(JOE)
    pool.configure(RULES)
    pool.trust(pki.ca().cert)
    pool.replace("workers = 0", "workers = 2")
    pool.start()
    start = {"fileDescriptor": 0, "role": "client", "localIdentity": JOE, "remoteIdentity": WEB}
    with wanting(pki, pool, "tls13") as server, ByProgram(pool, home, YES) as agent, contextlib.ExitStack() as stack:
        seen = {}
        for _ in range(200):  # whichever worker is quicker takes a new connection
            program, sock = stack.enter_context(Control(pool)), stack.enter_context(connect(server.port))
            program.send("StartTLS", start, [sock.fileno()])
            session = program.receive()["parameters"]["session"]
            seen[session["id"][-2:]] = session["localIdentity"]
            for fd in program.descriptors:
                os.close(fd)
            program.descriptors = []
            sock.close()
            if len(seen) == 2:
                break
        assert seen == {"00": JOE, "01": JOE}
        # A worker that dies takes its questions along; the agent is with the next one.
        (victim, *_) = pool.pids("worker")
        agent.text = ""
        os.kill(victim, signal.SIGKILL)
        agent.wait_for(READY)
