# SPDX-License-Identifier: Apache-2.0
"""C programs of these tests, built as anybody would: by pkg-config, in strict C99."""
import os
import subprocess
from pathlib import Path

from pool import BUILD, SANITIZED

# A plain program can't load a library with AddressSanitizer in it.
SANITIZER = ["-fsanitize=address,undefined"] if SANITIZED else []


def build(place, source):
    """The program that stands beside this file as `source`."""
    out = place / Path(source).stem
    environment = dict(os.environ, PKG_CONFIG_PATH=str(BUILD / "lib" / "pkgconfig"))
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "tlspool"], env=environment, capture_output=True, text=True,
                           check=True).stdout.split()
    subprocess.run(["cc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", *SANITIZER, "-o", str(out),
                    str(Path(__file__).with_name(source)), *flags], check=True)
    return out
