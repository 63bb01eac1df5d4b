# SPDX-License-Identifier: Apache-2.0
"""What happens in a pool is counted, and Prometheus can read it."""
import contextlib
import os
import pwd
import re
import signal
import socket

import pytest
from caller import ROOT
from metrics import ask, lint, listen_on_socket, scrape
from peers import free_port, in_thread, tcp_pair
from pool import eventually
from test_processes_are_confined import status_of
from test_python_module import both


@pytest.fixture
def watched(make_pool, monkeypatch):
    """A running pool of one worker, whose clients therefore find what they may resume, with metrics on a Unix socket."""
    pool = make_pool()
    pool.replace("workers = 0", "workers = 1")
    pool.configure(listen_on_socket(pool))
    pool.start()
    pool.wait_for("metrics.listening")
    monkeypatch.setenv("TLSPOOL_DIR", str(pool.directory))
    return pool


@pytest.fixture
def tlspool(watched):
    import tlspool as module

    return module


def test_a_session_shows_everywhere(watched, tlspool):
    before = scrape(watched)
    assert before.get("tlspool_sessions") == 0 and before.get("tlspool_handshakes_total") == 0
    near, far = both(tlspool, "pool.example")
    with near, far:
        near.sendall(b"x" * 1000)
        assert len(far.recv(1000)) == 1000
        far.sendall(b"y" * 10)  # behind the tickets
        assert len(near.recv(10)) == 10
        now = scrape(watched)
        assert now.get("tlspool_sessions", role="client") == now.get("tlspool_sessions", role="server") == 1
        assert now.get("tlspool_handshakes_total", role="client", version="tls13", outcome="completed") == 1
        assert now.get("tlspool_handshakes_total") == 2
        assert now.get("tlspool_handshake_duration_seconds_count", role="server") == 1
        assert now.get("tlspool_session_bytes_total", direction="in") == now.get("tlspool_session_bytes_total", direction="out") == 1010
        assert now.get("tlspool_token_signatures_total", token="default", mechanism="ecdsa_p256", result="signed") == 1
        assert now.get("tlspool_token_signature_duration_seconds_count", token="default") == 1
        assert now.get("tlspool_token_ready", token="default") == 1
        assert now.get("tlspool_keeper_wait_seconds_count") == 1
        assert now.get("tlspool_verdicts_total", stage="trust", outcome="accepted", source="fresh") == 1
        assert now.get("tlspool_judge_wait_seconds_count") == 1
    ended = eventually(lambda: (m := scrape(watched)).get("tlspool_sessions_ended_total") == 2 and m)
    assert ended.get("tlspool_sessions") == 0
    assert ended.get("tlspool_session_duration_seconds_count") == 2
    # The same peer again: the client resumes what it kept.
    near, far = both(tlspool, "pool.example")
    near.close()
    far.close()
    again = scrape(watched)
    assert again.get("tlspool_handshakes_total", outcome="resumed") == 2
    assert again.get("tlspool_resumption_lookups_total", result="hit") == 1


def test_what_is_refused_shows_with_its_reason(watched, tlspool):
    a, b = tcp_pair()

    def serve():
        with pytest.raises(tlspool.HandshakeFailed):
            tlspool.wrap_server(b, "pool.example")

    with in_thread(serve), pytest.raises(tlspool.HandshakeFailed):
        tlspool.wrap_client(a, "another.example")
    a.close()
    b.close()
    with contextlib.ExitStack() as stack:
        ends = [stack.enter_context(end) for end in tcp_pair()]
        with pytest.raises(tlspool.IdentityRefused):
            tlspool.wrap_server(ends[0], "nobody.example")
    now = scrape(watched)
    assert now.get("tlspool_handshakes_total", role="client", outcome="certificate") == 1
    assert now.get("tlspool_handshake_checks_failed_total", role="client", check="name") == 1
    assert now.get("tlspool_handshakes_total", role="server", outcome="alert") == 1
    assert now.get("tlspool_verdicts_total", outcome="refused") == 1
    assert now.get("tlspool_calls_refused_total", reason="identity") == 1


