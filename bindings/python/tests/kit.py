"""What the tests share."""

import json
import tempfile
import unittest
from pathlib import Path

import tripoint

VIGNETTE = {
    "name": "darker",
    "summary": "Darker towards the corners; needs no engine but the host.",
    "inputs": {"input": {"kind": "image", "dtype": "u8", "channels": 4}},
    "outputs": ["output"],
    "stages": [{"technology": "host", "operation": "vignette", "input": "input", "output": "output"}],
}


def vignette(image, output=None, **extra):
    """One stage of the host: in place unless an output is given."""
    return {"technology": "host", "operation": "vignette", "input": image, "output": output or image, **extra}


class Case(unittest.TestCase):
    def pipeline(self, arena=None, params=None, form=VIGNETTE):
        """The host's pipeline of above, or another of that form."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "darker.json"
        path.write_text(json.dumps(form), encoding="utf-8")
        return tripoint.Pipeline(str(path), arena, params=params)

    def region(self, arena, shape=(8, 8, 4), dtype="uint8", **extra):
        region = arena.allocate(shape, dtype, **extra)
        self.addCleanup(lambda: region.freed or region.free())
        return region
