# SPDX-License-Identifier: Apache-2.0
"""A real memcached for a test, and an attacker's view of it: memcached asks nobody who they are."""
import os
import signal
import socket
import subprocess
import time

from peers import free_port
from pool import PATIENCE, eventually


class Memcached:
    def __init__(self, *options, port=None):
        self.port = port or free_port()
        self.options = options
        self.start()

    def start(self):
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        command = ["memcached", "-l", "127.0.0.1", "-p", str(self.port), "-U", "0", "-t", "1", *user, *map(str, self.options)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(self._answers, message=f"{command} does not answer")

    def _answers(self):
        assert self.process.poll() is None
        try:
            return self.say("version\r\n").startswith(b"VERSION")
        except OSError:
            return False

    @staticmethod
    def nowhere():
        """The name of a server that is not there."""
        return f"127.0.0.1:{free_port()}"

    @property
    def name(self):
        return f"127.0.0.1:{self.port}"

    def say(self, text, end=(b"\r\n",)):
        """What it answers, up to one of `end`."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as s:
            s.sendall(text if isinstance(text, bytes) else text.encode())
            answer = b""
            while not answer.endswith(end):
                chunk = s.recv(65536)
                if not chunk:
                    break
                answer += chunk
            return answer

    def keys(self, prefix=""):
        lines = self.say("lru_crawler metadump all\r\n", end=(b"END\r\n", b"BUSY\r\n", b"ERROR\r\n")).decode().splitlines()
        assert lines and lines[-1] == "END", lines
        found = [line.split()[0].removeprefix("key=") for line in lines[:-1]]
        return sorted(key for key in found if key.startswith(prefix))

    def outcomes(self):
        return self.keys("tlspool1o-")

    def tickets(self):
        return self.keys("tlspool1t-")

    def get(self, key):
        answer = self.say(f"get {key}\r\n", end=(b"END\r\n",))
        if answer == b"END\r\n":
            return None
        head, rest = answer.split(b"\r\n", 1)
        return rest[:int(head.split()[3])]

    def set(self, key, value, seconds=0):
        assert self.say(f"set {key} 0 {seconds} {len(value)}\r\n".encode() + value + b"\r\n") == b"STORED\r\n"

    def items(self, keys):
        return {key: self.get(key) for key in keys}

    def fill(self):
        """Until it has no room for anything of up to 2000 bytes: it keeps memory apart for each class of sizes."""
        size = 40
        while size < 2000:
            count = 1_100_000 // size
            for start in range(0, count, 1000):
                self.say(b"".join(f"set f{size}-{i} 0 0 {size} noreply\r\n".encode() + bytes(size) + b"\r\n"
                                  for i in range(start, min(start + 1000, count))) + b"get none\r\n", end=(b"END\r\n",))
            assert b"STORED" not in self.say(f"set last 0 0 {size}\r\n".encode() + bytes(size) + b"\r\n")
            size = size * 6 // 5

    # --- what may befall it ---

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def close(self):
        self.kill()


def wait_until(moment):
    """Until a time of time.time(), which is what an entry's expiry goes by."""
    while (left := moment - time.time()) > 0:
        time.sleep(min(left, 0.5))
