# SPDX-License-Identifier: Apache-2.0
"""A taken worker asks the keeper for signatures: over certificates, SSH logins, bare digests, for the other role, for an
identity that no program may use, for a version that is not allowed. It gets those that a TLS endpoint of an allowed role
would make, and each is logged, given or refused."""
import os

import pytest
from intruder import take_over, tried
from pool import eventually

RULES = f"""
[[allow]]
uid = [{os.geteuid()}]
identity = ["pool.example"]
role = ["server"]

[[allow]]
uid = [{os.geteuid()}]
identity = ["client.example"]
role = ["client"]
"""
GOOD_13 = {"pool.example": "text=TLS 1.3 server version=1.3 role=2", "client.example": "text=TLS 1.3 client version=1.3 role=1"}
GOOD_12 = {"pool.example": "text=TLS 1.2 server version=1.2 role=2"}


@pytest.mark.parametrize("minimum", ["1.2", "1.3"])
def test_nothing_but_what_some_program_may_have(make_pool, minimum):
    pool = make_pool(extra=RULES)
    for name in ("client.example", "nobody.example"):
        pool.identity(name)
    pool.replace("workers = 0", "workers = 2")
    if minimum == "1.3":
        pool.replace('minimum_version = "1.2"', 'minimum_version = "1.3"')
    take_over(pool, "worker-0", "signatures")
    outcomes = tried(pool)
    given = {what for what, outcome in outcomes.items() if outcome == "succeeded"}
    assert len(outcomes) > 200
    assert {what.split(" ", 2)[2] for what in given} == {*GOOD_13.values(), *(GOOD_12.values() if minimum == "1.2" else ())}
    assert len(given) == (3 if minimum == "1.2" else 2)
    signed = eventually(lambda: len(found := pool.events("key.signed")) == len(given) and found, message=pool.text)
    assert sorted({e["identity"] for e in signed}) == ["client.example", "pool.example"]
    refused = eventually(lambda: len(found := pool.events("key.refused")) >= len(outcomes) - len(given) and found, message=pool.text)
    reasons = {e["reason"] for e in refused if e.get("identity") == "nobody.example"}
    assert reasons == {"no program may use the identity"} | {r for r in reasons if r.startswith("neither")}
    assert any(e["reason"] == "no such key" for e in refused)
    assert "not a TLS 1.3 CertificateVerify of this role" in {e["reason"] for e in refused}
