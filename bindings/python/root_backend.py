"""The build backend of the clone's root: that of this folder, after libtripoint was built where there is none yet."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

here = Path(__file__).resolve().parent
root = here.parents[1]
os.chdir(here)  # before meson-python reads its pyproject.toml

from mesonpy import *  # noqa: E402, F403
from mesonpy import build_editable as _build_editable  # noqa: E402
from mesonpy import build_wheel as _build_wheel  # noqa: E402


def _build_library():
    """In a folder of its own: this environment's meson may be newer than the one that ./tripoint uses."""
    found = subprocess.run([sys.executable, here / "find-library.py"], capture_output=True, text=True, check=True).stdout
    config = shutil.which("pkg-config")
    if found.strip() or (config and subprocess.run([config, "--exists", "tripoint"], check=False).returncode == 0):
        return
    build = root / "build-python"
    if not (build / "build.ninja").exists():
        subprocess.run(["meson", "setup", "--buildtype=release", "-Dtests=false", build, root], check=True)
    subprocess.run(["ninja", "-C", build], check=True)


def build_wheel(*args, **kwargs):
    _build_library()
    return _build_wheel(*args, **kwargs)


def build_editable(*args, **kwargs):
    _build_library()
    return _build_editable(*args, **kwargs)
