# SPDX-License-Identifier: Apache-2.0
"""`tlspool qkd check` finds nothing wrong with `tlspool qkd serve`."""
import json

import pytest
from sites import Serve, make_sites


def check(pool, port, *words, check=True):
    return pool.tlspool("qkd", "check", f"https://127.0.0.1:{port}", "--as", "sae-a.example", "--expect", "kme-a.example",
                        "--sae", "sae-a.example", "--peer-sae", "sae-b.example", *words, check=check)


@pytest.fixture
def sites(make_pool):
    """Pool A has the SAEs' identities of both sites, and each trusts the other's CA."""
    a, b = make_sites(make_pool)
    for name in ("sae-b.example", "sae-c.example"):
        a.identity(name)
    for pool, other in ((a, b), (b, a)):
        pool.trust(other.ca)
        pool.restart()
    return a, b


def slave(b):
    return ("--peer-url", f"https://127.0.0.1:{b.kme_port}", "--peer-as", "sae-b.example", "--peer-expect", "kme-b.example")


def test_our_entities_conform(sites):
    a, b = sites
    serve = Serve(a, b, "--peer-sae", "sae-c.example", keys=64)
    try:
        done = check(a, a.kme_port, *slave(b), "--other-sae", "sae-c.example", "--other-as", "sae-c.example")
        assert done.stdout.splitlines()[0].split() == ["CHECK", "REQUIREMENT", "RESULT", "DETAIL"]
        assert "FAIL" not in done.stdout and done.stdout.rstrip().endswith(" 0 failed, 0 skipped"), done.stdout
        report = json.loads(check(a, a.kme_port, "--json").stdout)
        assert report["failed"] == 0 and {row["check"] for row in report["checks"] if row["result"] == "skipped"} == {"dec_keys", "multicast"}
        assert all(row["expected"] and row["came"] for row in report["checks"] if row["result"] == "pass")
        # The other way round: the master at the second entity, the slave at the first.
        done = a.tlspool("qkd", "check", f"https://127.0.0.1:{b.kme_port}", "--as", "sae-b.example", "--expect", "kme-b.example",
                         "--sae", "sae-b.example", "--peer-sae", "sae-a.example", "--peer-url", f"https://127.0.0.1:{a.kme_port}",
                         "--peer-as", "sae-a.example", "--peer-expect", "kme-a.example", "--json")
        assert json.loads(done.stdout)["failed"] == 0
    finally:
        assert serve.close() == 0, serve.lines


def test_master_and_slave_at_one_entity(sites):
    a, b = sites
    serve = Serve(a, b, "--sae", "sae-c.example", keys=64)
    try:
        done = a.tlspool("qkd", "check", f"https://127.0.0.1:{a.kme_port}", "--as", "sae-a.example", "--expect", "kme-a.example",
                         "--sae", "sae-a.example", "--peer-sae", "sae-c.example", "--peer-url", f"https://127.0.0.1:{a.kme_port}",
                         "--peer-as", "sae-c.example", "--peer-expect", "kme-a.example", "--json")
        assert json.loads(done.stdout)["failed"] == 0
    finally:
        assert serve.close() == 0, serve.lines


def test_an_entity_that_is_not_there_is_named(sites):
    a, _ = sites
    done = check(a, a.kme_port, check=False)
    assert done.returncode == 1 and "Connection refused" in done.stderr and "no check was made" in done.stderr
