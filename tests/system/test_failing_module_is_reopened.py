# SPDX-License-Identifier: Apache-2.0
"""A module that fails with CKR_DEVICE_ERROR is given up at once, reopened 30 s after it was last opened and not
before, and then works again. This test waits for that; the rest of the rule is in tests/unit/keeper."""
import datetime
import re

from misbehaving import ask, refusal, serves, token, use_shim
from pool import PATIENCE, eventually

AT_MOST_EVERY = 30.0


def seconds(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def test_at_most_every_30_seconds_and_then_it_works_again(make_pool, place):
    pool = use_shim(make_pool(), place)
    pool.start()
    assert serves(pool)
    fail = pool.directory / "keeper" / "fail"
    fail.touch()
    reason, message = refusal(ask(pool))
    # Which of a signature's calls fails first is the keeper's affair.
    assert reason == "token" and re.search(r"C_(OpenSession|SignInit|Sign)\b.*CKR_DEVICE_ERROR", message), message
    eventually(lambda: token(pool)["state"] == "failed")
    assert "CKR_DEVICE_ERROR" in token(pool)["problem"]
    # The device is well again at once, but the module is not asked before its time.
    fail.unlink()
    assert refusal(ask(pool))[0] == "token"
    pool.tlspool("reload")
    assert refusal(ask(pool))[0] == "token"
    reopening = pool.wait_for("token.reopening", timeout=PATIENCE + AT_MOST_EVERY)
    assert seconds(reopening) - seconds(pool.events("token.ready")[0]) > AT_MOST_EVERY - 0.1
    eventually(lambda: token(pool)["state"] == "ready")
    assert eventually(lambda: serves(pool))
    assert len(pool.events("token.reopening")) == 1
    assert pool.status()["processes"][0]["restarts"] == 0
