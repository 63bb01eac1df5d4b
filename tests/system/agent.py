# SPDX-License-Identifier: Apache-2.0
"""`tlspool agent` and its user: at a terminal, or by a program that the test writes."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import threading
import time

from pool import BIN, PATIENCE

READY = "asks here what may be shown\n"

# Says what it was asked, in one line of a file, and ends with the status that stands in another one, if there is one.
PROGRAM = """#!/bin/sh
question=$(cat)
printf '%s\\n' "$question" >> {asked}
while [ ! -e {status} ]; do sleep 0.05; done
exit $(cat {status})
"""


class Home:
    """What a user's agent remembers lies here."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir(parents=True)
        os.chmod(directory, 0o777)
        self.answers = directory / "state" / "tlspool" / "disclosures"

    def environment(self, pool):
        return dict(pool.environment, HOME=str(self.directory), XDG_STATE_HOME=str(self.directory / "state"))

    def remembered(self):
        """Lines without their dates."""
        return [line.rsplit(" ", 1)[0] for line in self.answers.read_text().splitlines()] if self.answers.exists() else []


def command(pool, *words, binary=BIN / "tlspool"):
    return [str(binary), "--pool", str(pool.directory), "agent", *map(str, words)]


class ByProgram:
    """The agent with --program; status(n) is what the program answers from then on, to what it is being asked too."""

    def __init__(self, pool, home, status=None, binary=BIN / "tlspool", **who):
        self.asked_file = home.directory / "asked"
        self.status_file = home.directory / "status"
        self.script = home.directory / "ask"
        for file in (self.asked_file, self.status_file):
            file.unlink(missing_ok=True)
        self.script.write_text(PROGRAM.format(asked=self.asked_file, status=self.status_file))
        self.script.chmod(0o755)
        if status is not None:
            self.status(status)
        self.process = subprocess.Popen(command(pool, "--program", self.script, binary=binary), env=home.environment(pool), cwd="/", text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **who)
        self.text = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_for(READY)

    def _read(self):
        for line in self.process.stdout:
            self.text += line

    def wait_for(self, text, count=1):
        deadline = time.monotonic() + PATIENCE
        while self.text.count(text) < count:
            assert time.monotonic() < deadline and (self._reader.is_alive() or self.text.count(text) >= count), self.text
            time.sleep(0.02)

    def status(self, number):
        fresh = self.status_file.with_suffix(".new")
        fresh.write_text(str(number))
        fresh.chmod(0o644)
        fresh.rename(self.status_file)

    def silence(self):
        self.status_file.unlink(missing_ok=True)

    def questions(self):
        return [json.loads(line) for line in self.asked_file.read_text().splitlines()] if self.asked_file.exists() else []

    def wait_for_question(self, count=1):
        deadline = time.monotonic() + PATIENCE
        while len(self.questions()) < count:
            assert time.monotonic() < deadline, self.text
            time.sleep(0.02)
        return self.questions()[count - 1]

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)
        self.status(1)  # lets the program end that it had started

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self.process.stdout.close()


class AtTerminal:
    """The agent with a person before it."""

    def __init__(self, pool, home):
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execve(command(pool)[0], command(pool), home.environment(pool))
        self.text = ""
        self._read = 0
        self.see(READY)

    def see(self, pattern):
        """Waits for it behind what was seen before."""
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.text[self._read:])):
            ready, _, _ = select.select([self._fd], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no {pattern!r} in:\n{self.text}"
            self.text += os.read(self._fd, 65536).decode().replace("\r\n", "\n")
        self._read += found.end()
        return found.group()

    def type(self, text):
        os.write(self._fd, text.encode())

    def answer(self, question, text):
        self.see(question)
        self.type(text + "\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        os.close(self._fd)
