# SPDX-License-Identifier: Apache-2.0
"""Whoever may ask for metrics can neither keep others from them nor harm the process that answers."""
import contextlib

import pytest
from metrics import ask, connect, listen_on_socket, scrape


@pytest.fixture
def watched(make_pool):
    pool = make_pool()
    pool.configure(listen_on_socket(pool))
    pool.start()
    pool.wait_for("metrics.listening")
    return pool


def test_many_that_say_nothing_keep_nobody_out(watched):
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            s = stack.enter_context(connect(watched))
            s.sendall(b"GET /met")
        assert scrape(watched).get("tlspool_build_info") == 1
    assert scrape(watched).get("tlspool_process_restarts_total") == 0


def test_what_is_no_request_for_metrics_is_told_so(watched):
    expected = {
        b"GET /secret HTTP/1.1\r\n\r\n": 404,
        b"GET /../etc/passwd HTTP/1.1\r\n\r\n": 404,
        b"DELETE /metrics HTTP/1.1\r\n\r\n": 405,
        b"\x16\x03\x01\x00\x05hello\r\n\r\n": 400,
        b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 9000: 431,
        b"HEAD /metrics HTTP/1.1\r\n\r\n": 200,
        b"GET / HTTP/1.1\r\n\r\n": 200,
    }
    for request, status in expected.items():
        assert ask(watched, request)[0] == status, request
    assert ask(watched, b"HEAD /metrics HTTP/1.1\r\n\r\n")[2] == ""
    assert scrape(watched).get("tlspool_process_restarts_total") == 0
