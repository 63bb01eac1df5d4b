# SPDX-License-Identifier: Apache-2.0
"""Memory of a pool with two workers while more and more sessions are held at once: a table, and a figure of it in SVG. Each session
takes two descriptors of its worker, so 15,000 need more workers than one where the hard limit is 20,000."""
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from processes import Daemon, free_port, private_kib
from workers import Workers

STEP = 1000
WORKERS = 2
WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 720, 400, 70, 50, 40, 20


def fit(points):
    """Slope and beginning of the straight line through the points, and how far the farthest one is from it, of the whole height."""
    n = len(points)
    mean_x, mean_y = (sum(p[i] for p in points) / n for i in (0, 1))
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    start = mean_y - slope * mean_x
    return slope, start, max(abs(y - start - slope * x) for x, y in points) / max(y for _, y in points)


def figure(points, title):
    slope, start, _ = fit(points)
    most_x = max(x for x, _ in points)
    most_y = -(-max(y for _, y in points) // 50) * 50  # MiB, up to the next 50
    at_x = lambda x: LEFT + x / most_x * (WIDTH - LEFT - RIGHT)
    at_y = lambda y: HEIGHT - BOTTOM - y / most_y * (HEIGHT - BOTTOM - TOP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
           f"<title>{title}</title>", f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<text x="{WIDTH / 2}" y="22" text-anchor="middle" font-size="15">{title}</text>']
    for i in range(6):
        y = most_y * i / 5
        out.append(f'<path d="M{LEFT} {at_y(y):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 8}" y="{at_y(y) + 4:.1f}" text-anchor="end">{y:.0f}</text>')
    for i in range(6):
        x = most_x * i / 5
        out.append(f'<text x="{at_x(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x:,.0f}</text>')
    out += [f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">sessions held at once</text>',
            f'<text x="18" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 18 {HEIGHT / 2})">MiB, all processes</text>',
            f'<path d="M{at_x(0):.1f} {at_y(start):.1f}L{at_x(most_x):.1f} {at_y(start + slope * most_x):.1f}" stroke="#c33" stroke-width="1.5"/>']
    out += [f'<circle cx="{at_x(x):.1f}" cy="{at_y(y):.1f}" r="4" fill="#246"/>' for x, y in points]
    out.append(f'<text x="{LEFT + 16}" y="{TOP + 18}" fill="#c33">{slope * 1024:.1f} KiB a session</text></svg>')
    return "\n".join(out) + "\n"


def open_files(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None  # Only root may look.


def run(options, directory):
    """Writes the figure to options.plot, and a table to standard output."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    port = free_port()
    backend = Daemon([Path(options.programs) / "bench-backend", port], directory / "backend.log")
    pool, holders, points = None, [], [(0, 0.0)]
    try:
        backend.wait_for_port(port)
        pool = Workers(WORKERS, directory, options.programs, port)
        pool.start({})
        load = [Path(options.programs) / "bench-load"]
        subprocess.run([*load, "full13", str(pool.ports["p256"]), "0.5", "ec"], check=True, capture_output=True, timeout=60)
        at_rest = private_kib(pool.pids())
        print(f"{WORKERS} workers; at most {files} descriptors a process; at rest {at_rest / 1024:.0f} MiB\n")
        print("| Sessions | MiB more | KiB each | Descriptors of each worker |\n|---|---|---|---|")
        for count in range(STEP, options.most + 1, STEP):
            holder = subprocess.Popen([*load, "idle", str(pool.ports["p256"]), str(STEP)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            holders.append(holder)
            said = json.loads(holder.stdout.readline() or '{"errors": 1, "problem": "bench-load failed"}')
            if said["errors"]:
                print(f"bench.sh: at {count} sessions: {said['problem']}", file=sys.stderr)
                return 1
            time.sleep(0.3)
            more = private_kib(pool.pids()) - at_rest
            points.append((count, more / 1024))
            files = ", ".join(str(n) for n in map(open_files, pool.workers()) if n is not None)
            print(f"| {count} | {more / 1024:.1f} | {more / count:.2f} | {files} |", flush=True)
    finally:
        for holder in holders:
            holder.stdin.close()
        for holder in holders:
            holder.wait(60)
        if pool:
            pool.stop()
        backend.stop()
    slope, start, off = fit(points)
    print(f"\nA straight line: {slope * 1024:.2f} KiB a session and {start:.1f} MiB; no point is off it by more than {off:.1%} of the whole.")
    options.plot.parent.mkdir(parents=True, exist_ok=True)
    options.plot.write_text(figure(points, "Memory of a pool with two workers"), encoding="utf-8")
    return 0
