# SPDX-License-Identifier: Apache-2.0
"""tlspool dane record | publish | tlspool dane check, and what each says when something is wrong."""
import re
import socket
import threading

import pytest
from dane import BothFamilies, context_of, dns_table, tlsa
from dnstree import DnsTree
from peers import PATIENCE
from pool import Pool

WWW = "www.dane.tld"


class TextServer:
    """Says what a mail server says before STARTTLS: for each line it waits for one that begins so, then speaks TLS."""

    def __init__(self, party, talk):
        self._party, self._talk = party, talk
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            with accepted:
                accepted.settimeout(PATIENCE)
                try:
                    self._serve(accepted)
                except OSError:
                    pass  # the client has left

    def _serve(self, accepted):
        for wanted, answer in self._talk:
            line = b""
            while wanted and not line.endswith(b"\n"):
                line += accepted.recv(1)
            assert line.startswith(wanted.encode()), line
            accepted.sendall(answer.encode())
        with context_of(self._party.chain, self._party.key).wrap_socket(accepted, server_side=True) as session:
            session.recv(1)

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


TALKS = {
    "smtp": [("", "220-hello\r\n220 ready\r\n"), ("EHLO", "250-mail\r\n250 STARTTLS\r\n"), ("STARTTLS", "220 go on\r\n")],
    "imap": [("", "* OK ready\r\n"), ("a STARTTLS", "* NO nothing\r\na OK go on\r\n")],
    "pop3": [("", "+OK ready\r\n"), ("STLS", "+OK go on\r\n")],
}


def published(pool, *words):
    """Lines for a zone of what `dane record` prints."""
    return pool.tlspool("dane", "record", *words).stdout.splitlines()


@pytest.fixture(scope="module")
def site(place, pki):
    """A pool, a tree of zones with what its command printed, and servers."""
    class Site:
        pass

    made = Site()
    made.pool = Pool(place / "dane-commands")
    made.pool.identity(WWW)
    made.pool.identity("device.dane.tld")
    made.party = pki.leaf("mail.dane.tld", sort="intermediate")
    chain = place / "dane-commands.pem"
    chain.write_text(made.party.chain.read_text())
    made.server = BothFamilies(chain, made.party.key)
    made.mail = {name: TextServer(made.party, talk) for name, talk in TALKS.items()}
    port = made.server.port
    mail = ("--certificate", made.party.chain)
    other = tlsa(pki.leaf("other.example", sort="self-signed").cert)
    made.tree = DnsTree(place / "dane-commands-dns")
    made.tree.zone(
        "dane.tld", f"{WWW}. A 127.0.0.1", *published(made.pool, WWW, "443"), *published(made.pool, "device.dane.tld", "--client"),
        *published(made.pool, "device.dane.tld", "--client", "--service", "smtp-client"),
        "mail A 127.0.0.1", *published(made.pool, "mail.dane.tld", port, *mail), "old A 127.0.0.1", f"_{port}._tcp.old {other}",
        "half A 127.0.0.1", f"_{port}._tcp.half {other}", *published(made.pool, "half.dane.tld", port, *mail, "--usage", "3"),
        f"_{port}._tcp.half TYPE52 \\# 35 040101{'00' * 32}", "none A 127.0.0.1", "@ MX 10 mx1", "mx1 A 127.0.0.1", "mx1 AAAA ::1",
        *published(made.pool, "mx1.dane.tld", made.mail["smtp"].port, *mail),
        *[line for name in ("imap", "pop3") for line in published(made.pool, "mail.dane.tld", made.mail[name].port, *mail)])
    made.tree.zone("expired.tld", "www A 127.0.0.1", f"_{port}._tcp.www {other}", state="expired")
    made.tree.zone("plain.tld", "www A 127.0.0.1", f"_{port}._tcp.www {other}", state="unsigned")
    made.tree.start()
    made.pool.configure(dns_table(made.tree, "deadline = 4000"))
    yield made
    made.tree.close()
    made.server.close()
    for server in made.mail.values():
        server.close()
    made.pool.remove()


