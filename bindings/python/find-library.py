"""Prints the folders of libtripoint.so and of its headers, a line each; nothing where pkg-config knows it."""

import os
import shutil
import subprocess
from pathlib import Path

here = Path(__file__).resolve().parent
tree = here.parent.parent  # when this is a clone
library = os.environ.get("TRIPOINT_LIB_DIR")
include = os.environ.get("TRIPOINT_INCLUDE_DIR") or tree / "include"


def installed():
    config = shutil.which("pkg-config")
    return config and subprocess.run([config, "--exists", "tripoint"], check=False).returncode == 0


if not library and not installed():
    library = next((lib.parent for lib in sorted(tree.glob("build*/src/libtripoint.so"))), None)
if library:
    print(Path(library).resolve(), Path(include).resolve(), sep="\n")
