# SPDX-License-Identifier: Apache-2.0
"""What the processes of a pool take of the processors."""
import os
import time

TICK = 1000 // os.sysconf("SC_CLK_TCK")


def taken(pids):
    """Milliseconds that each of them has run so far, by name and number; the kernel counts in ticks of 10."""
    out = {}
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            name, _, rest = stat.read().partition(") ")
        fields = rest.split()
        out[f"{pid} {name.split('(')[1]}"] = (int(fields[11]) + int(fields[12])) * TICK
    return out


def spent(pids, seconds):
    """{process: ms} of those that ran within the next so many seconds."""
    before = taken(pids)
    time.sleep(seconds)  # what is measured is this time
    after = taken(pids)
    return {name: after[name] - before[name] for name in before if after[name] > before[name]}
