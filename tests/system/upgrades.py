# SPDX-License-Identifier: Apache-2.0
"""Pools that are taken over by a new executable."""
import os
import re
import signal

from pool import PATIENCE, alive, eventually


def start(pool, **more):
    return pool.start(program=pool.daemon, **more)


def upgrade(pool):
    """The new process's number."""
    said = pool.tlspool("upgrade", timeout=3 * PATIENCE).stdout
    return int(re.match(r"process (\d+) serves now", said).group(1))


def end(pool):
    """Whoever took over is a child of nobody here."""
    for event in pool.events("upgrade.done"):
        pid = int(event["process"])
        if alive(pid):
            os.kill(pid, signal.SIGTERM)
            eventually(lambda pid=pid: not alive(pid), message="a new process does not end")
    pool.stop()


def works(near, far, text=b"still there"):
    near.sendall(text)
    assert far.recv(100) == text
    far.sendall(text[::-1])
    assert near.recv(100) == text[::-1]
