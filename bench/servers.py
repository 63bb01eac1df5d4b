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
    """`ports`: one for each kind of key. `anchors`: the file of the CA whose clients alone are let in; None: clients show nothing.
    A server that was made must be stopped, whether or not its start() worked."""

    def __init__(self, name, directory, program, backend, anchors=None, keys=tuple(NAMES)):
        self.name, self.program, self.backend, self.anchors = name, Path(program), backend, anchors
        self.directory = Path(directory) / name
        self.directory.mkdir(parents=True)
        self.ports = {key: free_port() for key in keys}
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
        clients = f" ca-file {self.anchors} verify required" if self.anchors else ""
        config.write_text(f"""global
    nbthread 1
    maxconn 8000
defaults
    mode tcp
    timeout connect 10s
    timeout client 600s
    timeout server 600s
listen bench
    bind 127.0.0.1:{port} ssl crt {pem} ssl-min-ver TLSv1.2{clients}
    server backend 127.0.0.1:{self.backend}
""")
        return ["-db", "-q", "-f", config]

    def nginx(self, config, pem, port):
        clients = f"ssl_client_certificate {self.anchors}; ssl_verify_client on;" if self.anchors else ""
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
        {clients}
        proxy_timeout 600s;
        proxy_pass 127.0.0.1:{self.backend};
    }}
}}
""")
        return ["-p", self.directory, "-e", "stderr", "-c", config]

    def hitch(self, config, pem, port):
        clients = f'client-verify = required\nclient-verify-ca = "{self.anchors}"\n' if self.anchors else ""
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
{clients}""")
        return [f"--config={config}"]

    def stunnel(self, config, pem, port):
        clients = f"verifyChain = yes\nCAfile = {self.anchors}\n" if self.anchors else ""
        config.write_text(f"""foreground = yes
pid =
debug = warning
[bench]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{self.backend}
cert = {pem}
sslVersionMin = TLSv1.2
options = -NO_TICKET
{clients}""")
        return [config]


class Pool(Server):
    """This project: every process of the pool and the front end before it, the keys in SoftHSM2."""

    wanted = {("pool", "workers"): "1", ("log", "level"): '"warning"'}  # the rest as init wrote it
    more = shared_keys.CONFIGURATION
    tunnel = ()  # further words for it

    def start(self, _pems):
        self.pool = self.directory / "pool"
        self.command("init", "--name", NAMES["p256"])
        if "rsa2048" in self.ports:
            self.command("identity", "new", NAMES["rsa2048"], "--key", "rsa2048")
        self.configure(self.pool / "tlspool.toml")
        daemon = self.run(self.program / "tlspoold", "--pool", self.pool)
        daemon.wait_for(lambda: (self.pool / "run" / "admin.sock").exists())
        daemon.wait_for(lambda: self.command("status", "--json").count('"usable":true') == len(self.ports))
        for key, port in self.ports.items():
            self.run(self.program / "tlspool", "--pool", self.pool, "tunnel", "--listen", f"127.0.0.1:{port}", "--connect",
                     f"127.0.0.1:{self.backend}", "--side", "tls-in", "--as", NAMES[key], *self.tunnel).wait_for_port(port)

    def command(self, *words, text=None):
        words = [str(self.program / "tlspool"), "--pool", str(self.pool), *words]
        done = subprocess.run(words, timeout=120, capture_output=True, text=True, input=text)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def configure(self, path):
        wanted = self.wanted
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
        path.write_text("\n".join(out) + "\n" + self.more)


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


def openssl(*words):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=60).stdout


class Authority:
    """A CA in a directory of its own, which issues certificates with P-256 keys."""
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")

    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir()
        self.certificate, self.key = self.directory / "ca.pem", self.directory / "ca.key"
        openssl("req", "-x509", *self.new_key, "-keyout", self.key, "-out", self.certificate, "-days", "2", "-subj", "/CN=Bench CA")

    def issue(self, name, usage, *more_names):
        """The file of a certificate and its key."""
        file, key, request = (self.directory / f"{len(list(self.directory.iterdir()))}.{end}" for end in ("pem", "key", "csr"))
        names = ",".join([f"DNS:{name}", *more_names])
        openssl("req", *self.new_key, "-keyout", key, "-out", request, "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}",
                "-addext", f"extendedKeyUsage={usage}")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-out", file, "-days", "2",
                "-copy_extensions", "copyall")
        with open(file, "ab") as both:
            both.write(key.read_bytes())
        return file
