# SPDX-License-Identifier: Apache-2.0
"""Ours and a second implementation of docs/p2p-tls.md, on GnuTLS: they agree on roles, and neither lets the other lie."""
import functools

import pytest
from peer_sites import Side
from second_peer import HIGH, LOW, ONES, ZEROS, SecondPeer, beside, in_records
from talk import VERSIONS


@pytest.fixture
def second(sites, pki):
    """The second implementation as web.example, expecting a.example."""
    return functools.partial(SecondPeer, party=pki.leaf("web.example", usage="serverAuth,clientAuth"), ca=sites[0].ca, expect="a.example")


@pytest.fixture
def ours(sites):
    side = Side(*sites)
    side.options["remote_identity"] = "web.example"
    return side


def check_connection(plain, peer, refused):
    assert refused is None and not isinstance(plain, Exception), (plain, refused)
    assert {plain.session.role, peer.role} == {"client", "server"}
    assert (plain.session.local_identity, plain.session.remote_identity) == ("a.example", "web.example")
    peer.tls.send(b"question")
    assert plain.recv(100) == b"question"
    plain.sendall(b"answer")
    assert peer.tls.receive() == b"answer"
    assert plain.export_keying_material("EXPORTER-test", 32) == peer.tls.exporter(b"EXPORTER-test", 32)


@pytest.mark.parametrize("value, role", [(LOW, "client"), (ZEROS, "client"), (HIGH, "server"), (ONES, "server")])
@pytest.mark.parametrize("version", VERSIONS)
def test_the_lower_value_is_client(ours, second, version, value, role):
    with beside(ours, second, version=version, value=value) as (plain, peer, refused):
        check_connection(plain, peer, refused)
        assert peer.role == role and plain.session.version == version
        assert ZEROS < peer.theirs < ONES
        if role == "client":
            assert peer.proof == peer.theirs, "the server says what its own hello had"


@pytest.mark.parametrize("value", [LOW, HIGH], ids=["it is client", "it is server"])
def test_a_version_that_is_not_allowed_is_refused_in_either_role(ours, second, value):
    ours.options["minimum_version"] = "tls13"
    with beside(ours, second, version="tls12", value=value) as (failed, _, refused):
        alert = failed.alert_sent if value == LOW else failed.alert_received
        assert alert in ("protocol_version", "handshake_failure") and refused is not None, str(failed)


def test_values_are_new_each_time(ours, second):
    seen = set()
    for _ in range(3):
        with beside(ours, second, value=LOW) as (_, peer, _):
            seen.add(peer.theirs)
    assert len(seen) == 3


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_that_lies_about_its_hello_is_refused(ours, second, version):
    with beside(ours, second, version=version, value=HIGH, answer=LOW) as (failed, _, refused):
        assert failed.reason == "policy" and "another hello than the one that came" in str(failed)
        assert failed.alert_sent == "illegal_parameter"
        assert refused is not None


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_that_does_not_say_what_it_had_sent_is_refused(ours, second, version):
    with beside(ours, second, version=version, value=HIGH, answer=None) as (failed, _, refused):
        assert failed.reason == "policy" and "without saying which ClientHello it had sent" in str(failed)
        assert failed.alert_sent == "handshake_failure" and refused is not None


def changed(old, new):
    """Somebody in the middle, to the hello of the second implementation."""
    def change(message, records):
        assert records.count(old) == 1
        return [records.replace(old, new)]
    return change


@pytest.mark.parametrize("version", VERSIONS)
def test_a_losing_hello_that_was_dropped_on_the_way_is_noticed(ours, second, version):
    with beside(ours, second, version=version, value=HIGH, shape=lambda message, records: []) as (failed, _, refused):
        assert "another hello than the one that came" in str(failed) and refused is not None


@pytest.mark.parametrize("version", VERSIONS)
def test_a_losing_hello_that_was_changed_on_the_way_is_noticed(ours, second, version):
    with beside(ours, second, version=version, value=HIGH, shape=changed(HIGH, ONES)) as (failed, _, refused):
        assert "another hello than the one that came" in str(failed) and refused is not None


@pytest.mark.parametrize("version", VERSIONS)
def test_a_winning_hello_that_was_changed_on_the_way_is_noticed(ours, second, version):
    with beside(ours, second, version=version, value=LOW, shape=changed(LOW, ZEROS)) as (failed, _, refused):
        assert isinstance(failed, Exception) and refused is not None


@pytest.mark.parametrize("value", [LOW, HIGH], ids=["winning", "losing"])
def test_an_extension_that_was_stripped_on_the_way_is_noticed(ours, second, value):
    stripped = changed(b"\xff\x70\x00\x20" + value, b"\xff\x71\x00\x20" + value)
    with beside(ours, second, value=value, shape=stripped) as (failed, _, refused):
        assert "knows nothing of peers" in str(failed) and refused is not None


@pytest.mark.parametrize("version", VERSIONS)
def test_an_answer_of_another_size_is_refused(ours, second, version):
    with beside(ours, second, version=version, value=HIGH, answer=HIGH + b"\0") as (failed, _, refused):
        assert "32 bytes" in str(failed) and failed.alert_sent == "decode_error"
        assert refused is not None


