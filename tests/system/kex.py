# SPDX-License-Identifier: Apache-2.0
"""People who exchange a key by `tlspool kex`: each has a pool, a home of his own, and reads and sends text."""
import json
import os
import re
import subprocess

from pool import BIN, PATIENCE

A = "a.example"
B = "b.example"
LABELS = ("CLIENT HELLO", "SERVER HELLO", "CLIENT FINISH", "SERVER FINISH")


class Person:
    """Runs the command as a user does."""

    def __init__(self, pool, own, other, home):
        self.pool, self.own, self.other, self.home = pool, own, other, home
        home.mkdir()
        self.environment = dict(pool.environment, HOME=str(home))
        self.environment.pop("XDG_STATE_HOME", None)
        self.pins = home / ".local" / "state" / "tlspool" / "kex-pins"

    def command(self, *words):
        return [str(BIN / "tlspool"), "--pool", str(self.pool.directory), "kex", *map(str, words)]

    def run(self, *words, stdin="", text=True):
        return subprocess.run(self.command(*words), input=stdin, capture_output=True, text=text, timeout=PATIENCE * 2,
                              env=self.environment, cwd=self.home)

    def kex(self, *words, stdin="", text=True):
        done = self.run(*words, stdin=stdin, text=text)
        assert done.returncode == 0, done.stderr
        return done

    def refused(self, *words, stdin=""):
        """What it says when it fails; nothing may come on standard output."""
        done = self.run(*words, stdin=stdin)
        assert (done.returncode, done.stdout) == (1, ""), done
        return done.stderr

    def start(self, *words):
        return self.kex("start", "--with", self.other, *words).stdout

    def reply(self, message, *words):
        return self.kex("reply", *words, stdin=message)

    def exchanges(self):
        return json.loads(self.kex("list", "--json").stdout)

    def only_id(self):
        (exchange,) = self.exchanges()
        return exchange["id"]


def make_people(make_pool, anchors=True):
    """A and B, whose pools run; with `anchors` each trusts the other's CA."""
    pools = [make_pool(name=name) for name in (A, B)]
    if anchors:
        pools[0].trust(pools[1].ca)
        pools[1].trust(pools[0].ca)
    for pool in pools:
        pool.start()
    return [Person(pool, own, other, pool.directory / "home") for pool, own, other in zip(pools, (A, B), (B, A))]


def share(person, key):
    """From the next configuration on, the stored key of this name protects what they say to each other."""
    person.pool.configure(f"""
[keystore]
address = "hsm.{person.own}"

[[peer]]
name = "{person.other}"
as = "{person.own}"
store = "hsm.{person.other}"
source = "psk"
psk = "{key}"
""")


def up_to_the_last(a, b, first=(), answer=()):
    """The first three messages; what B prints for the fourth is left to the caller."""
    two = b.reply(a.start(*first), *answer).stdout
    return a.reply(two).stdout


def run_through(a, b, first=(), answer=()):
    """All four messages; gives what B's and A's last commands came to."""
    last_of_b = b.reply(up_to_the_last(a, b, first, answer))
    return last_of_b, a.reply(last_of_b.stdout)


def words_in(text):
    """The words that are to be compared."""
    (words,) = re.findall(r"^ {4}((?:[a-z]+ ){7}[a-z]+)$", text, re.MULTILINE)
    return words


def mode_of(path):
    return os.stat(path).st_mode & 0o777
