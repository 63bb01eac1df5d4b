# SPDX-License-Identifier: Apache-2.0
"""Pools of one cluster: the same configuration, CA and cluster key, a token and keys of their own. Whom they let in is asked of a hook, which
notes every question."""
import contextlib
import shutil
import ssl
import subprocess
import sys

from peers import client_context, in_thread, tcp_pair
from talk import PYTHON_VERSION, Raw, read_exactly

WEB = "www.example"
JOE = "joe@clients.example"
MARY = "mary@clients.example"

HOOK = """#!{python}
import json
import sys

for line in sys.stdin:
    question = json.loads(line)
    remote = question["input"]["remote"]
    with open("{notes}", "a") as notes:
        notes.write(remote + "\\n")
    result = {{"allow": not remote.startswith("mallory"), "ttl": {ttl}, "alias": remote.split("@")[0]}}
    print(json.dumps({{"id": question["id"], "result": result}}), flush=True)
"""


class Cluster:
    """Pools that are not started yet. `ttl`: what the hook says of its answers. `patience`: more than the default, for the
    machine may be busy."""

    def __init__(self, make_pool, place, servers, cache="", ttl=300, pools=2, patience=1000, trust=()):
        self.notes = None
        first = make_pool(name="pool.example")
        self.pools = [first]
        self._hook(place, first, ttl)
        (first.directory / "cluster.key").write_bytes(subprocess.run(["openssl", "rand", "-hex", "32"], capture_output=True, check=True).stdout)
        (first.directory / "cluster.key").chmod(0o600)
        listed = ", ".join(f'"{s}"' for s in servers)
        first.configure(f'[cache]\nservers = [{listed}]\nkey_file = "cluster.key"\npatience_ms = {patience}\n{cache}\n'
                        f'[[hook]]\nname = "notes"\nprogram = "{self.hook}"\ncount = 1\n[[rule]]\nservice = "asked"\nhooks = ["notes"]\n'
                        '[[rule]]\nservice = "free"\naction = "allow"\n')
        first.replace("workers = 0", "workers = 1")
        if trust:
            first.trust(*trust)
        for _ in range(pools - 1):
            other = make_pool(name="pool.example")
            shutil.rmtree(other.directory)
            subprocess.run(["cp", "-a", str(first.directory), str(other.directory)], check=True)
            self.pools.append(other)
        for pool in self.pools:
            pool.identity(WEB)

    def _hook(self, place, pool, ttl):
        name = pool.directory.name
        self.notes = place / f"notes-{name}"
        self.notes.touch()
        self.notes.chmod(0o666)
        self.hook = place / f"hook-{name}"
        self.hook.write_text(HOOK.format(python=sys.executable, notes=self.notes, ttl=ttl))
        self.hook.chmod(0o755)

    def start(self):
        for pool in self.pools:
            pool.start()
        return self.pools

    def asked(self):
        """Whom the hook was asked about, in order."""
        return self.notes.read_text().split()


def counters(pool):
    return pool.status()["outcomes"]


def visitor(pool, party, version="tls13"):
    """A client's context: what it remembers of one pool it can show another."""
    context = client_context(pool.ca, PYTHON_VERSION[version], party)
    context.check_hostname = False
    return context


def visit(library, pool, context, service="asked", session=None, **options):
    """A connection to a pool: (the client's session for later, our session facts), or the pool's refusal."""
    def serve():
        try:
            return library.wrap_server(a, WEB, remote_proof="required", service=service, pool=pool.directory, **options)
        except library.TLSPoolError as failed:
            return failed

    a, b = tcp_pair()
    peer = Raw(b, context, name=WEB, session=session)
    with contextlib.closing(peer), in_thread(serve) as other:
        with contextlib.suppress(ssl.SSLError, OSError):
            peer.handshake()
        ours = other.result()
        if isinstance(ours, Exception):
            return ours
        with ours:
            peer.read_tickets()
            peer.send(b"question")
            assert read_exactly(ours, 8) == b"question"
            ours.sendall(b"answer")
            assert peer.read() == b"answer"
            return peer.tls.session, ours.session


def let_in(outcome):
    assert not isinstance(outcome, Exception), outcome
    return outcome
