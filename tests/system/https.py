# SPDX-License-Identifier: Apache-2.0
"""An HTTPS server of a test's own: on a free port of 127.0.0.1, each connection in a thread, quiet about clients that
went away."""
import http.server
import threading

from pool import PATIENCE


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE

    def setup(self):
        # In the connection's own thread: a client that is slow to shake hands delays nobody.
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def say(self, status, text, kind="application/json"):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, context, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.context = context
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass

    def close(self):
        self.shutdown()
        self.server_close()
