# SPDX-License-Identifier: Apache-2.0
"""A DNSSEC tree of a test's own: root, TLD and zones, signed with ldns-signzone, served by nsd on loopback.

    tree = DnsTree(directory)
    tree.zone("good.tld", "www A 192.0.2.1")             # lines of a zone file
    tree.zone("old.tld", "www A 192.0.2.1", state="expired")
    tree.start()
    tree.address, tree.anchor                             # "127.0.0.1@PORT", the file with the root's DS record
    tree.close()

States of a zone: signed, unsigned (its parent proves so), expired, future, broken (a signature of its A records is not
theirs), unsigned-by-mistake (its parent has a DS record), wrong-ds. Names are relative to the zone.
"""
import base64
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

STATES = ("signed", "unsigned", "expired", "future", "broken", "unsigned-by-mistake", "wrong-ds")
ALGORITHM = "ECDSAP256SHA256"
DAY = 24 * 60 * 60
SOA = "$TTL {ttl}\n@ IN SOA ns.{zone} hostmaster.{zone} 1 3600 600 86400 60\n@ IN NS ns.{zone}\nns.{zone} IN A 127.0.0.1\n"


def run(*words, cwd):
    done = subprocess.run([str(w) for w in words], cwd=cwd, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    return done.stdout


def stamp(seconds_from_now):
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + seconds_from_now))


def free_port():
    """For UDP and TCP at once, so not one that the kernel hands out by itself for only one of them."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return tcp.getsockname()[1]


class DnsTree:
    def __init__(self, directory, nsec3=False):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.address = f"127.0.0.1@{self.port}"
        self.anchor = self.directory / "root.anchor"
        self.nsec3 = nsec3
        self.zones = {}  # name with the dot at its end -> (lines, state)
        self.server = None
        self.extra_root_keys = []
        self.zone("tld")

    def zone(self, name, *lines, state="signed"):
        assert state in STATES, state
        self.zones[name.rstrip(".") + "."] = (lines, state)

    def stubs(self):
        """Words for ask_dns by which every zone is asked for at its server, and no forwarding takes place."""
        return [f"stub={zone},{self.address}" for zone in [".", *self.zones]]

    def sign_all(self):
        """Children before their parents, whose zones hold their DS records."""
        delegations = {}
        for zone in sorted(self.zones, key=lambda z: -z.count(".")):
            lines, state = self.zones[zone]
            ds = self._make(zone, [*lines, *delegations.get(zone, [])], state)
            parent = zone.split(".", 1)[1] or "."
            entry = [f"{zone} IN NS ns.{zone}", f"ns.{zone} IN A 127.0.0.1"] + ([ds] if ds else [])
            delegations.setdefault(parent, []).extend(entry)
        self.anchor.write_text(self._make(".", delegations.get(".", []), "signed") + "\n")

    def key(self, zone, secure_entry=True):
        """A new key pair; the name of its files without their endings."""
        return run("ldns-keygen", "-a", ALGORITHM, *(["-k"] if secure_entry else []), zone, cwd=self.directory).strip()

    def _keys(self, zone):
        place = self.directory / f"keys-{zone}"
        if not place.exists():
            place.write_text(f"{self.key(zone)} {self.key(zone, secure_entry=False)}")
        return place.read_text().split()

    def _make(self, zone, lines, state):
        plain = self.directory / f"zone-{zone}"
        root = "" if zone == "." else zone
        head = SOA.format(ttl=300, zone=root or "root-servers.")
        plain.write_text(f"$ORIGIN {zone}\n{head}" + "\n".join(lines) + "\n")
        served = self.directory / f"served-{zone}"
        if state.startswith("unsigned"):
            shutil.copy(plain, served)
            if state == "unsigned":
                return None
        keys = self._keys(zone)
        if not state.startswith("unsigned"):
            start, end = {"expired": (-60 * DAY, -30 * DAY), "future": (30 * DAY, 60 * DAY)}.get(state, (-DAY, 30 * DAY))
            extra = self.extra_root_keys if zone == "." else []
            run("ldns-signzone", *(["-n", "-t", "1", "-s", "ab"] if self.nsec3 else []), "-i", stamp(start), "-e", stamp(end),
                "-f", served, plain, *keys, *extra, cwd=self.directory)
            if state == "broken":
                break_signature(served)
        told = self.key(zone) if state == "wrong-ds" else keys[0]
        return run("ldns-key2ds", "-n", "-2", f"{told}.key", cwd=self.directory).strip()

    def start(self):
        self.sign_all()
        config = [f"server:\n  ip-address: 127.0.0.1@{self.port}\n  username: \"\"\n  chroot: \"\"\n  zonesdir: \"{self.directory}\"",
                  f"  database: \"\"\n  zonelistfile: \"{self.directory}/zone.list\"\n  xfrdfile: \"{self.directory}/xfrd.state\"",
                  f"  xfrdir: \"{self.directory}\"\n  pidfile: \"{self.directory}/nsd.pid\"\n  server-count: 1\n  rrl-ratelimit: 0",
                  "remote-control:\n  control-enable: no"]
        for zone in [".", *self.zones]:
            config.append(f"zone:\n  name: \"{zone}\"\n  zonefile: \"served-{zone}\"")
        path = self.directory / "nsd.conf"
        path.write_text("\n".join(config) + "\n")
        with open(self.directory / "nsd.log", "ab") as log:
            self.server = subprocess.Popen([nsd(), "-d", "-c", str(path)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait()
        said = (self.directory / "nsd.log").read_text()
        assert "error:" not in said, said

    def _wait(self):
        """Until it answers for the root; each try waits at most a second."""
        question = b"\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x06\x00\x01"
        deadline = time.monotonic() + 60
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(1)
            probe.connect(("127.0.0.1", self.port))
            while time.monotonic() < deadline:
                if self.server.poll() is not None:
                    break
                try:
                    probe.send(question)
                    answer = probe.recv(4096)
                    if answer[:2] == question[:2] and answer[3] & 0x0f == 0:
                        return
                except OSError:
                    self._settle()
        raise RuntimeError("nsd does not serve: " + (self.directory / "nsd.log").read_text())

    def _settle(self):
        try:
            self.server.wait(0.1)  # refused: it is still starting, or has ended
        except subprocess.TimeoutExpired:
            pass

    def close(self):
        if self.server is not None:
            self.server.terminate()
            self.server.wait(30)
            self.server = None


def nsd():
    found = shutil.which("nsd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    assert found, "nsd is missing: see packages.txt"
    return found


def break_signature(path):
    """Another value in the signature of every A record; its form stays good."""
    def other(match):
        raw = bytearray(base64.b64decode(match.group(2)))
        raw[7] ^= 0x55
        return match.group(1) + base64.b64encode(bytes(raw)).decode()
    text, count = re.subn(r"(\sRRSIG\s+A\s.*\s)([A-Za-z0-9+/=]{80,})", other, path.read_text())
    assert count, f"{path}: no signature of an A record"
    path.write_text(text)
