"""scripts/new-engine: what it makes compiles, is named in the list, and leaves the skeleton as it was."""
import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


class NewEngine(unittest.TestCase):
    def setUp(self):
        self.tree = tempfile.mkdtemp(prefix="tripoint-test-")
        self.addCleanup(shutil.rmtree, self.tree, True)
        os.mkdir(os.path.join(self.tree, "scripts"))
        shutil.copy(os.path.join(ROOT, "scripts/new-engine"), os.path.join(self.tree, "scripts"))
        os.makedirs(os.path.join(self.tree, "src/engine"))
        shutil.copy(os.path.join(ROOT, "src/engine/meson.build"), os.path.join(self.tree, "src/engine"))
        shutil.copytree(os.path.join(ROOT, "src/engine/null"), os.path.join(self.tree, "src/engine/null"))

    def run_script(self, *names):
        return subprocess.run([os.path.join(self.tree, "scripts/new-engine"), *names], capture_output=True, text=True,
                              timeout=60)

    def read(self, path):
        with open(os.path.join(self.tree, path), encoding="utf-8") as file:
            return file.read()

    def test_a_clone_compiles(self):
        for name in ("mine", "npu_2"):
            run = self.run_script(name)
            self.assertEqual((run.returncode, run.stderr), (0, ""))
            self.assertIn(f"./check --engine {name}", run.stdout)
            source = self.read(f"src/engine/{name}/{name}.c")
            self.assertIn(f"trii_{name}_engine = {{", source)
            self.assertNotIn("null", source)
            self.assertIn(f"TRIPOINT_ENGINE_{name.upper()}_{name.upper()}_H", self.read(f"src/engine/{name}/{name}.h"))
            self.assertEqual(self.read(f"src/engine/{name}/meson.build"), f"kit_sources += files('{name}.c')\n")
            if shutil.which("cc"):
                compiled = subprocess.run(
                    ["cc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                     "-I", os.path.join(self.tree, "src"), "-I", os.path.join(ROOT, "src"),
                     "-I", os.path.join(ROOT, "include"), "-I", os.path.join(ROOT, "ops/host"),
                     os.path.join(self.tree, f"src/engine/{name}/{name}.c")],
                    capture_output=True, text=True, timeout=100)
                self.assertEqual(compiled.returncode, 0, compiled.stderr)
        self.assertIn("kit_engines = ['null', 'mine', 'npu_2']", self.read("src/engine/meson.build"))

    def test_what_is_refused(self):
        for names in ((), ("Mine",), ("2nd",), ("a-b",), ("../x",), ("a b",)):
            self.assertEqual(self.run_script(*names).returncode, 2, names)
        run = self.run_script("null")
        self.assertEqual(run.returncode, 1)
        self.assertIn("already", run.stderr)


if __name__ == "__main__":
    unittest.main()
