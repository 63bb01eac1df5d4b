# SPDX-License-Identifier: Apache-2.0
"""Shells complete every command and option that --help names, and the words that an option takes."""
import re
import subprocess

import pytest

from pool import BUILD, ROOT

PROGRAMS = BUILD / "bin"
BASH = """
source "$1"; shift; function=$1; shift
compopt() { :; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
"$function"
printf '%s\\n' "${COMPREPLY[@]}"
"""
# Outside of its editor zsh has no candidates: these stand in for the functions that would take them.
ZSH = """
script=$1; shift
compadd() { [[ $1 == -- ]] && shift; print -l -- "$@" }
_describe() { print -l -- ${(@)${(@P)2}%%:*} }
_arguments() { print -l -- ${(M)@##--[a-z]#} ${@##*\\)--} }
_files() { print FILES }
_message() { }
words=("$@"); CURRENT=$#
complete_now() { source $script }
complete_now
"""


def help_of(*command):
    return subprocess.run([PROGRAMS / command[0], *command[1:], "--help"], check=True, capture_output=True, text=True).stdout


def options_in(text):
    return set(re.findall(r"^ +(?:-\w,)?(--[a-z-]+)", text, re.MULTILINE))


def commands_in(text):
    below = re.search(r"^Subcommands:\n((?: .*\n)+)", text, re.MULTILINE)
    return re.findall(r"^  ([\w-]+)", below.group(1), re.MULTILINE) if below else []


def every_command():
    pending = [()]
    while pending:
        path = pending.pop()
        text = help_of("tlspool", *path)
        below = commands_in(text)
        yield path, options_in(text), set(below)
        pending += [(*path, name) for name in below]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    out = tmp_path_factory.mktemp("completion")
    for shell in ("bash", "zsh", "fish"):
        text = subprocess.run([PROGRAMS / "tlspool", "completion", shell], check=True, capture_output=True, text=True).stdout
        (out / f"tlspool.{shell}").write_text(text)
    return out


def in_bash(script, *words):
    done = subprocess.run(["bash", "-c", BASH, "bash", script, f"_{words[0]}", *words], check=True, capture_output=True, text=True)
    assert done.stderr == ""
    return set(done.stdout.split())


def in_zsh(script, *words):
    done = subprocess.run(["zsh", "-f", "-o", "extended_glob", "-c", ZSH, "zsh", script, *words], check=True, capture_output=True, text=True)
    assert done.stderr == ""
    return set(done.stdout.split())


def in_fish(script, *words):
    line = " ".join(words)
    found = set()
    for end in ("", "-", "--"):  # fish offers options only where a dash was typed
        done = subprocess.run(["fish", "--no-config", "-c", f"source {script}; complete -C '{line}{end}'"],
                              check=True, capture_output=True, text=True)
        assert done.stderr == ""
        found |= {row.split("\t")[0] for row in done.stdout.splitlines()}
    return found


SHELLS = {"bash": in_bash, "zsh": in_zsh, "fish": in_fish}


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_every_command_and_option(scripts, shell):
    seen = 0
    for path, options, below in every_command():
        offered = SHELLS[shell](scripts / f"tlspool.{shell}", "tlspool", *path, "")
        assert options | below <= offered, f"tlspool {' '.join(path)}: {(options | below) - offered}"
        assert not path or "doctor" not in offered, "a command of another place"
        seen += 1
    assert seen >= 30


def test_every_command_and_option_in_fish(scripts):
    """fish takes a while to start, so only its program and a few commands are asked; all of them stand in the script."""
    script = (scripts / "tlspool.fish").read_text()
    for path, options, below in every_command():
        where = f"""-n "__tlspool_at '{" ".join(path)}'" """
        for name in below:
            assert f"{where}-a {name} " in script
        for option in options - {"--help", "--pool"}:
            assert re.search(rf"^complete -c tlspool {re.escape(where)}.*-l {option[2:]}\b", script, re.MULTILINE), (path, option)
        if path in [(), ("kex",), ("kex", "reply")]:
            offered = in_fish(scripts / "tlspool.fish", "tlspool", *path, "")
            assert options | below <= offered, (path, (options | below) - offered)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_words_that_an_option_takes(scripts, shell):
    script = scripts / f"tlspool.{shell}"
    if shell == "fish":
        ask = lambda *words: {row for row in in_fish(script, *words) if not row.startswith("-")}
    else:
        ask = lambda *words: SHELLS[shell](script, *words)
    assert ask("tlspool", "connect", "--role", "") == {"client", "server", "peer"}
    assert ask("tlspool", "--pool", "/tmp", "connect", "--min-version", "") == {"1.2", "1.3"}
    assert {"bash", "zsh", "fish"} <= ask("tlspool", "completion", "")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_daemon(shell):
    script = ROOT / "packaging" / "completions" / f"tlspoold.{shell}"
    options = options_in(help_of("tlspoold"))
    assert {"--pool", "--check", "--log"} <= options
    if shell == "zsh":
        assert options <= set(re.findall(r"--[a-z-]+", script.read_text()))
        return
    assert options <= SHELLS[shell](script, "tlspoold", "")
    assert SHELLS[shell](script, "tlspoold", "--log", "") >= {"text", "json"}
