# SPDX-License-Identifier: Apache-2.0
"""Fixtures: pools, certificates, peers. A test that only uses a pool takes `pool`; one that configures, kills or
breaks it takes `make_pool`."""
import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))

import peer_sites  # noqa: E402
import upgrades  # noqa: E402
from pki import Pki  # noqa: E402
from pool import BIN, Pool  # noqa: E402


@pytest.fixture(scope="session")
def place():
    """A directory that the pool's own users can reach when the tests run as root."""
    directory = Path(tempfile.mkdtemp(prefix="tlspool-test-"))
    os.chmod(directory, 0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def pki(place):
    return Pki(place / "pki")


KEY_KINDS = ("p256", "p384", "ed25519", "rsa2048", "rsa3072", "rsa4096")


@pytest.fixture(scope="session")
def pool(place, pki):
    """One pool for all tests that leave it as it is: identity KIND.example for each kind of key, and
    joe@clients.example; trusts pki.ca() beside its own CA. Two workers."""
    made = Pool(place / "pool", name="pool.example")
    for kind in KEY_KINDS:
        made.identity(f"{kind}.example", kind)
    made.identity("joe@clients.example")
    made.trust(pki.ca().cert)
    made.config.write_text(made.config.read_text().replace("workers = 0", "workers = 2"))
    made.start()
    yield made
    made.remove()


@pytest.fixture(scope="session")
def sites(place, pki):
    """Two pools for all tests that leave them as they are, a.example and b.example, which trust each other's CA and
    that of pki."""
    made = peer_sites.make_peers(lambda name, extra: Pool(place / name, name, extra), trusted=[pki.ca().cert])
    yield made
    for pool in made:
        pool.remove()


@pytest.fixture(scope="module", params=["tls12", "tls13"])
def sites_of_version(place, request):
    """(version, the same two pools), which go no further than this version."""
    folder = place / f"{request.module.__name__}-{request.param}"
    folder.mkdir()
    made = peer_sites.make_peers(lambda name, extra: Pool(folder / name, name, extra), start=False)
    for pool in made:
        pool.start(env=peer_sites.version_limit(folder, request.param))
    yield request.param, made
    for pool in made:
        pool.remove()


@pytest.fixture
def make_pool(place):
    """make_pool(name=..., extra=TOML) gives a pool that is not started yet."""
    made = []

    def make(name="pool.example", extra=""):
        directory = Path(tempfile.mkdtemp(prefix="pool-", dir=place))
        directory.rmdir()
        made.append(Pool(directory, name, extra))
        return made[-1]

    yield make
    for pool in made:
        pool.remove()


@pytest.fixture
def upgradable(make_pool, monkeypatch, tmp_path):
    """A pool that runs from a file of its own (`daemon`), which a test may put another one in place of."""
    made = make_pool()
    made.daemon = tmp_path / "tlspoold"
    shutil.copy(BIN / "tlspoold", made.daemon)
    monkeypatch.setenv("TLSPOOL_DIR", str(made.directory))
    yield made
    upgrades.end(made)


@pytest.fixture
def library_of(monkeypatch):
    """library_of(a pool) gives the Python module, working on that pool."""
    def point(pool):
        monkeypatch.setenv("TLSPOOL_DIR", str(pool.directory))
        import tlspool

        return tlspool

    return point


@pytest.fixture
def library(pool, library_of):
    return library_of(pool)


@pytest.fixture
def keep():
    """keep(thing) gives the thing back, and closes it when the test is over."""
    with contextlib.ExitStack() as stack:
        def adopt(thing):
            stack.callback(thing.close)
            return thing
        yield adopt
