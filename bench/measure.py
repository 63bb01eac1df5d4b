# SPDX-License-Identifier: Apache-2.0
"""One row of the table."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    name: str
    load: str     # the word for bench-load
    key: str
    what: str
    better: str   # "lower" or "higher"
    against: str = "best"  # whom the ratio compares with; the best of all where that one is not there
