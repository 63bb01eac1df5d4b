# SPDX-License-Identifier: Apache-2.0
"""The layout of src/: a folder includes only what stands above it, processes and front ends never include each
other, and files stay of one concern."""
import re
from collections import defaultdict

from pool import ROOT

SOURCE = ROOT / "src"
# In the order of docs/architecture.md.
LIBRARIES = ["base", "counters", "loop", "wire", "config", "tls", "roles", "transport", "sharedkey", "etsi014", "trust", "authz", "kex"]
PROCESSES = ["supervisor", "keeper", "worker", "judge", "fetcher", "metrics"]
FRONT_ENDS = ["client", "cli", "tunnel", "qkd", "proxy"]
# What src/*/CMakeLists.txt states beyond that: one executable starts every process; the command shows what libtlspool
# does, and the tunnel is a subcommand of it.
MAY_TOO = {
    "daemon": set(PROCESSES),
    "cli": {"client"},
    "tunnel": {"cli", "client"},
    "qkd": {"cli", "client"},
}
# In these places only, for what they wrap is slow to compile.
WRAPPED = {"toml++": ["config/toml.cc"], "nlohmann": ["wire/json.cc"], "httplib": ["etsi014/http.cc", "qkd/http_server.cc"],
           "CLI": ["cli/completion_options.cc", "cli/dane_options.cc", "cli/kex_options.cc", "cli/main.cc", "cli/pin_options.cc", "cli/trust_options.cc"]}
LONGEST = 400


def sources(*suffixes):
    return sorted(path for path in SOURCE.rglob("*") if path.suffix in suffixes)


def folder_of(path):
    return path.relative_to(SOURCE).parts[0]


def includes(path):
    return re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE)


def allowed_for(folder):
    if folder in LIBRARIES:
        above = set(LIBRARIES[:LIBRARIES.index(folder)])
    else:
        assert folder in PROCESSES + FRONT_ENDS + ["daemon"], f"src/{folder}: where does it stand?"
        above = set(LIBRARIES)
    return above | {folder} | MAY_TOO.get(folder, set())


def test_includes_point_upwards():
    wrong = []
    seen = defaultdict(set)
    for path in sources(".h", ".cc", ".c"):
        for include in includes(path):
            if include.startswith("tlspool/") or include.endswith(".varlink.inc"):  # public; made by the build
                continue
            assert (SOURCE / include).exists(), f"{path}: {include} is not named from src/"
            target = include.split("/")[0]
            seen[folder_of(path)].add(target)
            if target not in allowed_for(folder_of(path)):
                wrong.append(f"{path.relative_to(SOURCE)} includes {include}")
    assert not wrong, "\n".join(wrong)
    assert seen["worker"] >= {"base", "loop", "wire", "tls"}, "the test looks at nothing"


def test_processes_include_no_other_process():
    for path in sources(".h", ".cc"):
        folder = folder_of(path)
        if folder in PROCESSES:
            others = set(PROCESSES + FRONT_ENDS + ["daemon"]) - {folder}
            assert not [i for i in includes(path) if i.split("/")[0] in others], path


def test_the_build_links_as_the_files_include():
    """CMake would let a folder use one that it names and should not."""
    for path in sorted(SOURCE.glob("*/CMakeLists.txt")):
        text = path.read_text()
        folder = path.parent.name
        for words in re.findall(rf"tlspool_library\({folder} LINK ([^)]*)\)", text):
            named = set(words.split()) & set(LIBRARIES + PROCESSES + FRONT_ENDS)
            assert named <= allowed_for(folder), f"{path}: {named - allowed_for(folder)}"


def test_slow_headers_are_included_once():
    for header, places in WRAPPED.items():
        users = [str(path.relative_to(SOURCE)) for path in sources(".h", ".cc")
                 if re.search(rf"^#include <{re.escape(header)}[./]", path.read_text(), re.MULTILINE)]
        assert users == places, header


def code():
    """Every file of ours that a tool reads or a person wrote as code."""
    suffixes = {".cc", ".h", ".c", ".py", ".go", ".cmake", ".sh"}
    tops = ("src", "include", "tests", "fuzz", "bench", "python", "scripts", "cmake")
    found = [p for top in tops for p in (ROOT / top).rglob("*") if p.suffix in suffixes or p.name == "CMakeLists.txt"]
    return [p for p in found if p.is_file() and "__pycache__" not in p.parts and not any(part.startswith("build") for part in p.parts)] + [
        ROOT / "CMakeLists.txt", ROOT / "demo.sh", ROOT / "test.sh"]


def test_every_file_has_its_licence_line():
    files = code()
    assert len(files) > 200
    without = [str(p) for p in files if not any("SPDX-License-Identifier: Apache-2.0" in line for line in p.read_text().splitlines()[:2])]
    assert not without, "\n".join(without)


def test_no_file_is_long():
    long = {str(p): n for p in code() if (n := len(p.read_text().splitlines())) > LONGEST}
    assert not long


def test_headers_are_guarded():
    assert not [str(p) for p in sources(".h") if "#pragma once" not in p.read_text()]


def test_nothing_is_left_to_do():
    words = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    this = "test_layers.py"
    assert not [str(p) for p in code() if p.name != this and words.search(p.read_text())]
