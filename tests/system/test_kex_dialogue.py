# SPDX-License-Identifier: Apache-2.0
"""`tlspool kex` alone, on a terminal: two people who only answer what they are asked and paste what they are sent."""
import os
import pty
import re
import select
import time

import pytest
from kex import A, B, make_people, words_in
from pool import PATIENCE

MESSAGE = r"-----BEGIN TLS {0}-----\n[A-Za-z0-9+/=\n]+-----END TLS {0}-----\n"


class Terminal:
    """Somebody before a terminal in which a command runs; whatever a test leaves open is closed behind it."""

    left = []

    def __init__(self, person, *words):
        command = person.command(*words)
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.chdir(person.home)
            os.execve(command[0], command, person.environment)
        self.left.append(self)
        self.text = ""
        self._read = 0

    def _more(self, deadline):
        ready, _, _ = select.select([self._fd], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"no more came after:\n{self.text}"
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # EIO: the other end is closed
            data = b""
        self.text += data.decode().replace("\r\n", "\n")
        return data

    def see(self, pattern):
        """Waits for it behind what was seen before."""
        deadline = time.monotonic() + PATIENCE * 2
        while not (found := re.search(pattern, self.text[self._read:])):
            assert self._more(deadline), f"it ended without {pattern!r}:\n{self.text}"
        self._read += found.end()
        return found.group()

    def type(self, text):
        data = text.encode()
        while data:
            data = data[os.write(self._fd, data[:1000]):]

    def answer(self, question, text):
        self.see(re.escape(question))
        self.type(text + "\n")

    def paste(self, text):
        """Into the prompt for it, as terminals do: the ends of lines are those of the Enter key."""
        self.see("Paste the(ir)? message here:\n")
        self.type(text.replace("\n", "\r"))

    def message(self, label):
        return self.see(MESSAGE.format(label))

    def end(self):
        """Its exit status; what it still said is in .text."""
        deadline = time.monotonic() + PATIENCE * 2
        while self._more(deadline):
            pass
        return self.close()

    def close(self):
        self.left.remove(self)
        os.close(self._fd)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


@pytest.fixture(autouse=True)
def _closed():
    yield
    for terminal in list(Terminal.left):
        terminal.close()


@pytest.fixture(name="people")
def _people(make_pool):
    return make_people(make_pool)


@pytest.fixture(name="strangers")
def _strangers(make_pool):
    return make_people(make_pool, anchors=False)


def meet(terminal, person, has_message, contact="no"):
    terminal.answer("Have they sent you a message? [yes/no] ", has_message)
    return (lambda: terminal.answer(f"You are {person.own}. Whom is it with (their identity, such as b.example)? ", person.other),
            lambda: terminal.answer("will you compare words with them, by voice? [yes/no] ", contact))


def begin(person, contact="no"):
    terminal = Terminal(person)
    for step in meet(terminal, person, "no", contact):
        step()
    terminal.see("Send them this:\n\n")
    return terminal


def join(person, message, contact="no"):
    terminal = Terminal(person)
    steps = meet(terminal, person, "yes", contact)
    terminal.paste(message)
    for step in steps:
        step()
    terminal.see("Send them this:\n\n")
    return terminal


def mail(text, below="Regards\nyes\n"):
    return "Hello,\n\nhere it is:\n\n" + text + "\n" + below


def last_line(terminal):
    return terminal.text.rstrip("\n").splitlines()[-1]


def test_two_people_who_answer_what_they_are_asked(people):
    alice = begin(people[0])
    one = alice.message("CLIENT HELLO")
    alice.see("lives in the memory of the pool until")
    bob = join(people[1], mail(one))
    alice.paste(mail(bob.message("SERVER HELLO")))
    alice.see(f"The other side is {B}, verified by its certificate")
    bob.paste(mail(alice.message("CLIENT FINISH")))
    bob.see(f"The other side is {A}, verified by its certificate")
    bob.see("Send them this last message")
    # No line end behind the last message: nothing has to be pressed.
    alice.paste(bob.message("SERVER FINISH").rstrip("\n"))
    alice.see(f"The other side is {B}")
    for terminal in (alice, bob):
        terminal.see("The password between .*:\n")
        assert terminal.end() == 0
    assert re.fullmatch(r"[a-km-zA-HJ-NP-Z2-9]{16}", last_line(alice)) and last_line(alice) == last_line(bob)


def test_words_by_voice_are_asked_for_and_no_mail_answers_for_the_user(strangers):
    alice = begin(strangers[0], "yes")
    bob = join(strangers[1], mail(alice.message("CLIENT HELLO")), "yes")
    # Whoever wrote this wants to be believed: his "yes" stands where the next answer would be read.
    alice.paste(mail(bob.message("SERVER HELLO"), "yes\n" * 5))
    alice.see("which nothing has verified yet")
    bob.paste(mail(alice.message("CLIENT FINISH"), "yes\n" * 5))
    alice.paste(mail(bob.message("SERVER FINISH"), "yes\n" * 5))
    for terminal in (alice, bob):
        terminal.see("Are their words the same\\? \\[yes/no\\] ")
    assert words_in(alice.text) == words_in(bob.text)
    assert not [terminal for terminal in (alice, bob) if "The password" in terminal.text]
    for terminal, person in ((alice, strangers[0]), (bob, strangers[1])):
        terminal.type("yes\n")
        terminal.see("is pinned in")
        terminal.see("The password between")
        assert terminal.end() == 0 and person.pins.exists()
    assert last_line(alice) == last_line(bob)


def test_other_words_end_it(strangers):
    alice = begin(strangers[0], "yes")
    bob = join(strangers[1], alice.message("CLIENT HELLO"), "yes")
    alice.paste(bob.message("SERVER HELLO"))
    bob.paste(alice.message("CLIENT FINISH"))
    bob.answer("Are their words the same? [yes/no] ", "perhaps")
    bob.answer("Are their words the same? [yes/no] ", "no")
    assert bob.end() == 1
    assert "somebody is in the middle" in bob.text and "The password" not in bob.text
    assert strangers[1].exchanges() == [] and not strangers[1].pins.exists()
    alice.paste(bob_message := re.findall(MESSAGE.format("SERVER FINISH"), bob.text)[0])
    assert bob_message
    alice.see("Are their words the same")
    alice.type("\x04")
    assert alice.end() == 1 and "kex confirm " + strangers[0].only_id() in alice.text


def test_what_can_not_be_used_is_said_and_asked_for_again(people):
    alice = begin(people[0])
    one = alice.message("CLIENT HELLO")
    alice.paste(one)
    alice.see("a message of our own")
    two = people[1].reply(one).stdout
    alice.paste(two.replace(two[60:70], ""))
    alice.see("missing|was changed")
    # A message on one line, longer than a terminal's line may be.
    alice.paste("x" * 4000 + " " + two.replace("\n", " "))
    alice.see(f"The other side is {B}")
    alice.paste("-----BEGIN TLS SERVER FINISH-----\nAAAA\n")
    alice.type("\x04")
    alice.see("its END is not")
    alice.paste("\x03")
    assert alice.end() == 1


def test_the_dialogue_can_be_left_and_come_back_to(people):
    alice = begin(people[0])
    one = alice.message("CLIENT HELLO")
    alice.see("Paste their message here:\n")
    alice.type("\x03")
    assert alice.end() == 1
    exchange = people[0].only_id()
    again = Terminal(people[0])
    again.see(f"Under way: {exchange} with {B}")
    again.answer("Have they sent you a message? [yes/no] ", "yes")
    again.paste(people[1].reply(one).stdout)
    again.see(f"The other side is {B}")
    four = people[1].reply(again.message("CLIENT FINISH"))
    again.paste(four.stdout)
    assert again.end() == 0 and last_line(again) == people[1].kex("confirm", people[1].only_id()).stdout.strip()


def test_both_begin_and_one_of_them_waits(people):
    both = [begin(person) for person in people]
    hellos = [terminal.message("CLIENT HELLO") for terminal in both]
    for terminal, hello in zip(both, reversed(hellos)):
        terminal.paste(hello)
    said = [terminal.see("wait for their answer to it|Send them this:\n") for terminal in both]
    assert sorted(said) == ["Send them this:\n", "wait for their answer to it"], "neither both, nor none"
    server, client = both if said[0].startswith("Send") else reversed(both)
    client.paste(server.message("SERVER HELLO"))
    server.paste(client.message("CLIENT FINISH"))
    client.paste(server.message("SERVER FINISH"))
    assert (client.end(), server.end()) == (0, 0)
    assert last_line(client) == last_line(server)


def test_an_exchange_that_is_lost_is_begun_again_on_request(people):
    alice = begin(people[0])
    two = people[1].reply(alice.message("CLIENT HELLO")).stdout
    people[0].pool.restart()
    alice.paste(two)
    alice.see("the pool was started anew")
    alice.answer("Start again with a new first message? [yes/no] ", "yes")
    one = alice.message("CLIENT HELLO")
    alice.paste(people[1].reply(one).stdout)
    alice.see(f"The other side is {B}")


def test_who_one_is_is_asked_where_there_are_several(people):
    people[0].pool.identity("other.example")
    people[0].pool.tlspool("reload")
    alice = Terminal(people[0])
    alice.answer("Have they sent you a message? [yes/no] ", "no")
    alice.see("several identities: .*\n")
    alice.answer("Who are you? ", "a..b")
    alice.answer("Who are you? ", A)
    alice.answer("(their identity, such as b.example)? ", B)
    alice.answer("by voice? [yes/no] ", "no")
    assert people[1].reply(alice.message("CLIENT HELLO")).returncode == 0


def test_reply_on_a_terminal_reads_what_is_pasted(people):
    bob = Terminal(people[1], "reply")
    bob.paste(mail(people[0].start()))
    two = bob.message("SERVER HELLO")
    assert bob.end() == 0
    assert people[0].reply(two).returncode == 0


def test_without_a_terminal_there_is_no_dialogue(people):
    assert "needs a terminal" in people[0].refused()
