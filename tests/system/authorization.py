# SPDX-License-Identifier: Apache-2.0
"""What tests of authorization share: a client that proves a name to a service of ours, and what it is told."""
from talk import OurServer, s_client, shown

JOE = "joe@clients.example"


def client(lib, pki, service, name=JOE, also=()):
    """The session with a client that proves `name` and has the names `also`, or the failure."""
    party = pki.leaf(name, usage="clientAuth", also=also)
    with OurServer(lib, "p256.example", remote_proof="required", service=service) as server, s_client(server.port, *shown(party)):
        try:
            with server.plain() as plain:
                return plain.session
        except lib.HandshakeFailed as failed:
            return failed


def reason(outcome):
    """Why authorization refused it."""
    assert isinstance(outcome, Exception), f"it was let in: {outcome}"
    assert (outcome.reason, outcome.check) == ("policy", "authorization"), outcome
    return str(outcome)
