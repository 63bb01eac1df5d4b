# SPDX-License-Identifier: Apache-2.0
"""C programs of these tests, built as anybody would: by pkg-config, in strict C99."""
import os
import re
import subprocess
from pathlib import Path

from pool import BUILD


def compile_c(source, out, *options):
    """By the compiler of the build, which alone knows its sanitizers."""
    environment = dict(os.environ, PKG_CONFIG_PATH=str(BUILD / "lib" / "pkgconfig"))
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "tlspool"], env=environment, capture_output=True, text=True,
                           check=True).stdout.split()
    compiler = re.search(r"^CMAKE_C_COMPILER:\w+=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE).group(1)
    subprocess.run([compiler, "-std=c99", *options, "-o", str(out), str(source), *flags], check=True)


def build(place, source):
    """The program that stands beside this file as `source`."""
    out = place / Path(source).stem
    compile_c(Path(__file__).with_name(source), out, "-Wall", "-Wextra", "-Wpedantic", "-Werror")
    return out