def test_prometheus_finds_no_fault(watched):
    status, _, text = ask(watched)
    assert status == 200
    assert lint(text) == ""


def test_processes_and_version(watched):
    now = scrape(watched)
    assert now.get("tlspool_build_info") == 1
    names = {dict(labels)["process"] for name, labels in now.samples if name == "tlspool_process_resident_memory_bytes"}
    assert names == {"supervisor", "keeper", "judge", "worker-0", "metrics"}
    for name in names:
        assert now.get("tlspool_process_resident_memory_bytes", process=name) > 1 << 20
        assert now.get("tlspool_process_start_time_seconds", process=name) > 1_700_000_000
    assert now.get("tlspool_process_cpu_seconds_total") > 0


def test_totals_outlive_a_process_and_what_was_open_does_not(watched, tlspool):
    near, far = both(tlspool, "pool.example")
    with near, far:
        os.kill(watched.pids("worker")[0], signal.SIGKILL)
        eventually(lambda: scrape(watched).get("tlspool_process_restarts_total", process="worker") == 1)
    # The gauges begin again when the new processes have taken their pages.
    now = eventually(lambda: (m := scrape(watched)).get("tlspool_sessions") == 0 and m)
    assert now.get("tlspool_handshakes_total") == 2


def test_the_metrics_process_itself_is_started_again(watched, tlspool):
    near, far = both(tlspool, "pool.example")
    near.close()
    far.close()
    [pid] = watched.pids("metrics")
    os.kill(pid, signal.SIGKILL)
    # Whoever asks meanwhile is answered by the next one.
    now = scrape(watched)
    assert now.get("tlspool_handshakes_total") == 2
    eventually(lambda: scrape(watched).get("tlspool_process_restarts_total", process="metrics") == 1)


def test_reloads_move_and_end_it(watched):
    port = free_port()
    watched.replace(listen_on_socket(watched), f'[metrics]\nlisten = "127.0.0.1:{port}"\n')
    watched.tlspool("reload")
    now = scrape(watched)
    assert now.get("tlspool_reloads_total", result="applied") == 1
    assert not (watched.directory / "run" / "metrics.sock").exists()
    watched.replace('level = "info"', 'level = "loud"')
    assert watched.tlspool("reload", check=False).returncode != 0
    now = scrape(watched)
    assert now.get("tlspool_reloads_total", result="applied") == 1
    assert now.get("tlspool_reloads_total", result="refused") == 1
    watched.replace('level = "loud"', 'level = "info"')
    watched.replace(f'[metrics]\nlisten = "127.0.0.1:{port}"\n', "")
    watched.tlspool("reload")
    eventually(lambda: not any(p["name"] == "metrics" for p in watched.status()["processes"]))


def test_a_pool_without_metrics_has_no_such_process(pool):
    assert pool.pids("metrics") == []


def test_an_address_that_is_taken_does_not_keep_the_pool_from_working(make_pool):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        pool = make_pool(extra=f'[metrics]\nlisten = "127.0.0.1:{taken.getsockname()[1]}"\n')
        pool.start()
        assert "Address already in use" in pool.wait_for("metrics.not_listening")["reason"]
    pool.wait_for("metrics.listening")
    assert scrape(pool).get("tlspool_build_info") == 1


def test_the_metrics_process_holds_nothing(watched):
    [pid] = watched.pids("metrics")
    status = status_of(pid)
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    if ROOT:
        assert status["Uid"].split()[0] == str(pwd.getpwnam("tlspool-metrics").pw_uid)
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    links = watched.open_files(pid)
    if links is not None:  # to root
        allowed = re.compile(r"socket:\[\d+\]|pipe:\[\d+\]|anon_inode:\[(eventpoll|eventfd)\]|/dev/null|/proc/\d+/stat")
        assert not [link for fd, link in links.items() if fd != "2" and not allowed.fullmatch(link)]
