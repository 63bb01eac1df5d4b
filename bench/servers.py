# SPDX-License-Identifier: Apache-2.0
"""The servers that are measured: each takes TLS and hands plain TCP to one backend, with one worker."""
import os
import shutil
import subprocess
from pathlib import Path

import shared_keys
from processes import Daemon, cpu_seconds, family, free_port, private_kib

NAMES = {"p256": "bench.example", "rsa2048": "rsa.bench.example"}


class Server:
    """`ports`: one for each kind of key. A server that was made must be stopped, whether or not its start() worked."""

    def __init__(self, name, directory, program, backend):
        self.name, self.program, self.backend = name, Path(program), backend
        self.directory = Path(directory) / name
        self.directory.mkdir()
        self.ports = {key: free_port() for key in NAMES}
        self.daemons = []

    def run(self, *words, env=None):
        daemon = Daemon(words, self.directory / f"log-{len(self.daemons)}", env)
        self.daemons.append(daemon)
        return daemon

    def pids(self):
        return family([d.process.pid for d in self.daemons])

    def cpu(self):
        return cpu_seconds(self.pids())

    def memory(self):
        return private_kib(self.pids())

    def stop(self):
        for daemon in reversed(self.daemons):
            daemon.stop()


class Peer(Server):
    """A Debian package with its key in a file: one process family a key, so that both stay as plain as can be."""

    def start(self, pems):
        for key, port in self.ports.items():
            config = self.directory / f"{key}.conf"
            words = getattr(self, self.name)(config, pems[key], port)
            self.run(self.program, *words).wait_for_port(port)

    def haproxy(self, config, pem, port):
        config.write_text(f"""global
    nbthread 1
    maxconn 8000
defaults
    mode tcp
    timeout connect 10s
    timeout client 600s
    timeout server 600s
listen bench
    bind 127.0.0.1:{port} ssl crt {pem} ssl-min-ver TLSv1.2
    server backend 127.0.0.1:{self.backend}
""")
        return ["-db", "-q", "-f", config]

    def nginx(self, config, pem, port):
        module = "/usr/lib/nginx/modules/ngx_stream_module.so"
        config.write_text(f"""load_module {module};
daemon off;
{"user root;" if os.geteuid() == 0 else ""}
worker_processes 1;
worker_rlimit_nofile 16384;
pid {self.directory}/{config.stem}.pid;
error_log stderr warn;
events {{ worker_connections 16000; }}
stream {{
    server {{
        listen 127.0.0.1:{port} ssl backlog=4096;
        ssl_certificate {pem};
        ssl_certificate_key {pem};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_tickets on;
        proxy_timeout 600s;
        proxy_pass 127.0.0.1:{self.backend};
    }}
}}
""")
        return ["-p", self.directory, "-e", "stderr", "-c", config]

    def hitch(self, config, pem, port):
        user = 'user = "root"\n' if os.geteuid() == 0 else ""
        config.write_text(f"""frontend = "[127.0.0.1]:{port}"
backend = "[127.0.0.1]:{self.backend}"
pem-file = "{pem}"
{user}workers = 1
backlog = 4096
daemon = off
quiet = on
log-level = 0
tls-protos = TLSv1.2 TLSv1.3
ocsp-dir = ""
""")
        return [f"--config={config}"]

    def stunnel(self, config, pem, port):
        config.write_text(f"""foreground = yes
pid =
debug = warning
[bench]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{self.backend}
cert = {pem}
sslVersionMin = TLSv1.2
options = -NO_TICKET
""")
        return [config]


class Pool(Server):
    """This project: every process of the pool and the front end before it, the keys in SoftHSM2."""

    def start(self, _pems):
        self.pool = self.directory / "pool"
        self.command("init", "--name", NAMES["p256"])
        self.command("identity", "new", NAMES["rsa2048"], "--key", "rsa2048")
        self.configure(self.pool / "tlspool.toml")
        with open(self.pool / "tlspool.toml", "a", encoding="utf-8") as config:
            config.write(shared_keys.CONFIGURATION)
        daemon = self.run(self.program / "tlspoold", "--pool", self.pool)
        daemon.wait_for(lambda: (self.pool / "run" / "admin.sock").exists())
        daemon.wait_for(lambda: self.command("status", "--json").count('"usable":true') == len(NAMES))
        for key, port in self.ports.items():
            self.run(self.program / "tlspool", "--pool", self.pool, "tunnel", "--listen", f"127.0.0.1:{port}", "--connect",
                     f"127.0.0.1:{self.backend}", "--side", "tls-in", "--as", NAMES[key]).wait_for_port(port)

    def command(self, *words, text=None):
        words = [str(self.program / "tlspool"), "--pool", str(self.pool), *words]
        done = subprocess.run(words, timeout=120, capture_output=True, text=True, input=text)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    @staticmethod
    def configure(path):
        """One worker, warnings only; the rest as init wrote it."""
        wanted = {("pool", "workers"): "1", ("log", "level"): '"warning"'}
        out, section = [], ""
        for line in path.read_text().splitlines():
            if line.startswith("["):
                section = line.strip("[").split("]")[0]
                out.append(line)
                out += [f"{key} = {value}" for (where, key), value in wanted.items() if where == section]
                continue
            bare = line.lstrip("# ")
            if any(where == section and bare.split("=")[0].strip() == key and not line.startswith("#")
                   for where, key in wanted):
                continue
            out.append(line)
        path.write_text("\n".join(out) + "\n")


def programs_of_peers():
    """{name: path} of the peers that are there, and the names of those that are not."""
    wanted = {"haproxy": "haproxy", "nginx": "nginx", "hitch": "hitch", "stunnel": "stunnel4"}
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    found = {name: shutil.which(program, path=path) for name, program in wanted.items()}
    return {n: p for n, p in found.items() if p}, [n for n, p in found.items() if not p]


def make_pems(directory):
    """A self-signed certificate and its key in one file for each kind of key."""
    pems = {}
    for key, name in NAMES.items():
        pem = Path(directory) / f"{key}.pem"
        kind = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key == "p256" else ["rsa:2048"]
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-keyout", "-", "-out", "-", "-days", "2",
                               "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"],
                              check=True, capture_output=True, timeout=60).stdout
        pem.write_bytes(made)
        pem.chmod(0o600)
        pems[key] = pem
    return pems


def make_chain(directory):
    """Files of a CA's certificate and of one that it issued for web.example, P-256 both."""
    def openssl(*words):
        return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=60)
    ca, ca_key, leaf, leaf_key, request = (Path(directory) / name for name in ("ca.pem", "ca.key", "leaf.pem", "leaf.key", "leaf.csr"))
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *new_key, "-keyout", ca_key, "-out", ca, "-days", "2", "-subj", "/CN=Bench CA")
    openssl("req", *new_key, "-keyout", leaf_key, "-out", request, "-subj", "/CN=web.example", "-addext", "subjectAltName=DNS:web.example",
            "-addext", "extendedKeyUsage=serverAuth")
    openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-out", leaf, "-days", "2", "-copy_extensions", "copyall")
    return ca, leaf