def test_the_value_that_was_seen_sent_back_is_refused(ours, second):
    """Somebody who reads our hello before sending one of the same value is a reflection, or wants to be one."""
    with beside(ours, second, value=lambda theirs: theirs, speaks="last") as (failed, _, refused):
        assert failed.reason == "policy" and "our own ClientHello came back" in str(failed)
        assert failed.alert_sent == "illegal_parameter" and refused is not None


@pytest.mark.parametrize("size", [31, 33])
def test_a_value_of_another_size_is_refused(ours, second, size):
    with beside(ours, second, value=bytes(size)) as (failed, _, _):
        assert failed.alert_sent == "decode_error"


SHAPES = {
    "one-byte segments": lambda message, records: [records[at:at + 1] for at in range(len(records))],
    "records of one byte": lambda message, records: [in_records(message, 1)],
    "records of 100 bytes, each in two segments": lambda message, records: _halves(in_records(message, 100), 105),
}


def _halves(data, size):
    cuts = sorted({*range(0, len(data), size), *range(size // 2, len(data), size), len(data)})
    return [data[a:b] for a, b in zip(cuts, cuts[1:])]


@pytest.mark.parametrize("value", [LOW, HIGH], ids=["it is client", "it is server"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_hello_in_pieces(ours, second, version, shape, value):
    with beside(ours, second, version=version, value=value, shape=SHAPES[shape]) as (plain, peer, refused):
        check_connection(plain, peer, refused)


@pytest.mark.parametrize("value", [LOW, HIGH], ids=["it is client", "it is server"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_hello_of_40_kilobytes(ours, second, version, value):
    with beside(ours, second, version=version, value=value, filler=40_000) as (plain, peer, refused):
        check_connection(plain, peer, refused)


def test_a_hello_retry_request_of_ours(ours, second):
    """It has a key share of a group that we have not, and says hello again with the same value."""
    with beside(ours, second, value=LOW, groups=":-GROUP-ALL:+GROUP-X448:+GROUP-SECP384R1") as (plain, peer, refused):
        check_connection(plain, peer, refused)
        assert plain.session.group == "secp384r1" and peer.proof == peer.theirs


def test_a_hello_retry_request_of_the_other_side(ours, second):
    with beside(ours, second, value=HIGH, groups=":-GROUP-ALL:+GROUP-SECP384R1") as (plain, peer, refused):
        check_connection(plain, peer, refused)
        assert plain.session.group == "secp384r1"


@pytest.mark.parametrize("version", VERSIONS)
def test_one_that_only_listens_is_told_that_no_hello_was_sent(sites, second, version):
    side = Side(*sites, remote_role="client")
    side.options["remote_identity"] = "web.example"
    with beside(side, second, version=version, value=LOW, speaks="first") as (plain, peer, refused):
        # Its hello is the only one: what comes back is a ServerHello.
        check_connection(plain, peer, refused)
        assert peer.theirs is None and peer.proof == ONES


@pytest.mark.parametrize("answer", ["own", None], ids=["says so", "says nothing"])
@pytest.mark.parametrize("version", VERSIONS)
def test_one_that_listens_answers(ours, second, version, answer):
    """It sent no hello; who says nothing of that may be a server that knows nothing of peers."""
    with beside(ours, second, version=version, value=None, speaks="never", answer=answer) as (plain, peer, refused):
        check_connection(plain, peer, refused)
        assert ZEROS < peer.theirs < ONES


@pytest.mark.parametrize("version", VERSIONS)
def test_a_hello_that_never_came_is_not_believed(ours, second, version):
    with beside(ours, second, version=version, value=None, speaks="never", answer=HIGH) as (failed, _, refused):
        assert "another hello than the one that came" in str(failed) and failed.alert_sent == "illegal_parameter"
        assert refused is not None


def test_two_hellos_of_one_side_are_refused(ours, second):
    with beside(ours, second, value=HIGH, shape=lambda message, records: [records, records]) as (failed, _, refused):
        assert failed.alert_sent == "unexpected_message" and refused is not None


@pytest.mark.parametrize("version", VERSIONS)
def test_one_that_waits_says_hello_to_a_side_that_can_be_server_only(ours, second, version):
    ours.options["hello_delay"] = 600
    with beside(ours, second, version=version, value=ONES, speaks="first") as (plain, peer, refused):
        check_connection(plain, peer, refused)
        assert peer.role == "server" and peer.theirs < ONES


def test_the_number_of_the_extension_is_configured(make_pool, pki, sites, second):
    pool = make_pool(name="a.example", extra="[peer_to_peer]\nextension = 65400")
    pool.trust(pki.ca().cert)
    pool.start()
    side = Side(pool, sites[1])
    side.options["remote_identity"] = "web.example"
    for value in (LOW, HIGH):
        with beside(side, second, ca=pool.ca, value=value, extension=65400) as (plain, peer, refused):
            check_connection(plain, peer, refused)
    with beside(side, second, ca=pool.ca, value=LOW) as (failed, _, refused):
        assert "knows nothing of peers" in str(failed) and refused is not None
