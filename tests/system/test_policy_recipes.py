# SPDX-License-Identifier: Apache-2.0
"""The recipes of docs/policy.md are configurations as they stand there."""
import re

import pytest
from pool import ROOT, Pool

TRUST = (ROOT / "docs" / "policy.md").read_text().split("\n## Trust\n")[1].split("\n## Authorization\n")[0]
BLOCKS = re.findall(r"```toml\n(.*?)```", TRUST, re.DOTALL)


@pytest.fixture(scope="module")
def running(place):
    made = Pool(place / "recipes").start()
    yield made
    made.remove()


def test_there_is_one_for_each_purpose():
    assert len(BLOCKS) == 6
    for word in ("stapled", "dane-if-present", "spiffe://", "qkd", "pin-or-first-use"):
        assert any(word in block for block in BLOCKS), word


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_recipe_is_put_into_force(running, block):
    before = running.config.read_text()
    try:
        running.configure(block)
        running.tlspool("reload")
    finally:
        running.config.write_text(before)
    running.tlspool("reload")
