# SPDX-License-Identifier: Apache-2.0
"""./demo.sh on a machine where it ran before: the same work, nothing built anew, and the lines that it is for."""
import os
import shutil
import subprocess

from pool import BUILD, ROOT

PATIENT = 300.0


def test_second_run(tmp_path):
    """In the checkout itself, with its pool as it is found there. The script knows one build directory, which it must be
    able to write: where the tests are of another one (the sanitized run), the run beside this one shows it."""
    if BUILD.resolve() != (ROOT / "build").resolve() or not os.access(ROOT / "build", os.W_OK):
        subprocess.run(["sh", "-n", str(ROOT / "demo.sh")], check=True)
        return
    environment = {name: value for name, value in os.environ.items() if name not in ("TLSPOOL_DIR", "TLSPOOL_BUILD")}
    was_there = (ROOT / "demo-pool").exists()
    try:
        for run in ("first", "second"):
            done = subprocess.run(["./demo.sh"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENT, check=False,
                                  stdin=subprocess.DEVNULL)
            assert done.returncode == 0, f"{run} run:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        lines = done.stdout.splitlines()
        assert any("demo.example authenticated to curl" in line for line in lines)
        assert any('PKCS#11 token "tlspool"' in line and "keeper" in line for line in lines)
        assert any("SSL connection using TLSv1.3" in line for line in lines)
        assert any("SSL certificate verify ok" in line for line in lines)
        assert any("already there" in line for line in lines)
        assert (ROOT / "demo-pool" / "tlspool.toml").exists(), "the pool is to be left for the next time"
        assert not (ROOT / "demo-pool" / "run" / "pool.sock").exists() or was_there
    finally:
        if not was_there:
            shutil.rmtree(ROOT / "demo-pool", ignore_errors=True)
