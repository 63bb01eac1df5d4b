# SPDX-License-Identifier: Apache-2.0
"""What mail and chat programs do to a text, `tlspool kex` undoes; what can't be undone is said, and costs nothing."""
import email
import email.policy
import html
import quopri
import textwrap

import pytest
from kex import A, B, make_people


@pytest.fixture(scope="module", name="people")
def _people(place):
    made = []

    def make_pool(name):
        from pool import Pool
        made.append(Pool(place / f"mail-{name}", name))
        return made[-1]
    yield make_people(make_pool)
    for pool in made:
        pool.remove()


@pytest.fixture(autouse=True)
def _none_left(people):
    yield
    for person in people:
        for exchange in person.exchanges():
            person.kex("cancel", exchange["id"])


def quoted(text, mark="> "):
    return "".join(mark + line + "\n" for line in text.splitlines())


def by_mail(text):
    """As a mail program sends it: quoted-printable in UTF-8, with CRLF."""
    mail = email.message.EmailMessage(policy=email.policy.SMTP)
    mail["From"] = "Alice <alice@a.example>"
    mail.set_content(f"Hi Bob,\n\nplease put this into your pool \N{EN DASH} all of it:\n\n{text}\nCheers\n-- \nAlice\n", cte="quoted-printable")
    return mail.as_string()


def by_chat(text):
    """One line, hyphens made dashes, blanks that do not break."""
    return "Bob: here you are " + " ".join(text.split()).replace("--", "\N{EM DASH}").replace(" ", "\N{NO-BREAK SPACE}")


def by_phone(text):
    """Wrapped to a narrow screen, with soft hyphens where it was cut."""
    return "\n".join("\N{SOFT HYPHEN}" + line for line in textwrap.wrap(" ".join(text.split()), 40)) + "\n"


def as_html(text):
    return "<p>On Monday Alice wrote:</p><pre>" + html.escape(quoted(text)).replace("\n", "<br>\n") + "</pre>"


def decoded(text):
    return quopri.decodestring(text.encode()).decode().replace("\n", "\r\n")


WAYS = {
    "mail": by_mail, "chat": by_chat, "phone": by_phone, "web page": as_html,
    "quoted twice": lambda text: "Alice:\n" + quoted(quoted(text), ">"),
    "reply and forward": lambda text: quoted(by_mail(text), "| "),
    "old Macintosh": lambda text: text.replace("\n", "\r"),
    "form of its own": lambda text: "".join(text[at:at + 50] + "\n> " for at in range(0, len(text), 50)),
    "opened mail": lambda text: decoded(by_mail(text)),
    "byte order mark": lambda text: "\N{ZERO WIDTH NO-BREAK SPACE}" + text.replace("A", "\N{ZERO WIDTH SPACE}A"),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_message_comes_through(people, way):
    a, b = people
    through = WAYS[way]
    two = b.reply(through(a.start())).stdout
    three = a.reply(through(two)).stdout
    four = b.reply(through(three)).stdout
    assert a.reply(through(four)).stdout == b.kex("confirm", b.only_id()).stdout != ""


@pytest.mark.parametrize("where", ("above", "below"))
def test_answers_that_quote_what_they_answer(people, where):
    a, b = people
    thread = ""

    def mail(text):
        nonlocal thread
        thread = text + "\nOn Monday they wrote:\n" + quoted(thread) if where == "above" else quoted(thread) + "\n" + text
        return thread

    two = b.reply(mail(a.start())).stdout
    three = a.reply(mail(two)).stdout
    four = b.reply(mail(three)).stdout
    assert a.reply(mail(four)).stdout == b.kex("confirm", b.only_id()).stdout != ""


def test_both_begin_and_one_quotes_the_other(people):
    a, b = people
    one, other = a.start(), b.start()
    answers = [(a, b.run("reply", "--with", A, stdin=quoted(other) + "\n" + one)), (b, a.run("reply", "--with", B, stdin=quoted(one) + "\n" + other))]
    # One of them has an answer, the other one's own message stands.
    assert [answer.returncode for _, answer in answers] == [0, 0], answers
    ((client, two),) = [(reader, answer.stdout) for reader, answer in answers if answer.stdout]
    (stands,) = [answer.stderr for _, answer in answers if not answer.stdout]
    assert "both begun" in stands and "wait for their answer" in stands
    server = b if client is a else a
    four = server.reply(client.reply(two).stdout)
    assert client.reply(four.stdout).stdout == server.kex("confirm", server.only_id()).stdout != ""


def without(text, letter):
    """The text without one letter of its middle line."""
    lines = text.splitlines()
    line = lines[len(lines) // 2]
    lines[len(lines) // 2] = line[:letter] + line[letter + 1:]
    return "\n".join(lines)


BROKEN = {
    "END": (lambda text: text[:text.index("-----END")], "its END is not"),
    "BEGIN": (lambda text: text[30:], "its BEGIN is not"),
    "a line": (lambda text: "\n".join(text.splitlines()[:1] + text.splitlines()[2:]), "changed on its way|a part of it is missing"),
    "a letter": (lambda text: without(text, 10), "missing"),
    "all of it": (lambda text: "see attachment\n", "no message in the text"),
    "its letters": (lambda text: text.replace("A", "a"), "was changed"),
    "its sort": (lambda text: text.replace("A", "\N{CYRILLIC CAPITAL LETTER A}"), "does not belong there"),
}


@pytest.mark.parametrize("lost", BROKEN)
def test_what_is_broken_is_said_and_the_exchange_goes_on(people, lost):
    a, b = people
    spoil, said = BROKEN[lost]
    texts = [a.start()]
    for reader in (b, a, b, a):
        complaint = reader.refused("reply", stdin=spoil(texts[-1]))
        assert any(words in complaint for words in said.split("|")), complaint
        assert "BEGIN" in complaint or "nothing is lost" in complaint
        texts.append(reader.reply(texts[-1]).stdout)
    assert texts[-1] == b.kex("confirm", b.only_id()).stdout != ""


def test_a_text_that_is_too_long_is_refused(people):
    a, b = people
    one = a.start()
    assert b.reply(" " * (1024 * 1024 - len(one)) + one).stdout
    assert "longer than 1048576 bytes" in b.refused("reply", stdin=" " * (1024 * 1024) + one)
