# SPDX-License-Identifier: Apache-2.0
"""The README's lines of C and of Python, as they stand there, against a real server."""
import os
import re
import socket
import subprocess
import sys

import pytest
from c_program import compile_c
from peers import in_thread
from pool import BUILD, PATIENCE, ROOT
from talk import s_server

HOST = "www.example.org"
AROUND = """
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
%(includes)s
int main(int argc, char **argv) {
  char text[4096];
  ssize_t size;
  struct sockaddr_in to;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  memset(&to, 0, sizeof to);
  to.sin_family = AF_INET;
  to.sin_port = htons((unsigned short)atoi(argv[argc - 1]));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) return 2;
%(lines)s
  while ((size = read(plain, text, sizeof text)) > 0) {
    if (write(1, text, (size_t)size) != size) return 3;
  }
  return 0;
}
"""


CLIENT, PEER = 0, 1  # the order in which the README shows them


def example(language, which=CLIENT):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[which]


def build(place, which):
    lines = example("c", which).splitlines()
    source = place / f"readme{which}.c"
    out = source.with_suffix("")
    source.write_text(AROUND % {"includes": "\n".join(l for l in lines if l.startswith("#")),
                                "lines": "\n".join(l for l in lines if not l.startswith("#"))})
    compile_c(source, out)
    return out


@pytest.fixture(scope="module")
def program(place):
    return build(place, CLIENT)


def run(command, pool, descriptors=()):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=PATIENCE, pass_fds=descriptors,
                          env=dict(os.environ, TLSPOOL_DIR=str(pool.directory), LD_LIBRARY_PATH=str(BUILD / "lib"),
                                   PYTHONPATH=str(ROOT / "python")))


def test_c(program, pool, pki):
    with s_server(pki.leaf(HOST), mode="-www") as server:
        done = run([program, server.port], pool)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("HTTP/1.0 200 ok")


def test_c_fails_with_the_wrong_server(program, pool, pki):
    with s_server(pki.leaf("web.example"), mode="-www") as server:
        done = run([program, server.port], pool)
    assert (done.returncode, done.stdout) == (1, "")


def test_python(pool, pki):
    text = example("python")
    assert text.count(f'("{HOST}", 443)') == 1
    with s_server(pki.leaf(HOST), mode="-www") as server:
        script = text.replace(f'("{HOST}", 443)', f'("127.0.0.1", {server.port})') + "print(plain.recv(100).decode())\n"
        done = run([sys.executable, "-c", script], pool)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{HOST} tls13 TLS_AES_128_GCM_SHA256\nHTTP/1.0 200 ok")


def test_peers_in_c_and_python(place, sites):
    a, b = sites
    program = build(place, PEER)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        script = "import socket, sys, tlspool\nsock, _ = socket.socket(fileno=int(sys.argv[1])).accept()\n" + example("python", PEER)
        with in_thread(run, [sys.executable, "-c", script, listener.fileno()], b, [listener.fileno()]) as other:
            done = run([program, listener.getsockname()[1]], a)
            said = other.result()
    assert (done.returncode, said.returncode) == (0, 0), done.stderr + said.stderr
    assert re.fullmatch(r"(client|server) a\.example hello b\n\n", said.stdout), said.stdout
