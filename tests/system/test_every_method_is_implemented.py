# SPDX-License-Identifier: Apache-2.0
"""What the interface files promise is there, and parameters that do not fit are refused by name."""
import re

import pytest
from control import call, error_of
from pool import ROOT


def methods(interface):
    text = (ROOT / "src" / "wire" / f"{interface}.varlink").read_text()
    return re.findall(r"^method (\w+)\(", text, re.MULTILINE)


SERVED = {"pool.sock": "io.tlspool.Pool", "admin.sock": "io.tlspool.Admin"}
ALL = [(socket, interface, method) for socket, own in SERVED.items() for interface in (own, "org.varlink.service")
       for method in methods(interface)]
TAKES_NOTHING = {"Status", "Sessions", "Statistics", "Reload", "OpenKeys", "ListIdentities", "ListExchanges", "GetInfo", "ListPins", "ListRevoked"}


def test_the_files_have_methods():
    assert {"StartTLS", "UpdateKeys", "Reload", "EnterPin", "GetInfo"} <= {method for _, _, method in ALL}


@pytest.mark.parametrize("socket,interface,method", ALL)
def test_a_parameter_that_does_not_exist(pool, socket, interface, method):
    answer = call(pool.directory / "run" / socket, f"{interface}.{method}", {"surplus": 1})
    assert answer["error"] == "org.varlink.service.InvalidParameter"
    assert isinstance(answer["parameters"]["parameter"], str) and answer["parameters"]["parameter"]


# After Upgrade another process would serve the other tests; test_upgrade.py calls it.
@pytest.mark.parametrize("socket,interface,method", [each for each in ALL if each[2] != "Upgrade"])
def test_no_parameters(pool, socket, interface, method):
    answer = call(pool.directory / "run" / socket, f"{interface}.{method}")
    if method in TAKES_NOTHING:
        assert "error" not in answer
    else:
        assert answer["error"] == "org.varlink.service.InvalidParameter"


WRONG = {
    "role": ("StartTLS", {"fileDescriptor": 0, "role": "observer"}),
    "fileDescriptor": ("StartTLS", {"fileDescriptor": "0", "role": "client"}),
    "alpn": ("StartTLS", {"fileDescriptor": 0, "role": "server", "alpn": "h2"}),
    "remoteProof": ("StartTLS", {"fileDescriptor": 0, "role": "client", "remoteIdentity": "a.example", "remoteProof": "none"}),
    "remoteIdentity": ("StartTLS", {"fileDescriptor": 0, "role": "client"}),
    "sendServerName": ("StartTLS", {"fileDescriptor": 0, "role": "client", "remoteIdentity": "a.example", "sendServerName": "10.0.0.1"}),
    "deadlineMs": ("StartTLS", {"fileDescriptor": 0, "role": "server", "deadlineMs": 600001}),
    "minimumVersion": ("StartTLS", {"fileDescriptor": 0, "role": "server", "minimumVersion": "tls11"}),
    "localIdentity": ("StartTLS", {"fileDescriptor": 0, "role": "server", "localIdentity": "a..example"}),
    "service": ("StartTLS", {"fileDescriptor": 0, "role": "server", "service": "s" * 2000}),
    "session": ("GetSession", {"session": 7}),
    "length": ("ExportKeyingMaterial", {"session": "00", "label": "EXPORTER-x", "length": 1025}),
    "label": ("ExportKeyingMaterial", {"session": "00", "label": "", "length": 32}),
    "context": ("ExportKeyingMaterial", {"session": "00", "label": "EXPORTER-x", "length": 32, "context": "%"}),
    "requestPeer": ("UpdateKeys", {"session": "00", "requestPeer": "yes"}),
}


@pytest.mark.parametrize("parameter", WRONG)
def test_the_refusal_names_the_parameter(pool, parameter):
    method, parameters = WRONG[parameter]
    answer = call(pool, method, parameters)
    assert answer["error"] == "org.varlink.service.InvalidParameter"
    assert parameter in answer["parameters"]["parameter"]


@pytest.mark.parametrize("method", ("GetSession", "ChannelBinding", "PeerCertificates"))
def test_an_unknown_session(pool, method):
    for session in ("0" * 32, "f" * 32, "short", "x" * 5000, ""):
        answer = call(pool, method, {"session": session})
        assert answer == {"error": "io.tlspool.Pool.SessionUnknown", "parameters": {"session": session}}


@pytest.mark.parametrize("socket", SERVED)
def test_an_unknown_method_or_interface(pool, socket):
    path = pool.directory / "run" / socket
    for method in (f"{SERVED[socket]}.Nothing", f"{SERVED[socket]}.starttls", "org.varlink.service.Nothing"):
        assert call(path, method) == {"error": "org.varlink.service.MethodNotFound", "parameters": {"method": method}}
    for interface in ("org.example.Other", "io.tlspool", "io.tlspool.pool", *(set(SERVED.values()) - {SERVED[socket]})):
        assert call(path, f"{interface}.Status") == {"error": "org.varlink.service.InterfaceNotFound", "parameters": {"interface": interface}}
    answer = call(path, "org.varlink.service.GetInterfaceDescription", {"interface": "org.example.Other"})
    assert error_of(answer) == "InterfaceNotFound"
