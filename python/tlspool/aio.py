# SPDX-License-Identifier: Apache-2.0
"""Starting TLS from asyncio: the functions and arguments of `tlspool`, without blocking the loop.

    plain = await tlspool.aio.wrap_client(sock, "www.example.org")
    reader, writer = await asyncio.open_connection(sock=plain)

The returned socket is non-blocking. A cancelled start leaves the given socket open, but handshake bytes may
have passed: close it. The questions of a session still wait (microseconds; asyncio.to_thread where that
matters).
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from .start import GRACE, Start, TLSPoolSocket
from .wire import Exchange


async def _ready(exchange: Exchange) -> None:
    connection = exchange.connection
    if connection is None:
        await asyncio.sleep(exchange.RETRY_DELAY)
        return
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    watch, forget = (loop.add_writer, loop.remove_writer) if exchange.wants_write else (loop.add_reader,
                                                                                        loop.remove_reader)
    watch(connection, wake)
    try:
        await ready
    finally:
        forget(connection)


async def _finish(start: Start) -> TLSPoolSocket:
    with start.exchange:
        try:
            async with asyncio.timeout(start.deadline + GRACE):
                while not start.exchange.step():
                    await _ready(start.exchange)
        except TimeoutError as late:
            if late.__class__ is not TimeoutError:
                raise
            raise start.late() from late
        plain = start.plain_socket()
        plain.setblocking(False)
        return plain


async def wrap_client(sock: socket.socket, remote_identity: str | None, **options: Any) -> TLSPoolSocket:
    """See tlspool.wrap_client."""
    return await _finish(Start(sock, "client", remote_identity=remote_identity, **options))


async def wrap_server(sock: socket.socket, local_identity: str | None = None, **options: Any) -> TLSPoolSocket:
    """See tlspool.wrap_server."""
    return await _finish(Start(sock, "server", local_identity=local_identity, **options))


async def wrap_peer(sock: socket.socket, local_identity: str | None, remote_identity: str | None,
                    **options: Any) -> TLSPoolSocket:
    """See tlspool.wrap_peer."""
    return await _finish(Start(sock, "peer", local_identity=local_identity, remote_identity=remote_identity, **options))
