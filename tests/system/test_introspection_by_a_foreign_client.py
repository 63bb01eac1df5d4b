# SPDX-License-Identifier: Apache-2.0
"""The varlink project's own Go library reads the pool's interfaces, and what it reads are the files in src/wire."""
import json
import os
import subprocess

import pytest
from pool import PATIENCE, ROOT

INTERFACES = {path.stem: path.read_text() for path in (ROOT / "src" / "wire").glob("*.varlink")}
COMPILING = 300.0


@pytest.fixture(scope="session")
def foreign(place):
    """The compiled Go client."""
    program = place / "varlink-go-client"
    environment = dict(os.environ, GO111MODULE="off", GOPATH="/usr/share/gocode", GOFLAGS="", GOCACHE=str(place / "go-cache"),
                       CGO_ENABLED="0", HOME=str(place))
    subprocess.run(["go", "build", "-o", str(program), "."], cwd=ROOT / "tests" / "peers" / "varlink_go", env=environment,
                   check=True, timeout=COMPILING)
    return program


def ask(foreign, path, *call):
    done = subprocess.run([str(foreign), str(path), *call], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_programs_socket(foreign, pool):
    found = ask(foreign, pool.socket, "io.tlspool.Pool.GetSession", json.dumps({"session": "0" * 32}))
    assert all(found[word] for word in ("vendor", "product", "version", "url"))
    assert found["version"] in pool.tlspool("--version").stdout
    assert sorted(found["interfaces"]) == ["io.tlspool.Pool", "org.varlink.service"]
    for name, interface in found["interfaces"].items():
        assert interface["description"] == INTERFACES[name]
    assert "StartTLS" in found["interfaces"]["io.tlspool.Pool"]["methods"]
    assert "HandshakeFailed" in found["interfaces"]["io.tlspool.Pool"]["errors"]
    assert found["callError"] == "io.tlspool.Pool.SessionUnknown"
    assert found["callErrorParameters"] == {"session": "0" * 32}
    assert "InterfaceNotFound" in found["unknownInterface"]


def test_administrators_socket(foreign, pool):
    found = ask(foreign, pool.directory / "run" / "admin.sock", "io.tlspool.Admin.EnterPin", json.dumps({"token": "nowhere"}))
    assert sorted(found["interfaces"]) == ["io.tlspool.Admin", "org.varlink.service"]
    for name, interface in found["interfaces"].items():
        assert interface["description"] == INTERFACES[name]
    assert found["callError"] == "io.tlspool.Admin.TokenUnknown"


def test_every_interface_file_is_served(foreign, pool):
    served = {**ask(foreign, pool.socket)["interfaces"], **ask(foreign, pool.directory / "run" / "admin.sock")["interfaces"]}
    assert sorted(served) == sorted(INTERFACES)