def check(site, *words):
    done = site.pool.tlspool("dane", "check", *words, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_record_prints_what_openssl_computes(site):
    chain, port = site.party.chain, site.server.port
    middle = site.pool.directory / "middle.pem"
    middle.write_text(chain.read_text().partition("-----END CERTIFICATE-----\n")[2])
    assert published(site.pool, "mail.dane.tld", port, "--certificate", chain) == [
        f"_{port}._tcp.mail.dane.tld. IN {tlsa(site.party.cert)}", f"_{port}._tcp.mail.dane.tld. IN {tlsa(middle, 2)}"]
    for usage in range(4):
        for selector in range(2):
            for matching in range(3):
                lines = published(site.pool, "Mail.dane.tld", 1, "--certificate", chain, "--usage", usage, "--selector", selector,
                                  "--matching", matching, "--proto", "udp")
                about = site.party.cert if usage in (1, 3) else middle
                assert lines == [f"_1._udp.mail.dane.tld. IN {tlsa(about, usage, selector, matching)}"]


def test_record_of_an_identity(site):
    lines = published(site.pool, WWW, "443")
    assert re.fullmatch(rf"_443\._tcp\.{WWW}\. IN TLSA 3 1 1 [0-9a-f]{{64}}", lines[0])
    assert lines == published(site.pool, WWW.upper(), "443")
    assert published(site.pool, "device.dane.tld", "--client", "--service", "x")[0].startswith("_x.device.dane.tld. IN TLSA 3 1 1 ")


def test_record_says_what_is_wrong(site, pki):
    alone = pki.leaf("alone.dane.tld").chain
    done = site.pool.tlspool("dane", "record", "alone.dane.tld", "443", "--certificate", alone)
    assert len(done.stdout.splitlines()) == 1 and "no certificate of an authority" in done.stderr
    for words, code, says in (
            (("alone.dane.tld", "443", "--certificate", alone, "--usage", "2"), 1, "no certificate of an authority"),
            (("stranger.dane.tld", "443"), 1, "the pool has no such identity"),
            (("192.0.2.1", "443", "--certificate", alone), 1, "no host name"),
            ((WWW, "0"), 2, "PORT"), ((WWW,), 2, "PORT"), ((WWW, "443", "--usage", "4"), 2, "--usage"), ((WWW, "443", "--service", "x"), 2, "--client")):
        done = site.pool.tlspool("dane", "record", *words, check=False)
        assert (done.returncode, done.stdout) == (code, "") and says in done.stderr, (words, done)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_what_was_published_is_what_is_served(site, host):
    code, out, err = check(site, "mail.dane.tld", site.server.port, "--connect", f"{host}:{site.server.port}")
    assert code == 0, out + err
    assert [line.split()[0] for line in out.splitlines()] == ["holds", "holds", "mail.dane.tld"]


def test_the_identities_own_records(site):
    chain = site.pool.directory / "identities" / f"{WWW}.pem"
    assert check(site, WWW, "443", "--certificate", chain)[0] == 0
    for words in ((), ("--service", "smtp-client"), ("--service", "other")):
        code, out, err = check(site, "device.dane.tld", "--client", *words)
        assert code == 0, out + err


def test_every_record_gets_a_line(site):
    code, out, err = check(site, "half.dane.tld", site.server.port, "--connect", f"127.0.0.1:{site.server.port}")
    assert code == 0, out + err
    assert sorted(line.split()[0] for line in out.splitlines()) == ["differs", "half.dane.tld", "holds", "unusable"]
    assert "certificate usage 4 is unknown" in out


# name -> what the error says
REFUSED = {"old.dane.tld": "do not prove what is served", "none.dane.tld": "proved that there is no TLSA record", "www.expired.tld": "is bogus",
           "www.plain.tld": "insecure", "127.0.0.1": "no name of a host"}


@pytest.mark.parametrize("name", REFUSED)
def test_check_fails_for_a_reason(site, name):
    code, out, err = check(site, name, site.server.port, "--connect", f"127.0.0.1:{site.server.port}")
    assert code == 1 and REFUSED[name] in err, out + err


def test_check_says_when_nobody_serves(site):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        code, _, err = check(site, "mail.dane.tld", site.server.port, "--connect", f"127.0.0.1:{silent.getsockname()[1]}", "--timeout", "0.5")
        assert code == 1 and "the server says nothing" in err
        port = silent.getsockname()[1]
    code, _, err = check(site, "mail.dane.tld", site.server.port, "--connect", f"127.0.0.1:{port}")
    assert code == 1 and "Connection refused" in err


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_mail_is_read_over_starttls(site, protocol):
    port = site.mail[protocol].port
    code, out, err = check(site, "mail.dane.tld", port, "--connect", f"127.0.0.1:{port}", "--starttls", protocol)
    assert code == 0, out + err


def test_mail_domain(site):
    """The domain's MX record names the server, and STARTTLS comes first."""
    port = site.mail["smtp"].port
    code, out, err = check(site, "dane.tld", port, "--service", "smtp", "--connect", f"127.0.0.1:{port}")
    assert code == 0 and "holds     _" in out and "differs" in out, out + err  # 2 1 1 looks at names, and the certificate is mail.dane.tld's
    assert f"_{port}._tcp.mx1.dane.tld." in out
    code, _, err = check(site, "dane.tld", port, "--service", "smtp", "--connect", f"127.0.0.1:{port}", "--starttls", "imap")
    assert code == 1 and 'answered "220-hello"' in err


def test_without_the_roots_key(site, make_pool):
    pool = make_pool()
    pool.configure('[dns]\nroot_anchor = "missing.key"')
    done = pool.tlspool("dane", "check", WWW, "443", check=False)
    assert done.returncode == 1 and "missing.key" in done.stderr and "dns-root-data" in done.stderr
