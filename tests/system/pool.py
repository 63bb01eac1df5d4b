# SPDX-License-Identifier: Apache-2.0
"""A pool of its own for a test: the real tlspoold with a real SoftHSM2 token, in a directory of its own."""
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("TLSPOOL_BUILD", ROOT / "build"))
BIN = BUILD / "bin"
SANITIZED = "TLSPOOL_SANITIZED" in os.environ
PATIENCE = 60.0 if SANITIZED else 20.0


class Pool:
    """`tlspool init` in `directory`; start() runs tlspoold until stop()."""

    def __init__(self, directory, name="pool.example", extra=""):
        self.directory = Path(directory)
        self.name = name
        self.process = None
        self.log = []
        self._reader = None
        self.environment = dict(os.environ)
        self.tlspool("init", "--name", name)
        self.config = self.directory / "tlspool.toml"
        if extra:
            self.configure(extra)

    # --- the command ---

    def tlspool(self, *words, check=True, stdin=None, timeout=PATIENCE):
        done = subprocess.run([str(BIN / "tlspool"), "--pool", str(self.directory), *map(str, words)], input=stdin,
                              capture_output=True, text=True, timeout=timeout, env=self.environment)
        if check and done.returncode != 0:
            raise AssertionError(f"tlspool {' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def identity(self, name, key="p256"):
        self.tlspool("identity", "new", name, "--key", key)
        return name

    @property
    def ca(self):
        return self.directory / "ca" / "ca.pem"

    @property
    def socket(self):
        return self.directory / "run" / "pool.sock"

    def replace(self, old, new):
        """Changes the configuration; what is to be changed must be there."""
        text = self.config.read_text()
        assert old in text, f"{old} is not in {self.config}"
        self.config.write_text(text.replace(old, new))

    def configure(self, text):
        """Appends to the configuration."""
        self.config.write_text(self.config.read_text() + "\n" + text + "\n")

    def trust(self, *files):
        """Adds trust anchors."""
        wanted = ", ".join(f'"{f}"' for f in files)
        self.config.write_text(self.config.read_text().replace('anchors = ["ca/ca.pem"', f'anchors = ["ca/ca.pem", {wanted}'))
        assert wanted in self.config.read_text()

    # --- the daemon ---

    def start(self, *options, env=None, wait=True, open_files=None, program="tlspoold"):
        """open_files: the most descriptors that each of its processes may have. program: another build of the daemon."""
        self.log = []
        environment = dict(self.environment, **(env or {}))
        limited = [] if open_files is None else ["prlimit", f"--nofile={open_files}:{open_files}"]
        self.process = subprocess.Popen([*limited, str(BIN / program), "--pool", str(self.directory), "--log", "json", *options],
                                        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=environment)
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        if wait:
            self.wait_for("pool.ready")
        return self

    def _read(self, process):
        for line in process.stderr:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.log.append({"event": "unreadable", "text": line.rstrip()})

    def events(self, name, /, **fields):
        return [e for e in list(self.log) if e.get("event") == name and all(e.get(k) == v for k, v in fields.items())]

    def wait_for(self, event, /, count=1, timeout=PATIENCE, **fields):
        deadline = time.monotonic() + timeout
        while True:
            found = self.events(event, **fields)
            if len(found) >= count:
                return found[count - 1]
            if self.process.poll() is not None and not self.events(event, **fields):
                self._reader.join(5)
                if not self.events(event, **fields):
                    raise AssertionError(f"tlspoold ended with {self.process.returncode} before {event}:\n{self.text()}")
            assert time.monotonic() < deadline, f"no {event} {fields} in the log:\n{self.text()}"
            time.sleep(0.02)

    def text(self):
        return "\n".join(json.dumps(e) for e in self.log)

    def stop(self):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self.process = None
        broken = [e for e in self.log if e["event"] == "unreadable" and ("Sanitizer" in e["text"] or "runtime error" in e["text"])]
        assert not broken, self.text()
        return status

    def restart(self):
        self.stop()
        return self.start()

    def status(self):
        return json.loads(self.tlspool("status", "--json").stdout)

    def pids(self, kind):
        """Process ids of the pool's children whose name begins with `kind` (worker, keeper, judge)."""
        return [p["pid"] for p in self.status()["processes"] if p["name"].startswith(kind)]

    def open_files(self, pid):
        """What each open descriptor of a child is, by its link. As an ordinary user there is no telling (None): the
        kernel closes the descriptors of processes that are not dumpable, and that it does is then asserted."""
        try:
            names = os.listdir(f"/proc/{pid}/fd")
        except PermissionError:
            assert os.geteuid() != 0
            return None
        links = {}
        for name in names:
            try:
                links[name] = os.readlink(f"/proc/{pid}/fd/{name}")
            except FileNotFoundError:
                pass
        return links

    def descriptors(self, kind="worker"):
        """Open descriptors of all processes of a kind. As an ordinary user: room in their tables, which the kernel
        tells everybody; it grows by 64 and more at a time, so only a leak that goes on shows."""
        total = 0
        for pid in self.pids(kind):
            links = self.open_files(pid)
            if links is None:
                with open(f"/proc/{pid}/status", encoding="ascii") as status:
                    total += next(int(line.split()[1]) for line in status if line.startswith("FDSize"))
            else:
                total += len(links)
        return total

    def remove(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def eventually(condition, timeout=PATIENCE, message="it never happened"):
    """Waits until condition() is true, and returns what it gave."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, message() if callable(message) else message
        time.sleep(0.02)
