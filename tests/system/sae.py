# SPDX-License-Identifier: Apache-2.0
"""SAEs that ask key management entities, with Python's TLS and a key in a file."""
import contextlib
import http.client
import json
import subprocess

from peers import client_context, connect


@contextlib.contextmanager
def session(pool, port, entity, party):
    """An HTTP connection to the entity of that name, as `party`."""
    context = client_context(pool.ca, certificate=party)
    link = http.client.HTTPConnection(entity)
    link.sock = context.wrap_socket(connect(port), server_hostname=entity)
    try:
        yield link
    finally:
        link.close()


def ask(link, method, path, body=None):
    """Status and parsed body (None where there is none)."""
    link.request(method, "/api/v1/keys/" + path, None if body is None else json.dumps(body), {"Content-Type": "application/json"} if body else {})
    answer = link.getresponse()
    text = answer.read()
    if text:
        assert answer.getheader("Content-Type") == "application/json", (path, text)
    return answer.status, json.loads(text) if text else None


def certificate(pki, directory, name, san, serial):
    """A client's certificate with these alternative names and this serial number, as (cert, key)."""
    directory.mkdir(exist_ok=True)
    key, csr, cert, extensions = (directory / f"{serial}.{end}" for end in ("key", "csr", "crt", "ext"))
    extensions.write_text(f"subjectAltName={san}\nextendedKeyUsage=clientAuth\nbasicConstraints=critical,CA:FALSE\n")
    subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", csr,
                    "-subj", f"/CN={name}"], check=True, capture_output=True, timeout=60)
    subprocess.run(["openssl", "x509", "-req", "-in", csr, "-CA", pki.ca().cert, "-CAkey", pki.ca().key, "-set_serial", f"0x{serial}",
                    "-extfile", extensions, "-out", cert, "-days", "30"], check=True, capture_output=True, timeout=60)
    return cert, key
