# SPDX-License-Identifier: Apache-2.0
"""RFC 9525: only subject alternative names prove a name; wildcards are one whole label; addresses are addresses."""
import pytest
from talk import our_client, refusal, s_server

ACCEPTED = [
    # expected, names of the certificate
    ("web.example", ("web.example",)),
    ("WEB.Example", ("web.example",)),
    ("web.example", ("WEB.EXAMPLE",)),
    ("b.example", ("a.example", "b.example")),
    ("a.wild.example", ("*.wild.example",)),
    ("127.0.0.1", ("127.0.0.1",)),
    ("::1", ("::1",)),
    ("0:0:0:0:0:0:0:1", ("::1",)),
    ("bücher.example", ("xn--bcher-kva.example",)),
    ("xn--bcher-kva.example", ("xn--bcher-kva.example",)),
    ("BÜCHER.example", ("xn--bcher-kva.example",)),
]
REFUSED = [
    ("wild.example", ("*.wild.example",)),              # the wildcard is not optional
    ("a.b.wild.example", ("*.wild.example",)),          # nor two labels
    ("foobar.wild.example", ("foo*.wild.example",)),    # nor a part of one
    ("foobar.wild.example", ("*bar.wild.example",)),
    ("a.x.wild.example", ("a.*.wild.example",)),        # nor in the middle
    ("web.example", ("webxexample.test",)),
    ("sub.web.example", ("web.example",)),
    ("web.example", ("sub.web.example",)),
    ("127.0.0.1", ("127.0.0.2",)),
    ("::1", ("::2",)),
    ("web.example", ("joe@web.example",)),              # a user is not her host
    ("joe@web.example", ("web.example",)),              # nor the host its users
]


@pytest.mark.parametrize("expected, names", ACCEPTED)
def test_accepted(library, pki, expected, names):
    with s_server(pki.leaf(names[0], also=names[1:])) as server:
        with our_client(library, server.port, expected) as plain:
            assert plain.session.verified_by == "chain"
            assert {n.lower() for n in plain.session.remote_names} >= {n.lower() for n in names}
            assert plain.session.remote_identity in {n.lower() for n in names} | {"a.wild.example"}


@pytest.mark.parametrize("expected, names", REFUSED)
def test_refused(library, pki, expected, names):
    with s_server(pki.leaf(names[0], also=names[1:])) as server:
        failed = refusal(library, server.port, expected)
    assert (failed.reason, failed.check, failed.alert_sent) == ("certificate", "name", "bad_certificate")
    assert expected in str(failed)


def test_common_name_alone_proves_nothing(library, pki):
    with s_server(pki.leaf("web.example", sort="no-san")) as server:
        failed = refusal(library, server.port, "web.example")
    assert (failed.check, failed.certificate) == ("name", "CN=web.example")


def test_common_name_beside_other_names_proves_nothing(library, pki):
    with s_server(pki.leaf("web.example", sort="wrong-name")) as server:
        assert refusal(library, server.port, "web.example").check == "name"


@pytest.mark.parametrize("expected", ["", "*.wild.example", ".wild.example", "web..example", "web example", "a" * 300, "web.example\0x",
                                      "@", "joe@"])
def test_what_is_no_name_can_not_be_expected(library, pki, expected):
    with s_server(pki.leaf("a.wild.example", also=("*.wild.example",))) as server:
        failed = refusal(library, server.port, expected)
    assert isinstance(failed, (library.InvalidParameter, library.HandshakeFailed))
    assert failed.socket_usable or failed.check == "name"


def test_absolute_name_is_the_same_name(library, pki):
    with s_server(pki.leaf("web.example")) as server:
        with our_client(library, server.port, "web.example.") as plain:
            assert plain.session.remote_identity == "web.example"
