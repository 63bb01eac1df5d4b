# SPDX-License-Identifier: Apache-2.0
"""Certificates of every sort for system tests, made with openssl(1) and kept in one directory.

    pki = Pki(tmp_path_factory.mktemp("pki"))
    web = pki.leaf("web.example")                   # good, P-256, signed by pki.ca()
    old = pki.leaf("web.example", sort="expired")
    web.cert, web.key, web.chain                    # paths: leaf, its key, leaf and intermediates

Asking twice for the same thing gives the same files. `SORTS` names everything that leaf() can make.
"""
import hashlib
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

SORTS = ("good", "expired", "not-yet-valid", "wrong-name", "self-signed", "unknown-ca", "wrong-purpose", "small-key",
         "sha1", "no-san", "intermediate", "missing-intermediate")
KEYS = {
    "p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "ed25519": ["-algorithm", "ED25519"],
    "rsa1024": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
    "rsa2048": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "rsa3072": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
    "rsa4096": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"],
}
DAY = 24 * 60 * 60


@dataclass(frozen=True)
class Party:
    """Paths of one certificate, its key, and the chain to send (leaf first, no anchor)."""
    name: str
    cert: Path
    key: Path
    chain: Path


@dataclass(frozen=True)
class Wish:
    """What a certificate shall say; times are seconds from now."""
    cn: str
    key: str = "p256"
    san: tuple = ()
    usage: str = ""
    ca: bool = False
    start: int = -DAY
    end: int = 30 * DAY
    digest: str = "sha256"
    extra: tuple = field(default=())


def openssl(*words, stdin=None, before=()):
    done = subprocess.run([*before, "openssl", *map(str, words)], input=stdin, capture_output=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(map(str, words))}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def san_word(name):
    """web.example -> DNS:web.example, joe@web.example -> email:..., 127.0.0.1 -> IP:..., spiffe://td/x -> URI:..."""
    if "://" in name:
        return f"URI:{name}"
    if "@" in name:
        return f"email:{name}"
    if ":" in name or name.replace(".", "").isdigit():
        return f"IP:{name}"
    return f"DNS:{name}"


class Pki:
    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)

    def ca(self, name="Test CA"):
        """A self-signed CA; tests put its certificate among the anchors."""
        return self._make(Wish(cn=name, ca=True, end=3650 * DAY), None)

    def leaf(self, name="web.example", sort="good", key="p256", usage="serverAuth", also=(), ca="Test CA", lasts=30 * DAY):
        """A leaf for host, address or user `name` that is wrong in one way (`sort`, see SORTS); `also`: more
        names; `usage`: extended key usage, such as "clientAuth" or "serverAuth,clientAuth"; `lasts`: seconds from
        when it is made."""
        if sort not in SORTS:
            raise ValueError(f"no such sort of certificate: {sort}")
        issuer = self.ca(ca)
        wish = dict(cn=name, key=key, usage=usage, san=(name, *also), end=lasts)
        if sort == "expired":
            wish.update(start=-10 * DAY, end=-DAY)
        elif sort == "not-yet-valid":
            wish.update(start=DAY)
        elif sort == "wrong-name":
            wish.update(san=("other.example",))
        elif sort == "self-signed":
            return self._make(Wish(**wish), None)
        elif sort == "unknown-ca":
            issuer = self.ca("Unknown CA")
        elif sort == "wrong-purpose":
            wish.update(usage="clientAuth" if "serverAuth" in usage else "serverAuth")
        elif sort == "small-key":
            wish.update(key="rsa1024")
        elif sort == "sha1":
            wish.update(digest="sha1")
        elif sort == "no-san":
            wish.update(san=())
        elif sort == "intermediate":
            issuer = self._make(Wish(cn=f"{ca} intermediate", ca=True, end=365 * DAY), issuer)
        elif sort == "missing-intermediate":
            issuer = self._make(Wish(cn=f"{ca} intermediate", ca=True, end=365 * DAY), issuer)
            return self._make(Wish(**wish, extra=("alone",)), issuer)
        return self._make(Wish(**wish), issuer)

    def _make(self, wish, issuer):
        digest = hashlib.sha256(repr((wish, issuer and issuer.name)).encode()).hexdigest()[:16]
        stem = self.directory / digest
        party = Party(digest, stem.with_suffix(".crt"), stem.with_suffix(".key"), stem.with_suffix(".chain.pem"))
        if party.chain.exists():
            return party
        # Parallel test processes may make the same one: each writes aside, the first to link wins.
        work = self.directory / f"{digest}.{os.getpid()}"
        work.mkdir()
        key, csr, cert = work / "key", work / "csr", work / "crt"
        openssl("genpkey", *KEYS[wish.key], "-out", key)
        openssl("req", "-new", "-key", key, "-out", csr, "-subj", f"/CN={wish.cn}", "-config", "/dev/null")
        self._sign(work, wish, issuer, csr, key, cert)
        chain = cert.read_bytes()
        if issuer and "alone" not in wish.extra and not self._is_self_signed(issuer):
            chain += issuer.chain.read_bytes()
        (work / "chain").write_bytes(chain)
        for source, target in ((key, party.key), (cert, party.cert), (work / "chain", party.chain)):
            self._publish(source, target, party)
        return party

    def _publish(self, source, target, party):
        """All of one process's files or none: whoever links the key first goes on."""
        if target == party.key:
            try:
                os.link(source, target)
                return
            except FileExistsError:
                self._wait_for(party.chain)
        if target.exists():
            return
        source.rename(target)

    @staticmethod
    def _wait_for(path):
        end = time.monotonic() + 30
        while not path.exists():
            if time.monotonic() > end:
                raise TimeoutError(f"{path} was never finished by another test process")
            time.sleep(0.02)

    @staticmethod
    def _is_self_signed(party):
        names = openssl("x509", "-in", party.cert, "-noout", "-subject", "-issuer", "-nameopt", "RFC2253").decode()
        subject, issuer = (line.split("=", 1)[1] for line in names.splitlines())
        return subject == issuer

    @staticmethod
    def _sign(work, wish, issuer, csr, key, cert):
        """openssl ca, for it alone can set both dates."""
        now = int(time.time())
        stamp = lambda offset: time.strftime("%Y%m%d%H%M%SZ", time.gmtime(now + offset))
        lines = ["[ca]", "default_ca=d", "[d]", f"database={work}/index", f"rand_serial=yes", f"new_certs_dir={work}",
                 "policy=p", "unique_subject=no", "[p]", "commonName=supplied", "[x]",
                 f"basicConstraints=critical,CA:{'TRUE' if wish.ca else 'FALSE'}", "subjectKeyIdentifier=hash"]
        if wish.ca:
            lines.append("keyUsage=critical,keyCertSign,cRLSign")
        if wish.usage:
            lines.append(f"extendedKeyUsage={wish.usage}")
        if wish.san:
            lines.append("subjectAltName=" + ",".join(san_word(n) for n in wish.san))
        (work / "index").touch()
        config = work / "config"
        config.write_text("\n".join(lines) + "\n")
        signer = ["-selfsign", "-keyfile", key] if issuer is None else ["-cert", issuer.cert, "-keyfile", issuer.key]
        digest = "default" if wish.key == "ed25519" and issuer is None else wish.digest
        openssl("ca", "-batch", "-notext", "-config", config, "-extensions", "x", "-md", digest, *signer, "-in", csr,
                "-out", cert, "-startdate", stamp(wish.start), "-enddate", stamp(wish.end))
