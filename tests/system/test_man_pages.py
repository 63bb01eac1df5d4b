# SPDX-License-Identifier: Apache-2.0
"""Every command and option that --help names stands in a man page, and the pages are clean mdoc."""
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAN = ROOT / "docs" / "man"
PROGRAMS = ROOT / "build" / "bin"


def page(name):
    rendered = subprocess.run(["mandoc", "-Tutf8", MAN / name], check=True, capture_output=True, text=True).stdout
    return re.sub(".\b", "", rendered)


def help_of(*command):
    done = subprocess.run([PROGRAMS / command[0], *command[1:], "--help"], check=True, capture_output=True, text=True)
    return done.stdout


def options_in(text):
    return set(re.findall(r"^ +(?:-\w,)?(--[a-z-]+)", text, re.MULTILINE))


def commands():
    """Every leaf command with its help."""
    pending = [()]
    while pending:
        path = pending.pop()
        text = help_of("tlspool", *path)
        below = re.search(r"^Subcommands:\n((?: .*\n)+)", text, re.MULTILINE)
        if below is None:
            yield path, text
            continue
        pending += [(*path, name) for name in re.findall(r"^  ([\w-]+)", below.group(1), re.MULTILINE)]


@pytest.mark.parametrize("name", sorted(p.name for p in MAN.iterdir()))
def test_page_is_clean(name):
    done = subprocess.run(["mandoc", "-Tlint", "-W", "warning", MAN / name], capture_output=True, text=True)
    assert done.stdout + done.stderr == ""


def test_every_command_and_option_is_in_tlspool_1():
    text = page("tlspool.1")
    seen = 0
    for path, help_text in commands():
        heading = f"   {' '.join(path)}\n"
        assert heading in text, f"no section for: tlspool {' '.join(path)}"
        section = text.split(heading, 1)[1]
        section = re.split(r"^(?:   )?\w", section, maxsplit=1, flags=re.MULTILINE)[0]
        for option in options_in(help_text) - {"--help"}:
            assert re.search(rf"^ +{option}\b", section, re.MULTILINE), f"tlspool {' '.join(path)} {option}"
        seen += 1
    assert seen >= 12
    for option in options_in(help_of("tlspool")):
        assert option in text


def test_every_option_is_in_tlspoold_8():
    text = page("tlspoold.8")
    options = options_in(help_of("tlspoold"))
    assert "--pool" in options
    for option in options:
        assert option in text


def test_every_function_is_in_libtlspool_3():
    header = (ROOT / "include" / "tlspool" / "tlspool.h").read_text()
    text = page("libtlspool.3")
    functions = set(re.findall(r"\b((?:tlspool_|starttls_)\w+)\(", header))
    assert len(functions) > 20
    assert {name for name in functions if name not in text} == set()


def test_every_key_of_the_configuration_is_in_tlspool_toml_5():
    source = "".join(path.read_text() for path in (ROOT / "src" / "config").glob("*.cc"))
    keys = set(re.findall(r'(?:text|needed_text|texts|one_or_more|one_or_each|number|flag|section|sections|word<\w+>)\("(\w+)"', source))
    keys |= set(re.findall(r'read_(?:label|identity_name)\(s, "(\w+)"', source))
    assert {"parallel", "anchors", "allow", "low_water", "store", "as"} <= keys
    text = page("tlspool.toml.5")
    assert {key for key in keys if not re.search(rf"\b{key}\b", text)} == set()
