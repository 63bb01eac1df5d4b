# SPDX-License-Identifier: Apache-2.0
"""Two key management entities (ETSI GS QKD 014) that behave as a test tells them, with one link between them: what
enc_keys gives at one, dec_keys gives at the other, each once."""
import base64
import contextlib
import json
import secrets
import uuid

import https
from peers import server_context


class Kme:
    """`party`: its certificate; `client_ca`: who certifies its SAEs. .server.port, .asked (paths and bodies). .misbehave: what
    it does with the next requests for keys, one each: "hang up" (after the keys are gone), "busy", "short key",
    "garbage"; None is as the standard says."""

    def __init__(self, party, client_ca, held, other_held):
        self.keys = held              # ids that dec_keys gives here
        self.link = other_held        # where enc_keys puts the other site's copies
        self.asked = []
        self.misbehave = []
        self.per_request = 7
        self.limit = 100
        entity = self

        class Handler(https.Handler):
            def do_GET(self):  # noqa: N802: http.server's name
                entity.asked.append((self.path, None))
                self.answer(200, entity.status())

            def do_POST(self):  # noqa: N802: http.server's name
                body = json.loads(self.body())
                entity.asked.append((self.path, body))
                how = entity.misbehave.pop(0) if entity.misbehave else None
                if how == "busy":
                    return self.answer(503, {"message": "not enough keys are stored for this pair of SAEs"})
                code, text = entity.give(self.path, body)
                if how == "hang up":
                    self.close_connection = True
                    return None
                if how == "short key" and code == 200:
                    text["keys"][0]["key"] = base64.b64encode(b"short").decode()
                return self.answer(code, "{" if how == "garbage" else text)

            def answer(self, code, text):
                self.say(code, text if isinstance(text, str) else json.dumps(text))

        self.server = https.Server(server_context(party, client_ca=client_ca), Handler)

    def status(self):
        return {"source_KME_ID": "here", "target_KME_ID": "there", "master_SAE_ID": "a", "slave_SAE_ID": "b", "key_size": 256,
                "stored_key_count": self.limit, "max_key_count": 1000, "max_key_per_request": self.per_request,
                "max_key_size": 1024, "min_key_size": 128, "max_SAE_ID_count": 0}

    def give(self, path, body):
        if path.endswith("/enc_keys"):
            return self.new(body.get("number", 1), body.get("size", 256))
        wanted = [k["key_ID"] for k in body["key_IDs"]]
        if not all(k in self.keys for k in wanted):
            return 400, {"message": "one or more keys specified are not found on KME"}
        return 200, {"keys": [{"key_ID": k, "key": self.keys.pop(k)} for k in wanted]}

    def new(self, number, size):
        if number > self.limit:
            return 503, {"message": "not enough keys are stored for this pair of SAEs"}
        self.limit -= number
        keys = [{"key_ID": str(uuid.uuid4()), "key": base64.b64encode(secrets.token_bytes(size // 8)).decode()} for _ in range(number)]
        self.link.update((k["key_ID"], k["key"]) for k in keys)
        return 200, {"keys": keys}

    def calls(self, operation):
        return [body for path, body in self.asked if path.endswith("/" + operation)]


@contextlib.contextmanager
def entities(pki, pool_a, pool_b):
    """kme-a.example for pool_a and kme-b.example for pool_b, who prove themselves by their pools' CAs."""
    at_a, at_b = {}, {}
    one = Kme(pki.leaf("kme-a.example"), pool_a.ca, at_a, at_b)
    other = Kme(pki.leaf("kme-b.example"), pool_b.ca, at_b, at_a)
    try:
        yield one, other
    finally:
        one.server.close()
        other.server.close()
