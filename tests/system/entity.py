# SPDX-License-Identifier: Apache-2.0
"""A key management entity that can misbehave: HTTPS with client certificates, keys made up as they are asked for."""
import base64
import json
import secrets
import socket
import threading
import uuid

import https
from peers import server_context
from pool import PATIENCE


class Entity:
    """Listens on a free port of 127.0.0.1 as `party`; clients must have a certificate of one of the CAs in `ca`.

    `misbehave` is None or a function (handler, answer) that answers in place of the entity; `answer` is the text that
    it would have sent. What was asked for is in `asked`: (client's name, operation, body)."""

    def __init__(self, party, ca):
        self.keys = {}
        self.asked = []
        self.handshakes = 0
        self.misbehave = None
        self.over = threading.Event()
        entity = self

        class Handler(https.Handler):
            def setup(self):
                super().setup()
                entity.handshakes += 1

            def do_POST(self):  # noqa: N802: http.server's name
                body = json.loads(self.body())
                subject = dict(field for part in self.request.getpeercert()["subject"] for field in part)
                operation = self.path.split("/")[-1]
                entity.asked.append((subject["commonName"], operation, body))
                answer = entity.answer(operation, body)
                if entity.misbehave:
                    entity.misbehave(self, answer)
                else:
                    self.say(200, answer)

        self.server = https.Server(server_context(party, client_ca=ca), Handler)
        self.port = self.server.port

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.close()

    def answer(self, operation, body):
        if operation == "enc_keys":
            name = str(uuid.uuid4())
            self.keys[name] = secrets.token_bytes(body.get("size", 256) // 8)
            return container((name, self.keys[name]))
        return container(*((k["key_ID"], self.keys.pop(k["key_ID"])) for k in body["key_IDs"]))

    def asked_for(self, operation):
        return [ask for ask in self.asked if ask[1] == operation]


def container(*keys):
    return json.dumps({"keys": [{"key_ID": name, "key": base64.b64encode(key).decode()} for name, key in keys]})


# --- misbehaviour ---

def says(status, message=None):
    """That status, with an error of the standard."""
    return lambda handler, _: handler.say(status, json.dumps({"message": message}) if message else "")


def broken_json(handler, answer):
    handler.say(200, answer[:-2])


def short_key(handler, answer):
    name = json.loads(answer)["keys"][0]["key_ID"]
    handler.say(200, container((name, b"short")))


def twice(handler, answer):
    """Two keys of one id."""
    name = json.loads(answer)["keys"][0]["key_ID"]
    handler.say(200, container((name, secrets.token_bytes(32)), (name, secrets.token_bytes(32))))


def nothing(handler, _):
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def silent(entity):
    """Says nothing until the end of the test."""
    return lambda *_: entity.over.wait(PATIENCE * 3)
