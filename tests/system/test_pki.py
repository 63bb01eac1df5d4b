# SPDX-License-Identifier: Apache-2.0
"""The certificates that the other tests rely on are wrong in the way that their name says, and in no other."""
import subprocess

import pytest

from pki import KEYS, SORTS

EXPECTED = {
    "good": "OK", "intermediate": "OK", "no-san": "OK", "wrong-name": "OK", "sha1": "OK",
    "expired": "certificate has expired",
    "not-yet-valid": "certificate is not yet valid",
    "self-signed": "self-signed certificate",
    "unknown-ca": "unable to get local issuer certificate",
    "missing-intermediate": "unable to get local issuer certificate",
    "wrong-purpose": "unsuitable certificate purpose",
    "small-key": "EE certificate key too weak",
}


def verify(pki, leaf, *more):
    done = subprocess.run(["openssl", "verify", "-CAfile", pki.ca().cert, "-purpose", "sslserver", "-untrusted", leaf.chain,
                           *more, leaf.cert], capture_output=True, text=True, timeout=30)
    return done.stdout + done.stderr


@pytest.mark.parametrize("sort", SORTS)
def test_sort_is_wrong_in_its_own_way(pki, sort):
    level = ["-auth_level", "2"] if sort == "small-key" else []
    assert EXPECTED[sort] in verify(pki, pki.leaf(sort=sort), *level)


def test_wrong_name_and_digest(pki):
    assert "hostname mismatch" in verify(pki, pki.leaf(sort="wrong-name"), "-verify_hostname", "web.example")
    assert "CA signature digest algorithm too weak" in verify(pki, pki.leaf(sort="sha1"), "-auth_level", "2")


@pytest.mark.parametrize("key", [k for k in KEYS if k not in ("rsa1024", "rsa4096")])
def test_every_key_type(pki, key):
    assert "OK" in verify(pki, pki.leaf(key=key), "-verify_hostname", "web.example")


def test_same_wish_gives_same_files(pki):
    assert pki.leaf("127.0.0.1", also=("joe@web.example", "::1")) == pki.leaf("127.0.0.1", also=("joe@web.example", "::1"))
    assert pki.leaf() != pki.leaf(key="p384")
