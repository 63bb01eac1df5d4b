# SPDX-License-Identifier: Apache-2.0
"""Calls a pool as somebody else: another user (where the tests run as root), another executable."""
import json
import os
import subprocess
import sys

from pool import PATIENCE

ROOT = os.geteuid() == 0
# Nobody's: no entry in passwd(5) is needed, the kernel knows numbers only.
STRANGER = {"uid": 64321, "gid": 64322, "groups": [64323, 64324]} if ROOT else {
    "uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups()}

# Reads calls from standard input, writes their answers. Self-contained: the other user may be unable to read
# this directory.
PROGRAM = r"""
import array, json, os, socket, ssl, sys, threading

def pair():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        near = socket.create_connection(listener.getsockname())
        return near, listener.accept()[0]

def peer(sock, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        context.wrap_socket(sock, server_hostname=name).recv(1)
    except OSError:
        pass

def call(path, method, parameters, server_name):
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(path)
        except OSError as e:
            return {"error": type(e).__name__}
        keep = []
        ancillary = []
        if method.endswith("StartTLS"):
            keep = pair()
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [keep[0].fileno()]))]
            if server_name:
                threading.Thread(target=peer, args=(keep[1], server_name), daemon=True).start()
        s.settimeout(60)
        s.sendmsg([json.dumps({"method": method, "parameters": parameters}).encode() + b"\0"], ancillary)
        answer = b""
        while not answer.endswith(b"\0"):
            data = s.recv(65536)
            if not data:
                return {"error": "closed"}
            answer += data
        return json.loads(answer[:-1])

for line in sys.stdin:
    print(json.dumps(call(*json.loads(line))), flush=True)
os._exit(0)  # a thread may still be inside OpenSSL
"""


def calls(path, *wanted, program=sys.executable, uid=None, gid=None, groups=None):
    """The answers to (method, parameters[, name that a TLS client on the other end asks for])."""
    who = {} if not ROOT or uid is None else {"user": uid, "group": gid, "extra_groups": groups or []}
    lines = "".join(json.dumps([str(path), method, parameters, (rest or [None])[0]]) + "\n" for method, parameters, *rest in wanted)
    done = subprocess.run([str(program), "-I", "-S", "-c", PROGRAM], input=lines, capture_output=True, text=True, timeout=PATIENCE * 2,
                          cwd="/", check=False, **who)
    assert done.returncode == 0, (done.returncode, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def start(identity=None, role="server", **more):
    """A StartTLS that nobody answers: its deadline passes where the rules let it begin."""
    parameters = {"fileDescriptor": 0, "role": role, "deadlineMs": 100} | more
    if identity is not None:
        parameters["localIdentity"] = identity
    if role == "client":
        parameters["remoteIdentity"] = "peer.example"
    return ("io.tlspool.Pool.StartTLS", parameters)


def allowed(answer):
    """Whether the rules let the start begin."""
    if answer.get("error") == "io.tlspool.Pool.IdentityRefused":
        return False
    assert answer.get("error") == "io.tlspool.Pool.HandshakeFailed" and answer["parameters"]["reason"] == "timeout", answer
    return True
