"""An installed copy: everything is where it belongs, finds its data by itself, and a program of 25 lines builds and runs.

BUILD is Meson's build folder, SOURCE the project, PREFIX and LIBDIR as configured, CC a compiler, GUESTS "1" when Wasm
guests were built. The copy is installed below a folder of the test's own (DESTDIR), which nothing in it knows about:
what works there has been found relative to where it is.
"""
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

import png

BUILD, SOURCE = os.environ["BUILD"], os.environ["SOURCE"]
ENGINE_MISSING = 12
LINES_MAX = 25
LOADER = {name: value for name, value in os.environ.items()
          if name not in ("LD_LIBRARY_PATH", "LD_PRELOAD", "TRIPOINT_DATA")}


def picture(path):
    """Width, height and RGBA of a PNG."""
    with open(path, "rb") as f:
        width, height, channels, pixels = png.read(f.read())
    if channels == 3:
        opaque = bytearray(b"\xff") * (width * height * 4)
        for c in range(3):
            opaque[c::4] = pixels[c::3]
        pixels = bytes(opaque)
    return width, height, pixels


def output(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, env=LOADER, **more).stdout


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.mkdtemp(prefix="tripoint-install-")
        cls.addClassCleanup(shutil.rmtree, cls.root, True)
        run = subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", cls.root],
                             capture_output=True, text=True)
        if run.returncode != 0:
            raise AssertionError(run.stdout + run.stderr)
        cls.prefix = cls.root + os.environ["PREFIX"]
        cls.libdir = os.path.join(cls.prefix, os.environ["LIBDIR"])
        cls.tripoint = os.path.join(cls.prefix, "bin", "tripoint")
        cls.library = os.path.join(cls.libdir, "libtripoint.so.0")

    def source_files(self, *folder, ending):
        return sorted(n for n in os.listdir(os.path.join(SOURCE, *folder)) if n.endswith(ending))

    def installed_files(self, *folder):
        return sorted(os.listdir(os.path.join(self.prefix, *folder)))

    # ---- what is there ----

    def test_library_has_its_name_and_shows_only_its_own(self):
        self.assertRegex(output("readelf", "-d", self.library), r"SONAME.*\[libtripoint\.so\.0\]")
        self.assertTrue(os.path.islink(os.path.join(self.libdir, "libtripoint.so")))
        symbols = [line.split()[-1] for line in output("nm", "-D", "--defined-only", self.library).splitlines()]
        self.assertIn("tri_pipeline_run", symbols)
        self.assertEqual([s for s in symbols if not s.startswith("tri_")], [])

    def test_every_declared_function_is_there(self):
        symbols = {line.split()[-1] for line in output("nm", "-D", "--defined-only", self.library).splitlines()}
        declared = set()
        for header in self.installed_files("include", "tripoint"):
            with open(os.path.join(self.prefix, "include", "tripoint", header), encoding="utf-8") as f:
                text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
                declared.update(re.findall(r"^TRI_API\b[^;({]*?\b(tri_\w+)\(", text, flags=re.M))
        self.assertGreater(len(declared), 60)
        self.assertEqual(sorted(declared - symbols), [])

    def test_headers_and_data_and_the_manual_are_there(self):
        self.assertEqual(self.installed_files("include", "tripoint"),
                         self.source_files("include", "tripoint", ending=".h"))
        share = ("share", "tripoint")
        self.assertEqual(self.installed_files(*share, "pipelines"), self.source_files("pipelines", ending=".json"))
        self.assertEqual(self.installed_files(*share, "models"), self.source_files("ops", "models", ending=".onnx"))
        if os.environ["GUESTS"] == "1":
            self.assertIn("vignette.wasm", self.installed_files(*share, "wasm"))
        self.assertTrue(any(n.startswith("tripoint.1") for n in self.installed_files("share", "man", "man1")))

    def test_no_file_knows_the_build_folder(self):
        for path in (self.tripoint, self.library):
            self.assertNotIn(BUILD, output("readelf", "-d", path))
        self.assertNotIn(BUILD, output("cat", os.path.join(self.libdir, "pkgconfig", "tripoint.pc")))

    # ---- what it does ----

    def test_the_command_runs_and_loads_the_library_beside_it(self):
        self.assertRegex(output(self.tripoint, "--version"), r"^tripoint \d+\.\d+\.\d+\n$")
        loaded = re.search(r"libtripoint\.so\.0 => (\S+)", output("ldd", self.tripoint))
        self.assertEqual(os.path.realpath(loaded.group(1)), os.path.realpath(self.library))

    def test_data_is_found_beside_the_library(self):
        """A pipeline of the installed copy only."""
        folder = os.path.join(self.prefix, "share", "tripoint", "pipelines")
        with open(os.path.join(folder, "halve.json"), "w", encoding="utf-8") as f:
            f.write('{"name": "halve", "inputs": {"input": {"kind": "image", "dtype": "u8", "channels": 4}},'
                    ' "outputs": ["output"], "stages": [{"technology": "host", "operation": "resize", "input": "input",'
                    ' "output": "output", "params": {"width": 256, "height": 256}}]}')
        self.addCleanup(os.remove, os.path.join(folder, "halve.json"))
        made = os.path.join(self.root, "half.png")
        output(self.tripoint, "run", "halve", os.path.join(SOURCE, "samples", "astronaut.png"), "-o", made, "--quiet")
        self.assertEqual(picture(made)[:2], (256, 256))

    def cut_out(self, program, width, height, pixels):
        return subprocess.run([program, str(width), str(height)], input=pixels, capture_output=True, env=LOADER,
                              timeout=100)

    def test_a_program_of_25_lines_builds_and_runs(self):
        source = os.path.join(SOURCE, "examples", "cutout.c")
        with open(source, encoding="utf-8") as f:
            self.assertLessEqual(len(f.read().splitlines()), LINES_MAX)
        packages = dict(LOADER, PKG_CONFIG_PATH=os.path.join(self.libdir, "pkgconfig"),
                        PKG_CONFIG_SYSROOT_DIR=self.root)
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "tripoint"], check=True, capture_output=True,
                               text=True, env=packages).stdout.split()
        program = os.path.join(self.root, "cutout")
        compiled = subprocess.run([*shlex.split(os.environ["CC"]), "-std=c11", "-Wall", "-Wextra", "-Werror", "-o",
                                   program, source, *flags, "-Wl,-rpath," + self.libdir], capture_output=True,
                                  text=True)
        self.assertEqual(compiled.returncode, 0, compiled.stderr)
        portrait = os.path.join(SOURCE, "samples", "astronaut.png")
        width, height, pixels = picture(portrait)
        run = self.cut_out(program, width, height, pixels)
        if run.returncode == ENGINE_MISSING:
            self.skipTest(run.stderr.decode())
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        made = os.path.join(self.root, "cutout.png")
        output(self.tripoint, "run", "cutout", portrait, "-o", made, "--quiet", timeout=100)
        self.assertEqual(run.stdout, picture(made)[2])
        opaque = sum(a > 127 for a in run.stdout[3::4]) / (width * height)
        self.assertTrue(0.2 < opaque < 0.8, opaque)


if __name__ == "__main__":
    unittest.main()
