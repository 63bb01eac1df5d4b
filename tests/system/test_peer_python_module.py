# SPDX-License-Identifier: Apache-2.0
"""The Python module as a peer: asyncio, a plain side that is handed over, the form of what it takes."""
import asyncio
import socket

import pytest
import tlspool
import tlspool.aio
from peer_sites import sides
from peers import heard_and_closed, in_thread, tcp_pair


def test_asyncio(sites):
    a, b = sites

    async def main():
        near, far = tcp_pair()
        one, other = await asyncio.gather(tlspool.aio.wrap_peer(near, "a.example", "b.example", pool=a.directory),
                                          tlspool.aio.wrap_peer(far, "b.example", "a.example", pool=b.directory))
        assert {one.session.role, other.session.role} == {"client", "server"}
        await heard_and_closed(one, other)
    asyncio.run(main())


def test_handed_over_plain_side_is_moved_by_the_pool(sites):
    a, b = sites
    near, far = tcp_pair()
    inner, outer = socket.socketpair()
    _, other = sides(sites)
    with in_thread(other.start, far) as started, outer:
        session = tlspool.hand_over(near, inner, "peer", local_identity="a.example", remote_identity="b.example", pool=a.directory)
        with started.result() as plain:
            assert {session.role, plain.session.role} == {"client", "server"}
            plain.sendall(b"through")
            assert outer.recv(100) == b"through"


@pytest.mark.parametrize("options", [{"remote_role": "either"}, {"remote_role": "client", "minimum_version": "tls14"}])
def test_words_that_there_are_not_are_refused(sites, options):
    near, far = tcp_pair()
    with near, far, pytest.raises(tlspool.InvalidParameter) as refused:
        tlspool.wrap_peer(near, "a.example", "b.example", pool=sites[0].directory, **options)
    assert refused.value.socket_usable


def test_whom_to_expect_must_be_said(sites):
    near, far = tcp_pair()
    with near, far, pytest.raises(tlspool.InvalidParameter, match="remoteIdentity"):
        tlspool.wrap_peer(near, "a.example", None, pool=sites[0].directory)
