# SPDX-License-Identifier: Apache-2.0
"""A server and all processes below it: start, CPU time, memory, end. Only processes started here are ended."""
import os
import signal
import socket
import subprocess
import time
from pathlib import Path


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def children_by_parent():
    table = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue
        parent = int(stat.rpartition(")")[2].split()[1])
        table.setdefault(parent, []).append(int(entry.name))
    return table


def family(roots):
    """The pids of `roots` and of everything below them."""
    table = children_by_parent()
    found, todo = [], list(roots)
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo.extend(table.get(pid, []))
    return found


def cpu_seconds(pids):
    """User + system time of whole processes, from their CPU clocks: nanoseconds, unlike /proc/PID/stat.
    The id of another process's clock is made from its pid (clock_getcpuclockid(3))."""
    total = 0.0
    for pid in pids:
        try:
            total += time.clock_gettime(~pid << 3 | 2)
        except OSError:
            pass  # It has ended.
    return total


def private_kib(pids):
    """Anonymous and shared memory that lies in RAM. /proc/PID/status can be read by anybody; smaps_rollup can't
    for processes that refuse to be dumped."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:")))
    return total


class Daemon:
    def __init__(self, words, log, env=None):
        self.log = Path(log)
        self.words = [str(w) for w in words]
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env)

    def wait_for(self, ready, seconds=20):
        end = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None or time.monotonic() > end:
                tail = self.log.read_text(errors="replace")[-1500:]
                raise RuntimeError(f"{' '.join(self.words)} did not start:\n{tail}")
            time.sleep(0.02)

    def wait_for_port(self, port):
        def listening():
            with socket.socket() as s:
                s.settimeout(1)
                return s.connect_ex(("127.0.0.1", port)) == 0
        self.wait_for(listening)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                for pid in family([self.process.pid]):
                    os.kill(pid, signal.SIGKILL)
                self.process.wait(10)
