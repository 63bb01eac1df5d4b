# SPDX-License-Identifier: Apache-2.0
"""[[hook]] programs: the one from the documentation, and those that crash, are late, talk nonsense or fork."""
import os
import re
import sys
from pathlib import Path

import pytest
from authorization import JOE, client, reason
from pool import ROOT, SANITIZED, Pool, eventually
from talk import OurServer, s_client, shown

SUPPORT = ROOT / "tests" / "support"
DEADLINE = 20000 if SANITIZED else 8000

# what it does -> what the refusal says
MISBEHAVIOUR = {
    "crash": "it ended", "end": "it ended", "garbage": "its answer can't be used: it is no JSON", "twice": "more than one answer",
    "other": "its id is that of another question", "long": "longer than 64 KiB", "endless": "longer than 64 KiB",
    "closed": "closed its", "memory": "it ended",
}


def script_of_the_documentation():
    text = (ROOT / "docs" / "policy.md").read_text()
    section = text[text.index("\n## Hooks\n"):]
    return re.search(r"```python\n(.*?)```", section, re.DOTALL).group(1)


def program(directory, name, text):
    path = Path(directory) / name
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def hooked(place, pki):
    made = Pool(place / "hooked")
    made.identity("p256.example")
    made.trust(pki.ca().cert)
    script = program(place, "clients", script_of_the_documentation())
    bad = program(place, "misbehaving_hook.py", (SUPPORT / "misbehaving_hook.py").read_text())
    text = f'[[hook]]\nname = "clients"\nprogram = "{script}"\ndeadline_ms = {DEADLINE}\n'
    text += '[[rule]]\nservice = "documented"\nhooks = ["clients"]\ngroups = ["rule"]\nattributes = { by = "rule" }\n'
    for how in [*MISBEHAVIOUR, "late", "orphan", "bomb", "no"]:
        deadline = 1000 if how in ("late", "bomb") else DEADLINE
        text += (f'[[hook]]\nname = "{how}"\nprogram = ["{sys.executable}", "{bad}", "{how}"]\ncount = 1\ndeadline_ms = {deadline}\n'
                 f'[[rule]]\nservice = ["{how}", "{how}-fine"]\nhooks = ["{how}"]\n')
    text += '[[rule]]\nservice = "both"\nhooks = ["clients", "no"]\n'
    made.configure(text)
    made.start()
    yield made
    made.remove()


@pytest.fixture
def lib(hooked, library_of):
    return library_of(hooked)


def processes_of(pool, how):
    """Process ids of the pool's misbehaving program with this argument; other test runs have programs of their own beside them."""
    program_of_pool = str(pool.directory.parent / "misbehaving_hook.py").encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if len(words) > 2 and words[1] == program_of_pool and words[2] == how.encode():
            found.append(int(entry.name))
    return found


def test_the_script_of_the_documentation(lib, hooked, pki):
    session = client(lib, pki, "documented")
    assert session.attributes == lib.Attributes(None, ("rule", "clients"), {"by": "rule"})
    said = reason(client(lib, pki, "documented", name="mary@other.example"))
    assert "the hook clients denies it: clients come in, others do not" in said and "tlspool.toml:" in said


def test_every_hook_must_say_yes(lib, hooked, pki):
    assert "the hook no denies it" in reason(client(lib, pki, "both"))


@pytest.mark.parametrize("how", sorted(MISBEHAVIOUR))
def test_a_program_that_misbehaves_refuses_and_is_started_again(lib, hooked, pki, how):
    before = hooked.events("hook.ended", hook=how)
    said = reason(client(lib, pki, how))
    assert f"the hook {how} gave no answer that counts: " in said and MISBEHAVIOUR[how] in said
    hooked.wait_for("hook.ended", hook=how, count=len(before) + 1)
    assert client(lib, pki, f"{how}-fine").remote_identity == JOE


def test_a_late_program_refuses_at_its_deadline(lib, hooked, pki):
    assert "no answer within 1000 ms" in reason(client(lib, pki, "late"))
    hooked.wait_for("hook.failed", hook="late", reason="no answer within 1000 ms")
    hooked.wait_for("hook.ended", hook="late", reason="signal 9 (Killed)")


