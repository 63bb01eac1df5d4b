# SPDX-License-Identifier: Apache-2.0
"""A mistyped command is named, on standard error, with the status of a usage error."""
import subprocess

import pytest
from pool import BIN


@pytest.mark.parametrize("words", [["statu"], ["identity", "frob"], ["statu", "--json"]])
def test_unknown_command(words):
    done = subprocess.run([str(BIN / "tlspool"), *words], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert words[1 if words[0] == "identity" else 0] in done.stderr
    assert "tlspool --help" in done.stderr
    assert done.stdout == ""
