# SPDX-License-Identifier: Apache-2.0
"""An authority that revokes: `openssl ca` keeps its index, `openssl ocsp` answers for it, and a web server of the test's own publishes
its lists. Its certificates name where these are."""
import http.server
import os
import subprocess
import threading

from pki import KEYS, Party, openssl, san_word
from pool import PATIENCE

CONFIG = """
[ca]
default_ca = authority
[authority]
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
certificate = {folder}/ca.crt
private_key = {folder}/ca.key
crlnumber = {folder}/crlnumber
default_md = sha256
default_days = 30
default_crl_hours = 24
unique_subject = no
policy = any
[any]
commonName = supplied
[delta]
2.5.29.27 = critical,DER:02:01:01
[indirect]
issuingDistributionPoint = critical,indirectCRL:TRUE
[responder]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = OCSPSigning
[web]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth,clientAuth
subjectAltName = {san}
{more}
"""


class Web:
    """Publishes bytes, or what a function makes of a request's body, and counts who asks."""

    def __init__(self):
        web = self
        self.pages = {}
        self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = PATIENCE

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                web.asked.append(self.path)
                page = web.pages.get(self.path)
                data = page(body) if callable(page) else page
                self.send_response(404 if data is None else 200)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # By name, so that the judge looks it up from its sandbox.
        self.url = f"http://localhost:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def count(self, path):
        return self.asked.count(path)

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Authority:
    def __init__(self, folder, web, name="Revoking CA"):
        self.folder, self.web, self.made = folder, web, 0
        folder.mkdir()
        os.chmod(folder, 0o755)
        self.cert, self.key = folder / "ca.crt", folder / "ca.key"
        openssl("genpkey", *KEYS["p256"], "-out", self.key)
        openssl("req", "-x509", "-new", "-key", self.key, "-out", self.cert, "-days", "3650", "-subj", f"/CN={name}", "-config", "/dev/null",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        (folder / "index.txt").write_text("")
        (folder / "serial").write_text("1000\n")
        (folder / "crlnumber").write_text("01\n")

    def _ca(self, *words, san="DNS:none.example", more=""):
        config = self.folder / f"{self.made}.cnf"
        config.write_text(CONFIG.format(folder=self.folder, san=san, more=more))
        return openssl("ca", "-config", config, "-batch", *words)

    def issue(self, name, section="web", lists=None, responder=None, must_staple=False):
        """`lists`, `responder`: paths of the web server that the certificate names."""
        self.made += 1
        stem = self.folder / f"leaf{self.made}"
        party = Party(name, stem.with_suffix(".crt"), stem.with_suffix(".key"), stem.with_suffix(".pem"))
        openssl("genpkey", *KEYS["p256"], "-out", party.key)
        openssl("req", "-new", "-key", party.key, "-out", stem.with_suffix(".csr"), "-subj", f"/CN={name}", "-config", "/dev/null")
        self.sign(stem.with_suffix(".csr"), party.cert, name, section, lists, responder, must_staple)
        party.chain.write_bytes(party.cert.read_bytes())
        return party

    def sign(self, request, out, name, section="web", lists=None, responder=None, must_staple=False):
        more = [f"crlDistributionPoints = URI:{self.web.url}{lists}"] if lists else []
        more += [f"authorityInfoAccess = OCSP;URI:{self.web.url}{responder}"] if responder else []
        more += ["tlsfeature = status_request"] if must_staple else []
        self._ca("-in", request, "-out", out, "-notext", "-extensions", section, san=san_word(name), more="\n".join(more))

    def revoke(self, party, reason="keyCompromise"):
        self._ca("-revoke", party.cert, "-crl_reason", reason)

    def make_list(self, section=None):
        out = self.folder / "list.pem"
        self._ca("-gencrl", "-out", out, *(["-crlexts", section] if section else []))
        return openssl("crl", "-in", out, "-outform", "DER")

    def respond(self, request, signer=None, days=0, options=()):
        """What `openssl ocsp` answers to the request where its clock is some days off."""
        signer = signer or self
        asked, said = self.folder / "request.der", self.folder / f"response{threading.get_ident()}.der"
        asked.write_bytes(request)
        openssl("ocsp", "-index", self.folder / "index.txt", "-CA", self.cert, "-rsigner", signer.cert, "-rkey", signer.key, "-reqin", asked,
                "-respout", said, "-nmin", "60", *options, before=("faketime", "-f", f"{days:+}d") if days else ())
        return said.read_bytes()

    def response_for(self, party, **how):
        """A response as it is stapled; the path of its file."""
        asked = self.folder / "asked.der"
        openssl("ocsp", "-issuer", self.cert, "-cert", party.cert, "-reqout", asked, "-no_nonce")
        path = self.folder / f"{party.cert.stem}.ocsp"
        path.write_bytes(self.respond(asked.read_bytes(), **how))
        return path

    def responder_process(self):
        """`openssl ocsp` as a server of its own: the process, and its port."""
        process = subprocess.Popen(["openssl", "ocsp", "-index", str(self.folder / "index.txt"), "-CA", str(self.cert), "-rsigner", str(self.cert),
                                    "-rkey", str(self.key), "-port", "0", "-nmin", "60"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in process.stdout:
            if line.startswith("ACCEPT"):
                return process, int(line.split()[1].rsplit(":", 1)[1])
        raise AssertionError("openssl ocsp did not start")
