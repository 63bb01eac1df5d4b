# SPDX-License-Identifier: Apache-2.0
"""A program of a [[hook]] that behaves itself where the service is "fine", and else does what its argument says."""
import json
import os
import sys
import time


def answer(number, **result):
    return (json.dumps({"id": number, "result": {"allow": True, **result}}) + "\n").encode()


def bomb():
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.01)


def misbehave(how, number):
    if how == "crash":
        os.abort()
    elif how == "end":
        sys.exit(0)
    elif how == "late":
        time.sleep(600)
    elif how == "garbage":
        os.write(1, b"Traceback (most recent call last):\n")
    elif how == "twice":
        os.write(1, answer(number) + answer(number))
    elif how == "other":
        os.write(1, answer(number + 1))
    elif how == "long":
        os.write(1, answer(number, reason="x" * 70000))
    elif how == "endless":
        while True:
            os.write(1, b"x" * 65536)
    elif how == "closed":
        os.close(1)
        os.close(0)
        time.sleep(600)
    elif how == "orphan":  # its child holds the output open, and outlives it
        if os.fork() > 0:
            os._exit(0)
        time.sleep(600)
    elif how == "bomb":
        bomb()
    elif how == "memory":
        held = bytearray(1 << 40)
        os.write(1, answer(len(held)))
    elif how == "no":
        os.write(1, (json.dumps({"id": number, "result": False}) + "\n").encode())


for line in sys.stdin.buffer:
    question = json.loads(line)
    if question["input"]["service"].endswith("-fine"):
        os.write(1, answer(question["id"]))
    else:
        misbehave(sys.argv[1], question["id"])