def test_what_a_program_forked_ends_with_it(lib, hooked, pki):
    [first] = eventually(lambda: processes_of(hooked, "orphan"))
    # The child still holds the output, so the end of its parent is what tells.
    reason(client(lib, pki, "orphan"))
    hooked.wait_for("hook.ended", hook="orphan")
    eventually(lambda: len(processes_of(hooked, "orphan")) == 1 and processes_of(hooked, "orphan") != [first])
    assert client(lib, pki, "orphan-fine").remote_identity == JOE


def test_a_fork_bomb_hurts_nobody(lib, hooked, pki):
    most = 64  # 17, and others of the same user may have ended since they were counted
    highest = 0
    party = pki.leaf(JOE, usage="clientAuth")
    with OurServer(lib, "p256.example", remote_proof="required", service="bomb") as server, s_client(server.port, *shown(party)):
        while not hooked.events("hook.failed", hook="bomb"):
            highest = max(highest, len(processes_of(hooked, "bomb")))
            assert client(lib, pki, "documented").remote_identity == JOE
        assert "no answer within 1000 ms" in reason(server.failure())
    eventually(lambda: len(processes_of(hooked, "bomb")) <= 1)
    assert highest <= most or os.geteuid() != 0
    assert highest > 1


def test_programs_are_confined(hooked):
    [pid] = eventually(lambda: processes_of(hooked, "no"))
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    assert status["NoNewPrivs"] == "1"
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert re.search(r"Max address space\s+536870912\s+536870912", limits)
    assert re.search(r"Max core file size\s+0\s+0", limits)
    stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    assert (int(stat[2]), int(stat[3])) == (pid, pid), "a process group and a session of its own"
    if os.geteuid() == 0:
        import pwd

        assert status["Uid"].split()[0] == str(pwd.getpwnam("tlspool-hook").pw_uid)
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        links = {int(fd): os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        assert sorted(links) == [0, 1, 2] and links[0] == links[1] and links[0].startswith("socket:")
        names = {variable.split(b"=")[0] for variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if variable}
        assert names <= {b"PATH", b"HOME", b"LANG"}


def test_programs_end_with_the_pool_and_come_back_with_the_judge(make_pool, place, pki, library_of):
    made = make_pool()
    bad = program(place, "misbehaving_hook.py", (SUPPORT / "misbehaving_hook.py").read_text())
    made.configure(f'[authorization]\nhooks = "h"\n[[hook]]\nname = "h"\nprogram = ["{sys.executable}", "{bad}", "restart"]\ndeadline_ms = {DEADLINE}')
    made.identity("p256.example")
    made.trust(pki.ca().cert)
    made.start()
    tlspool = library_of(made)
    first = set(eventually(lambda: len(processes_of(made, "restart")) == 2 and processes_of(made, "restart")))
    assert client(tlspool, pki, "x-fine").remote_identity == JOE
    [judge] = made.pids("judge")
    os.kill(judge, 9)
    made.wait_for("process.died", name="judge")
    eventually(lambda: len(processes_of(made, "restart")) == 2 and not first & set(processes_of(made, "restart")))
    eventually(lambda: getattr(client(tlspool, pki, "x-fine"), "remote_identity", None) == JOE)
    made.replace("deadline_ms", "count = 1\ndeadline_ms")
    made.tlspool("reload")
    eventually(lambda: len(processes_of(made, "restart")) == 1)
    made.stop()
    eventually(lambda: not processes_of(made, "restart"))


def test_a_program_that_is_not_there_is_a_mistake(make_pool):
    made = make_pool(extra='[[hook]]\nname = "h"\nprogram = "/nowhere/at/all"')
    made.start(wait=False)
    failed = made.wait_for("pool.failed")
    assert "hook h" in failed["reason"] and "/nowhere/at/all" in failed["reason"]


def test_what_a_program_complains_about_is_in_the_log(make_pool, place):
    script = program(place, "complaint", "#!/bin/sh\necho 'no such table' >&2\ncat >/dev/null\n")
    made = make_pool(extra=f'[[hook]]\nname = "h"\nprogram = "{script}"\ncount = 1')
    made.start()
    assert made.wait_for("hook.said", hook="h")["text"] == "no such table"
