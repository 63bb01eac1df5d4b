# SPDX-License-Identifier: Apache-2.0
"""10,000 connections between two pools whose programs are peers, both starting at once, one later, or one that only listens,
over networks that cut and delay what is sent: each ends in one client and one server, with bytes both ways. Under
sanitizers it is 600."""
import json
import secrets
import subprocess

import pytest
from peer_sites import make_peers, version_limit
from pool import BIN, SANITIZED

RUNS = 300 if SANITIZED else 5000  # of each version


@pytest.mark.parametrize("version", ["tls13", "tls12"])
def test_each_ends_in_one_client_and_one_server(make_pool, place, version):
    pools = make_peers(make_pool, start=False)
    for pool in pools:
        pool.start(env=version_limit(place, version))
    seed = secrets.randbits(32)
    done = subprocess.run([str(BIN / "peer_storm"), *(str(pool.socket) for pool in pools), str(RUNS), str(seed), version],
                          capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, f"seed {seed}: {done.stdout}{done.stderr}"
    summary = json.loads(done.stdout)
    assert summary["runs"] == RUNS
    # Chance decides who is client, and who of the two is slower.
    assert RUNS / 10 < summary["firstIsClient"] < RUNS * 9 / 10, summary
    # Two hellos met, and a tie-break decided; in the other runs one came before its receiver had sent any.
    assert summary["met"] > RUNS / 10 and summary["listened"] > 0 and summary["resumed"] > 0, summary
