# SPDX-License-Identifier: Apache-2.0
"""Reading a pool's metrics, as strictly as the exposition format is written."""
import re
import socket
import subprocess

from pool import PATIENCE

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*",?)*)\})? (-?[0-9.e+-]+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"')


def listen_on_socket(pool):
    """[metrics] for a Unix socket in the pool's directory: no port that another test could have."""
    return f'[metrics]\nlisten = "unix:{pool.directory}/run/metrics.sock"\n'


def connect(pool):
    found = re.search(r'^\[metrics\]\s*^listen = "([^"]+)"', pool.config.read_text(), re.MULTILINE)[1]
    if found.startswith("unix:"):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(PATIENCE)
        s.connect(found.removeprefix("unix:"))
        return s
    host, port = found.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), PATIENCE)


def ask(pool, request=b"GET /metrics HTTP/1.1\r\nHost: pool\r\n\r\n"):
    """(status, header fields, body)"""
    with connect(pool) as s:
        s.sendall(request)
        data = b""
        while chunk := s.recv(65536):
            data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    fields = dict(f.lower().split(": ", 1) for f in fields)
    assert int(fields["content-length"]) == len(body) or request.startswith(b"HEAD")
    return int(first.split()[1]), fields, body.decode()


class Metrics:
    """All samples of one answer."""

    def __init__(self, text):
        self.text = text
        self.types = {}
        self.samples = {}
        assert text.endswith("\n")
        for line in text.splitlines():
            if line.startswith("# HELP "):
                assert len(line.split(" ", 3)) == 4
            elif line.startswith("# TYPE "):
                name, kind = line.split()[2:]
                assert name not in self.types and kind in ("counter", "gauge", "histogram")
                self.types[name] = kind
            else:
                found = SAMPLE.fullmatch(line)
                assert found, line
                name = found[1]
                assert name in self.types or re.sub("_(bucket|sum|count)$", "", name) in self.types, line
                labels = frozenset(LABEL.findall(found[2] or ""))
                assert (name, labels) not in self.samples, line
                self.samples[name, labels] = float(found[3])

    def get(self, name, **labels):
        """The sum of all samples of this name with these labels; there must be one."""
        wanted = set(labels.items())
        found = [value for (n, of), value in self.samples.items() if n == name and wanted <= of]
        assert found, f"no {name} {labels} in\n{self.text}"
        return sum(found)


def scrape(pool):
    status, fields, body = ask(pool)
    assert status == 200 and fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Metrics(body)


def lint(text):
    """What `promtool check metrics` has to say; empty: nothing."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=PATIENCE)
    return (done.stdout + done.stderr).strip() if done.returncode else ""
