# SPDX-License-Identifier: Apache-2.0
"""DANE through a running pool: every usage, selector and matching type, for a record about each certificate of a chain and about one
that is not in it, for servers over IPv4 and IPv6 and for clients, with a chain that leads to a trust anchor and one that does not."""
import itertools
import json
import socket
import ssl

import pytest
from dane import BothFamilies, dns_table, tlsa, verdict
from dnstree import DnsTree
from peers import PATIENCE, connect, in_thread
from pool import Pool
from talk import our_client

NO, YES = False, True
# Whom the record is about -> whether it holds with usage PKIX-TA, PKIX-EE, DANE-TA, DANE-EE; whatever selector and matching type
# are, for the chain has every certificate.
EXPECTED = {
    "anchored": {
        "leaf": (NO, YES, NO, YES),
        "middle": (YES, NO, YES, NO),
        "root": (YES, NO, YES, NO),
        "other": (NO, NO, NO, NO),
    },
    "unanchored": {
        "leaf": (NO, NO, NO, YES),
        "middle": (NO, NO, YES, NO),
        "root": (NO, NO, YES, NO),
        "other": (NO, NO, NO, NO),
    },
}
COMBINATIONS = list(itertools.product(range(4), range(2), range(3)))
CHAINS = {"anchored": "Test CA", "unanchored": "Unknown CA"}


class World:
    """Zones anchored.tld and unanchored.tld; in each, uUsSmM-ABOUT is a host with one record, and as a client it has the same."""

    def __init__(self, directory, pki):
        self.parties = {}
        self.servers = {}
        self.tree = DnsTree(directory)
        for chain, ca in CHAINS.items():
            zone = f"{chain}.tld"
            leaf = pki.leaf(f"*.{zone}", sort="intermediate", ca=ca, usage="serverAuth,clientAuth")
            middle = pki.directory / f"{chain}.middle.pem"
            middle.write_text(leaf.chain.read_text().partition("-----END CERTIFICATE-----\n")[2])
            root = pki.ca(ca).cert
            whole = pki.directory / f"{chain}.whole.pem"
            whole.write_text(leaf.chain.read_text() + root.read_text())
            about = {"leaf": leaf.cert, "middle": middle, "root": root, "other": pki.leaf("other.example", sort="self-signed").cert}
            self.parties[chain] = (whole, leaf.key)
            self.servers[chain] = server = BothFamilies(whole, leaf.key)
            lines = []
            for who, (u, s, m) in itertools.product(about, COMBINATIONS):
                name, record = f"u{u}s{s}m{m}-{who}", tlsa(about[who], u, s, m)
                lines += [f"{name} A 127.0.0.1", f"{name} AAAA ::1", f"_{server.port}._tcp.{name} {record}", f"_client.{name} {record}"]
            self.tree.zone(zone, *lines)
        self.tree.start()

    def close(self):
        self.tree.close()
        for server in self.servers.values():
            server.close()


@pytest.fixture(scope="module")
def world(place, pki):
    made = World(place / "dane-matrix", pki)
    yield made
    made.close()


@pytest.fixture(scope="module")
def judged(place, pki, world):
    made = Pool(place / "dane-matrix-pool", extra=dns_table(world.tree) + '\n[[policy]]\ntrust = "dane"\n')
    made.identity("p256.example")
    made.trust(pki.ca().cert)
    made.start()
    yield made
    made.remove()


@pytest.fixture
def lib(judged, library_of):
    return library_of(judged)


def compare(chain, find):
    """find(name) for every host of a chain, against the table."""
    wrong = {}
    for who, (u, s, m) in itertools.product(EXPECTED[chain], COMBINATIONS):
        name = f"u{u}s{s}m{m}-{who}.{chain}.tld"
        found, text = find(name)
        expected = "dane" if EXPECTED[chain][who][u] else "dane!"
        if found != expected:
            wrong[name] = f"{found} instead of {expected}: {text}"
    assert not wrong, json.dumps(wrong, indent=1)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("chain", CHAINS)
def test_servers(lib, world, chain, host):
    port = world.servers[chain].port
    compare(chain, lambda name: verdict(lib, lambda: our_client(lib, port, name, host=host)))


class Clients:
    """Connections of a TLS client with a certificate to the pool as a server."""

    def __init__(self, lib, host, whole, key):
        self.lib = lib
        self.host = host
        self.listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.context.load_cert_chain(whole, key)

    def _talk(self):
        sock = connect(self.listener.getsockname()[1], self.host)
        try:
            with self.context.wrap_socket(sock) as session:
                session.recv(1)
        except OSError:
            sock.close()  # refused

    def find(self, name):
        with in_thread(self._talk):
            accepted, _ = self.listener.accept()
            accepted.settimeout(PATIENCE)

            def serve():
                try:
                    return self.lib.wrap_server(accepted, "p256.example", remote_identity=name, remote_proof="required", service="client")
                except self.lib.TLSPoolError:
                    accepted.close()
                    raise

            return verdict(self.lib, serve)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("chain", CHAINS)
def test_clients(lib, world, chain, host):
    clients = Clients(lib, host, *world.parties[chain])
    with clients.listener:
        compare(chain, clients.find)
