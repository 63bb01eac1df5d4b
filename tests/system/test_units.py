# SPDX-License-Identifier: Apache-2.0
"""What systemd takes away from the pool's services."""
import re
import subprocess

import pytest

from pool import ROOT

UNITS = ROOT / "packaging"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
MOST = 1.5


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_hardly_exposed(name):
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", UNITS / name], capture_output=True, text=True)
    assert "ignoring" not in done.stderr, done.stderr
    exposure = float(re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout).group(1))
    assert exposure <= MOST, done.stdout


def test_nothing_in_a_unit_is_unknown():
    units = [UNITS / name for name in SERVICES] + sorted(UNITS.glob("*.socket"))
    assert len(units) >= 7
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines() if any(path.name in line for path in units) and "is not executable" not in line]
    assert said == []


def test_only_who_needs_the_network_has_it():
    for name in SERVICES:
        families = re.search(r"^RestrictAddressFamilies=(.*)", (UNITS / name).read_text(), re.MULTILINE).group(1).split()
        networked = name.startswith(("tlspool-judge", "tlspool-fetcher"))
        assert ("AF_INET" in families) == networked, name
        assert ("\nPrivateNetwork=yes" in (UNITS / name).read_text()) != networked, name
