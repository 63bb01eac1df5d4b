# SPDX-License-Identifier: Apache-2.0
"""curl as the client of a web server whose key is in the pool."""
import pytest
from talk import KINDS, VERSIONS, OurServer, Process, read_line

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\nConnection: close\r\n\r\nprotected page"


def curl(pool, port, name, *options):
    return Process("curl", "--silent", "--show-error", "--max-time", "20", "--noproxy", "*", "--cacert", pool.ca, "--resolve",
                   f"{name}:{port}:127.0.0.1", *options, f"https://{name}:{port}/")


def serve_page(plain):
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        request += read_line(plain)
    plain.sendall(ANSWER)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_page_is_served_to_curl(library, pool, kind, version):
    name = f"{kind}.example"
    limits = ("--tls-max", "1.2") if version == "tls12" else ("--tlsv1.3",)
    with OurServer(library, alpn=["http/1.1"]) as server, curl(pool, server.port, name, "--http1.1", *limits) as client:
        with server.plain() as plain:
            serve_page(plain)
            assert (plain.session.version, plain.session.alpn) == (version, "http/1.1")
            assert plain.session.local_identity == name
        assert client.status() == 0, client.text
        assert client.text == "protected page"


def test_curl_refuses_the_name_of_another(library, pool):
    with OurServer(library, "p256.example") as server, curl(pool, server.port, "p384.example") as client:
        with server.plain():
            assert client.status() == 60, client.text
