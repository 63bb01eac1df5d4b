# SPDX-License-Identifier: Apache-2.0
"""Two sites with a pool and a token each, and the key management entities between them."""
import re
import subprocess
import threading

from peers import free_port
from pool import BIN, PATIENCE, eventually


def make_sites(make_pool, peer="", name=("a.example", "b.example")):
    """Pools A and B, running. Each has a [[peer]] for the other whose keys come from its key management entity
    (`kme-X.example`, whose port is .kme_port), and a [[peer]] "link" for that entity's own store. `peer`: more lines
    for the [[peer]] of the other site."""
    pools = [make_pool(name=n) for n in name]
    letters = [n.split(".")[0] for n in name]
    for pool, own, other in zip(pools, letters, reversed(letters)):
        pool.identity(f"sae-{own}.example")
        pool.identity(f"kme-{own}.example")
        pool.kme_port = free_port()
        pool.configure(f"""
[keystore]
address = "hsm.{own}.example"

[[kme]]
name = "kme-{own}"
url = "https://127.0.0.1:{pool.kme_port}"
identity = "sae-{own}.example"
expect = "kme-{own}.example"

[[peer]]
name = "{other}.example"
as = "{own}.example"
store = "hsm.{other}.example"
kme = "kme-{own}"
sae = "sae-{other}.example"
{peer}

[[peer]]
name = "link-{other}.example"
store = "link-{other}.example"
when = "asked"
id = "uuid"
deliver = true
""")
        pool.start()
    return pools


class Serve:
    """`tlspool qkd serve` over two sites."""

    def __init__(self, a, b, *words, keys=16):
        self.lines = []
        one, other = (p.name.split(".")[0] for p in (a, b))
        command = [str(BIN / "tlspool"), "--pool", str(a.directory), "qkd", "serve",
                   "--listen", f"127.0.0.1:{a.kme_port}", "--as", f"kme-{one}.example", "--kme", f"kme-{one}",
                   "--link", f"link-{other}.example", "--sae", f"sae-{one}.example",
                   "--peer-pool", str(b.directory), "--peer-listen", f"127.0.0.1:{b.kme_port}", "--peer-as", f"kme-{other}.example",
                   "--peer-kme", f"kme-{other}", "--peer-link", f"link-{one}.example", "--peer-sae", f"sae-{other}.example",
                   "--store", str(keys), *words]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=a.environment)
        reader = threading.Thread(target=self._read, daemon=True)
        reader.start()
        eventually(lambda: len([line for line in self.lines if "listening" in line]) == 2 or self.process.poll() is not None,
                   message=lambda: "\n".join(self.lines))
        if self.process.poll() is not None:  # its last words may still be on their way
            reader.join(PATIENCE)
        assert self.process.poll() is None, self.lines

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip())

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(PATIENCE)


def token_objects(pool, label=r"hsm\..*"):
    """(label, number) of every secret key in the pool's token whose label matches, read with a foreign program."""
    listed = subprocess.run(["pkcs11-tool", "--module", "/usr/lib/softhsm/libsofthsm2.so", "--token-label", "tlspool", "--login", "--pin",
                             (pool.directory / "keeper" / "pin").read_text().strip(), "--list-objects", "--type", "secrkey"],
                            capture_output=True, text=True, timeout=PATIENCE, cwd=pool.directory / "keeper",
                            env=dict(pool.environment, SOFTHSM2_CONF="softhsm2.conf"), check=True).stdout
    found = re.findall(r"label:\s+(\S+)\n(?:.*\n)*?\s+ID:\s+([0-9a-f]+)", listed)
    return [(name, int(number, 16)) for name, number in found if re.fullmatch(label, name)]
