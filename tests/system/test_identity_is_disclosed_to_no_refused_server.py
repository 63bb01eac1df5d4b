# SPDX-License-Identifier: Apache-2.0
"""A client's certificate goes out only after the judge has accepted the server."""
import re

import pytest
from talk import OPENSSL_VERSION, VERSIONS, our_client, read_line, refusal, s_server


def with_message_log(pki, pool, sort, version):
    return s_server(pki.leaf("web.example", sort=sort), OPENSSL_VERSION[version], "-verify", "3", "-CAfile", pool.ca, "-msg")


def certificates_from_client(text):
    return re.findall(r"<<< TLS[^\n]*Certificate(?:Verify)?\n", text)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("sort", ["unknown-ca", "wrong-name", "expired", "self-signed"])
def test_refused_server_sees_no_certificate(library, pool, pki, version, sort):
    with with_message_log(pki, pool, sort, version) as server:
        failed = refusal(library, server.port, "web.example", local_identity="joe@clients.example")
        assert failed.reason == "certificate"
        server.wait_for("<<< TLS[^\n]*Alert")
        assert re.search(">>> TLS[^\n]*CertificateRequest", server.text)  # it did ask
        assert certificates_from_client(server.text) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_accepted_server_sees_it(library, pool, pki, version):
    with with_message_log(pki, pool, "good", version) as server:
        with our_client(library, server.port, "web.example", local_identity="joe@clients.example") as plain:
            plain.sendall(b"ping\n")
            assert read_line(plain) == b"gnip\n"
        assert len(certificates_from_client(server.text)) == 2  # Certificate and CertificateVerify
