# SPDX-License-Identifier: Apache-2.0
"""The peer's certificates in DER, as it sent them, leaf first."""
import ssl

import pytest
from talk import OPENSSL_VERSION, VERSIONS, OurServer, our_client, s_client, s_server, shown


def sent(party):
    blocks = party.chain.read_text().split("-----END CERTIFICATE-----\n")[:-1]
    return [ssl.PEM_cert_to_DER_cert(b + "-----END CERTIFICATE-----\n") for b in blocks]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("sort, count", [("good", 1), ("intermediate", 2)])
def test_of_a_server(library, pki, version, sort, count):
    party = pki.leaf("web.example", sort=sort)
    with s_server(party, OPENSSL_VERSION[version]) as server, our_client(library, server.port, "web.example") as plain:
        assert plain.peer_certificates() == sent(party)
        assert len(sent(party)) == count


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("sort, count", [("good", 1), ("intermediate", 2)])
def test_of_a_client(library, pool, pki, version, sort, count):
    party = pki.leaf("joe@clients.example", sort=sort, usage="clientAuth")
    with OurServer(library, "p256.example", remote_proof="required") as server:
        with s_client(server.port, OPENSSL_VERSION[version], "-CAfile", pool.ca, *shown(party)), server.plain() as plain:
            assert plain.peer_certificates() == sent(party)
            assert len(sent(party)) == count


def test_of_a_client_without_one(library, pool):
    with OurServer(library, "p256.example") as server:
        with s_client(server.port, "-CAfile", pool.ca), server.plain() as plain:
            assert plain.peer_certificates() == []


def test_of_a_server_that_need_not_prove_anything(library, pki):
    party = pki.leaf("web.example", sort="self-signed")
    with s_server(party) as server, our_client(library, server.port, None, remote_proof="none") as plain:
        assert plain.peer_certificates() == sent(party)
