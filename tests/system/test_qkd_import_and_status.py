# SPDX-License-Identifier: Apache-2.0
"""`tlspool qkd import` puts keys into the token, and `tlspool qkd status` says how many are left and when they run low."""
import base64
import json
import secrets

import pytest

PEERS = """
[keystore]
address = "hsm.a.example"

[[peer]]
name = "b.example"
store = "hsm.b.example"
low_water = 2

[[peer]]
name = "c.example"
store = "hsm.c.example"
role = ["client"]
low_water = 1
"""


@pytest.fixture
def pool(make_pool):
    return make_pool(name="a.example", extra=PEERS).start()


def rows(pool, *words):
    return {row["peer"]: row for row in json.loads(pool.tlspool("qkd", "status", "--json", *words, check=False).stdout)}


def key():
    return secrets.token_hex(32)


def test_keys_are_counted_for_each_direction(pool):
    empty = pool.tlspool("qkd", "status", check=False)
    assert empty.returncode == 1
    assert "LOW: 0 left as client, 0 left as server" in empty.stdout
    assert "b.example runs low, c.example runs low" in empty.stderr
    # Even numbers are for the side with the smaller address, which is ours.
    lines = f"# from the other site\n\n2 {key()}\n4 {key()}\n 6\t{base64.b64encode(secrets.token_bytes(32)).decode()}\r\n7 {key()}\n"
    assert pool.tlspool("qkd", "import", "b.example", stdin=lines).stdout == "4 keys stored for b.example\n"
    row = rows(pool)["b.example"]
    assert (row["source"], row["store"], row["asClient"], row["asServer"], row["low"]) == ("token", "hsm.b.example", 3, 1, True)
    pool.tlspool("qkd", "import", "b.example", stdin=f"9 {key()}")
    assert rows(pool)["b.example"]["low"] is False
    assert pool.tlspool("qkd", "status", "b.example").stdout.splitlines()[1].split()[-1] == "ok"


def test_a_role_that_the_peer_does_not_have_is_no_alarm(pool):
    pool.tlspool("qkd", "import", "c.example", stdin=f"2 {key()}\n")
    listed = pool.tlspool("qkd", "status", "c.example").stdout.splitlines()[1].split()
    assert listed[3:5] == ["1", "-"]


def test_a_file_is_read_and_refused_lines_are_named(pool, tmp_path):
    used = key()
    file = tmp_path / "keys"
    file.write_text(f"2 {used}\n2 {key()}\nnonsense\n3 no-key-at-all\n5 0011\nx {key()}\n8 {key()}\n")
    done = pool.tlspool("qkd", "import", "b.example", file, check=False)
    assert done.returncode == 1
    assert done.stdout == "2 keys stored for b.example\n"
    refused = [line.split(":")[0] for line in done.stderr.splitlines() if line.startswith("refused")]
    assert sorted(refused) == ["refused 2", "refused 5", "refused line 3", "refused line 4", "refused x"]
    assert used not in done.stderr and used not in pool.text()


def test_what_cannot_be_imported_is_told(pool, tmp_path):
    missing = pool.tlspool("qkd", "import", "b.example", tmp_path / "missing", check=False)
    assert missing.returncode == 1 and "missing" in missing.stderr
    unknown = pool.tlspool("qkd", "import", "z.example", check=False, stdin=f"2 {key()}\n")
    assert unknown.returncode == 1 and "z.example" in unknown.stderr and "[[peer]]" in unknown.stderr
    endless = pool.tlspool("qkd", "import", "b.example", check=False, stdin=f"2 {key()}\n4 " + "a" * 5000)
    assert endless.returncode == 1 and "line 2: longer than" in endless.stderr
    unknown = pool.tlspool("qkd", "status", "z.example", check=False)
    assert unknown.returncode == 1 and "z.example" in unknown.stderr


def test_a_pool_that_does_not_run_is_told(make_pool):
    idle = make_pool(name="a.example", extra=PEERS)
    for words in (("status",), ("import", "b.example"), ("audit", "b.example", "--listen", "127.0.0.1:0")):
        done = idle.tlspool("qkd", *words, check=False, stdin="")
        assert done.returncode == 1 and "no tlspoold runs for this pool" in done.stderr
