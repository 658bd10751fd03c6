"""./tripoint in a copy of the tree that builds a program of five lines: any folder, links, twice, two at once."""
import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
MAIN = '#include <stdio.h>\nint main(int c, char **v) {\n for (int i = 1; i < c; i++) puts(v[i]);\n return 7;\n}\n'


class LauncherTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="a folder ")
        self.addCleanup(folder.cleanup)
        self.root = os.path.join(folder.name, "tri point")
        self.write("meson.build", "project('t', 'c')\nexecutable('unused', 'unused.c', build_by_default: "
                                  "get_option('tests'))\nsubdir('tools/tripoint')\n")
        self.write("meson_options.txt", "option('tests', type: 'boolean', value: true)\n")
        self.write("unused.c", "#error the launcher does not build tests\n")
        self.write("tools/tripoint/meson.build", "executable('tripoint', 'main.c')\n")
        self.write("tools/tripoint/main.c", MAIN)
        for name in ("tripoint", "engines.lock", "scripts/common.sh", "scripts/debian-packages"):
            os.makedirs(os.path.dirname(os.path.join(self.root, name)), exist_ok=True)
            shutil.copy(os.path.join(ROOT, name), os.path.join(self.root, name))
        self.launcher = os.path.join(self.root, "tripoint")

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def start(self, *arguments, launcher=None, cwd="/", **more):
        environment = {**os.environ, "TRIPOINT_NO_SETUP": "1", **more}
        return subprocess.Popen([*(launcher or [self.launcher]), *arguments], cwd=cwd, env=environment,
                                text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run_it(self, *arguments, **options):
        process = self.start(*arguments, **options)
        out, err = process.communicate()
        return process.returncode, out, err

    def test_it_builds_then_runs_with_the_arguments_as_they_are(self):
        status, out, err = self.run_it("a b", "", "*")
        self.assertEqual((status, out), (7, "a b\n\n*\n"), err)
        self.assertIn("building into", err)
        self.assertEqual(self.run_it("again"), (7, "again\n", ""))

    def test_from_any_folder_by_any_name(self):
        self.run_it()
        link = os.path.join(os.path.dirname(self.root), "link")
        os.symlink("tri point/tripoint", link)
        self.assertEqual(self.run_it("x", launcher=[link])[1], "x\n")
        self.assertEqual(self.run_it("x", launcher=["./tripoint"], cwd=self.root)[1], "x\n")
        self.assertEqual(self.run_it("x", launcher=["sh", "tripoint"], cwd=self.root)[1], "x\n")

    def test_two_at_once(self):
        processes = [self.start("x") for _ in range(3)]
        for process in processes:
            self.assertEqual(process.communicate()[0], "x\n")

    def test_a_changed_source_is_built_and_a_broken_one_is_reported(self):
        self.run_it()
        main = os.path.join(self.root, "tools/tripoint/main.c")
        later = os.stat(main).st_mtime + 10
        self.write("tools/tripoint/main.c", MAIN.replace("return 7", "return 8"))
        os.utime(main, (later, later))
        self.assertEqual(self.run_it()[0], 8)
        self.write("tools/tripoint/main.c", "int main(void) { return oops; }\n")
        os.utime(main, (later + 10, later + 10))
        status, out, err = self.run_it()
        self.assertEqual((status, out), (1, ""))
        self.assertIn("oops", err)
        self.assertIn("the build failed", err)

    def test_a_folder_that_moved_is_built_anew(self):
        self.run_it()
        moved = self.root + " moved"
        os.rename(self.root, moved)
        status, out, err = self.run_it("x", launcher=[os.path.join(moved, "tripoint")])
        self.assertEqual((status, out), (7, "x\n"), err)
        self.assertIn("was moved here", err)

    def test_the_stamps_of_engines_are_looked_at(self):
        """With setup allowed and a scripts/setup that says when it is called."""
        cache = os.path.join(self.root, "cache")
        self.write("scripts/setup", "#!/bin/sh\necho called >&2\n")
        os.chmod(os.path.join(self.root, "scripts/setup"), 0o755)
        self.write("engines.lock", "engine thing 1 MIT\narchive a b 1 c\n")
        self.write("cache/engines/thing-1/stamp", "engine thing 1 MIT\narchive a b 1 c\n")
        old = os.stat(self.launcher).st_mtime - 1000
        for name in ("engines.lock", "scripts/debian-packages", "cache/engines/thing-1/stamp"):
            os.utime(os.path.join(self.root, name), (old, old))
        options = {"TRIPOINT_NO_SETUP": "", "TRIPOINT_CACHE": cache}
        self.assertIn("called", self.run_it(**options)[2])
        self.assertEqual(self.run_it("x", **options), (7, "x\n", ""))
        os.unlink(os.path.join(cache, "engines/thing-1/stamp"))
        self.assertIn("called", self.run_it(**options)[2])


if __name__ == "__main__":
    unittest.main()
