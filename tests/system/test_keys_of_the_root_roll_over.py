# SPDX-License-Identifier: Apache-2.0
"""RFC 5011: a key of the root that was signed in by an old one and seen for 30 days is trusted; one that came today is not.

The days pass in the state file: every time that it names is set back.
"""
import json
import re
import subprocess
from pathlib import Path

import pytest
from dnstree import DnsTree, run
from pool import BUILD

QUESTION = "www.signed.tld/A"
TIMES = re.compile(r"(;;lastchange=|;;last_queried: |;;last_success: |;;next_probe_time: )(\d+)")


class Root:
    """A tree of zones, and a resolver whose state lives through the changes of the root's keys."""

    def __init__(self, directory):
        self.tree = DnsTree(directory / "dns")
        self.tree.zone("signed.tld", "www A 192.0.2.1")
        self.tree.start()
        self.first_anchor = directory / "first.anchor"
        self.first_anchor.write_text(self.tree.anchor.read_text())
        self.state = directory / "root.key"

    def outcome(self):
        done = subprocess.run([Path(BUILD) / "bin/ask_dns", self.state, self.first_anchor, "30000", f"forward={self.tree.address}", QUESTION],
                              capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        return answer["outcome"], answer["secure"]

    def states(self):
        return sorted(re.findall(r"\[ *([A-Z]+) *\]", self.state.read_text()))

    def days_pass(self, days):
        self.state.write_text(TIMES.sub(lambda m: m.group(1) + str(int(m.group(2)) - days * 24 * 60 * 60), self.state.read_text()))

    def publish(self, change):
        self.tree.close()
        change()
        self.tree.start()

    def introduce(self):
        """A second key that signs keys stands beside the first."""
        self.new = self.tree.key(".")
        self.publish(lambda: self.tree.extra_root_keys.append(self.new))

    def retire_the_first(self):
        place = self.tree.directory / "keys-."
        first, zone_key = place.read_text().split()
        self.publish(lambda: (self.tree.extra_root_keys.clear(), place.write_text(f"{self.new} {zone_key}")))
        return first

    def revoke_the_first(self):
        """Its REVOKE bit is set, and it still signs the keys (RFC 5011 section 2.1)."""
        first = self.retire_the_first()
        run("ldns-revoke", f"{first}.key", cwd=self.tree.directory)
        public = next(p for p in self.tree.directory.glob("K.*.key") if re.search(r"DNSKEY\s+385\s", p.read_text()))
        if not public.with_suffix(".private").exists():
            public.with_suffix(".private").write_text((self.tree.directory / f"{first}.private").read_text())
        self.publish(lambda: self.tree.extra_root_keys.append(public.stem))


@pytest.fixture
def root(tmp_path):
    made = Root(tmp_path)
    assert made.outcome() == ("answer", True)
    assert made.states() == ["VALID"]
    made.introduce()
    assert made.outcome() == ("answer", True)
    assert made.states() == ["ADDPEND", "VALID"]
    yield made
    made.tree.close()


def test_a_key_seen_for_thirty_days_takes_over(root):
    root.days_pass(31)
    assert root.outcome() == ("answer", True)
    assert root.states() == ["VALID", "VALID"]
    root.retire_the_first()
    root.days_pass(1)
    assert root.outcome() == ("answer", True)
    assert root.states() == ["MISSING", "VALID"]


def test_a_key_of_today_is_not_trusted(root):
    root.days_pass(29)
    assert root.outcome() == ("answer", True)
    assert root.states() == ["ADDPEND", "VALID"]
    root.retire_the_first()
    assert root.outcome() == ("bogus", False)


def test_a_revoked_key_is_never_trusted_again(root):
    root.days_pass(31)
    assert root.outcome() == ("answer", True)
    root.revoke_the_first()
    root.days_pass(1)
    assert root.outcome() == ("answer", True)
    assert "REVOKED" in root.states()
