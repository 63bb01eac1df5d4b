# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the Open Policy Agent: its REST API for data, with a Python function as the policy, over TCP, TLS and a
Unix socket."""
import contextlib
import http.server
import json
import os
import socketserver
import threading


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.opa.requests.append((self.path, self.headers["Content-Type"], json.loads(body)))
        status, text = self.server.opa.answer(self.path, json.loads(body).get("input"))
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def address_string(self):
        return "client"

    def log_message(self, *_):
        pass


class _Server(socketserver.ThreadingMixIn):
    daemon_threads = True

    def handle_error(self, *_):
        """Whoever asks may go away before the answer."""


class _Tcp(_Server, http.server.HTTPServer):
    context = None

    def finish_request(self, request, client_address):
        if self.context is None:
            return super().finish_request(request, client_address)
        with contextlib.suppress(OSError):  # whoever does not trust us goes away
            with self.context.wrap_socket(request, server_side=True) as secured:
                self.opa.connections.append([name for _, name in (secured.getpeercert() or {}).get("subjectAltName", ())])
                self.RequestHandlerClass(secured, client_address, self)


class _Unix(_Server, socketserver.UnixStreamServer):
    def get_request(self):
        request, _ = super().get_request()
        return request, ("client", 0)


class Opa:
    """policy(input) gives the result of /v1/data/tlspool/allow; None leaves it undefined. bytes are the whole body, an int is an
    HTTP status. Any other document is undefined, as with the real one."""

    def __init__(self, policy, path=None, context=None):
        self.policy = policy
        self.requests = []
        self.connections = []  # of TLS: the names in the client's certificate
        if path is None:
            self.server = _Tcp(("127.0.0.1", 0), _Handler)
            self.port = self.server.server_address[1]
            if context is not None:
                self.server.context = context
        else:
            self.server = _Unix(str(path), _Handler)
            os.chmod(path, 0o666)
        self.server.opa = self
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def answer(self, path, given):
        if not path.startswith("/v1/data/"):
            return 404, b"{}"
        result = self.policy(given) if path == "/v1/data/tlspool/allow" else None
        if isinstance(result, bytes):
            return 200, result
        if isinstance(result, int) and not isinstance(result, bool):
            return result, b'{"code": "internal_error"}'
        return 200, json.dumps({} if result is None else {"result": result}).encode()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(10)
