"""scripts/engines.py and scripts/setup with a stand-in for pip: hashes, stamps, being offline, two at once."""
import hashlib
import os
import subprocess
import sys
import tempfile
import unittest
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
SCRIPTS = os.path.join(ROOT, "scripts")

# Stands in front of python3 on PATH: `-m pip download … --dest FOLDER PACKAGE` copies a wheel made
# by the test; anything else goes to the real one. Counts its downloads.
FAKE_PIP = """#!/bin/sh
case "$*" in
"-m pip --version") exit 0 ;;
"-m pip download"*) ;;
*) exec {python} "$@" ;;
esac
echo x >>{folder}/downloads
[ ! -e {folder}/offline ] || {{ echo "ERROR: Could not find a version that satisfies the requirement"; exit 1; }}
sleep 0.2
while [ "$1" != --dest ]; do shift; done
cp {folder}/thing-1.0-py3-none-any.whl "$2/"
"""


class EnginesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="a folder ")
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        quoted = f"'{self.root}'"
        self.tool("python3", FAKE_PIP.format(folder=quoted, python=sys.executable))
        self.wheel = os.path.join(self.root, "thing-1.0-py3-none-any.whl")
        with zipfile.ZipFile(self.wheel, "w") as made:
            made.writestr("thing/libthing.so", "a library")
            made.writestr("thing/include/a.h", "/* a */")
            made.writestr("thing/include/deep/b.h", "/* b */")
        with open(self.wheel, "rb") as file:
            self.digest = hashlib.sha256(file.read()).hexdigest()
        self.engines = os.path.join(self.root, "cache", "engines")
        os.makedirs(self.engines)
        self.lock_file = os.path.join(self.root, "engines.lock")
        self.lock(self.digest)

    def tool(self, name, text):
        path = os.path.join(self.root, "bin", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)

    def lock(self, digest, more=""):
        with open(self.lock_file, "w", encoding="utf-8") as file:
            file.write("# a comment\n\nengine  thing 1.0 MIT\n"
                       f"archive pypi thing==1.0 300 {digest}\n"
                       "member  thing/libthing.so lib/libthing.so\n"
                       "member  thing/include/ include/\n"
                       'text    thing.json {"a": "b c"}\n' + more)

    def run_engines(self):
        environment = {**os.environ, "PATH": os.path.join(self.root, "bin") + ":" + os.environ["PATH"]}
        return subprocess.run([sys.executable, os.path.join(SCRIPTS, "engines.py"), self.lock_file, self.engines],
                              env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def downloads(self):
        try:
            with open(os.path.join(self.root, "downloads"), encoding="utf-8") as file:
                return len(file.readlines())
        except FileNotFoundError:
            return 0

    def read(self, *path):
        with open(os.path.join(self.engines, *path), encoding="utf-8") as file:
            return file.read()

    def test_an_engine_is_fetched_once(self):
        done = self.run_engines()
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(self.read("thing-1.0", "lib", "libthing.so"), "a library")
        self.assertEqual(self.read("thing-1.0", "include", "deep", "b.h"), "/* b */")
        self.assertEqual(self.read("thing-1.0", "thing.json"), '{"a": "b c"}\n')
        self.assertIn(self.digest, self.read("thing-1.0", "stamp"))
        again = self.run_engines()
        self.assertEqual((again.returncode, again.stdout, self.downloads()), (0, "", 1))
        self.assertEqual(os.listdir(self.engines), ["thing-1.0"])

    def test_an_archive_with_another_hash_is_not_installed(self):
        self.lock("0" * 64)
        done = self.run_engines()
        self.assertEqual(done.returncode, 1)
        self.assertIn("SHA-256", done.stdout)
        self.assertIn(self.digest, done.stdout)
        self.assertEqual(os.listdir(self.engines), [])

    def test_offline_names_the_package_the_step_and_what_to_do(self):
        open(os.path.join(self.root, "offline"), "w", encoding="utf-8").close()
        done = self.run_engines()
        self.assertEqual(done.returncode, 1)
        for words in ("downloading the Python package thing==1.0 failed", "Could not find a version", "network"):
            self.assertIn(words, done.stdout)
        self.assertNotIn("Traceback", done.stdout)
        self.assertEqual(os.listdir(self.engines), [])

    def test_offline_is_no_matter_when_everything_is_there(self):
        self.run_engines()
        open(os.path.join(self.root, "offline"), "w", encoding="utf-8").close()
        self.assertEqual(self.run_engines().returncode, 0)

    def test_a_changed_lock_fetches_again_and_replaces(self):
        self.run_engines()
        self.lock(self.digest, "text    more.txt here\n")
        done = self.run_engines()
        self.assertEqual((done.returncode, self.downloads()), (0, 2), done.stdout)
        self.assertEqual(self.read("thing-1.0", "more.txt"), "here\n")
        self.assertEqual(os.listdir(self.engines), ["thing-1.0"])

    def test_a_failed_replacement_keeps_what_was_there(self):
        self.run_engines()
        self.lock("0" * 64)
        self.assertEqual(self.run_engines().returncode, 1)
        self.assertEqual(self.read("thing-1.0", "lib", "libthing.so"), "a library")

    def test_what_a_killed_setup_left_is_swept_and_a_folder_without_stamp_is_not_trusted(self):
        os.makedirs(os.path.join(self.engines, ".thing-1.0.abc", "new"))
        os.makedirs(os.path.join(self.engines, "thing-1.0"))
        self.assertEqual(self.run_engines().returncode, 0)
        self.assertEqual(os.listdir(self.engines), ["thing-1.0"])
        self.assertEqual(self.read("thing-1.0", "lib", "libthing.so"), "a library")

    def test_a_member_that_is_not_in_the_archive_is_an_error(self):
        self.lock(self.digest, "")
        with open(self.lock_file, encoding="utf-8") as file:
            text = file.read().replace("thing/libthing.so", "thing/other.so")
        with open(self.lock_file, "w", encoding="utf-8") as file:
            file.write(text)
        done = self.run_engines()
        self.assertEqual(done.returncode, 1)
        self.assertIn("has no thing/other.so", done.stdout)

    def test_a_line_that_cannot_be_read_is_named(self):
        self.lock(self.digest, "membre x y\n")
        done = self.run_engines()
        self.assertEqual(done.returncode, 1)
        self.assertIn("engines.lock:8: cannot be read: membre x y", done.stdout)


class SetupTest(EnginesTest):
    """The same through scripts/setup in a copy of the tree, with dpkg and apt played by stand-ins."""

    def setUp(self):
        super().setUp()
        os.makedirs(os.path.join(self.root, "scripts"))
        for name in ("setup", "common.sh", "engines.py"):
            with open(os.path.join(SCRIPTS, name), "rb") as file, \
                    open(os.path.join(self.root, "scripts", name), "wb") as copy:
                copy.write(file.read())
        self.packages("alpha build a\nbeta build b\ngamma check c\n")
        self.installed("alpha", "beta")
        self.tool("apt-get", f"#!/bin/sh\necho \"$*\" >>'{self.root}/apt'\n"
                             f"case $* in *install*) echo beta >>'{self.root}/installed' ;; esac\n"
                             f"[ ! -e '{self.root}/offline' ] || {{ echo 'E: Unable to fetch'; exit 100; }}\n")
        self.tool("dpkg-query", f"#!/bin/sh\nsed 's/^/installed:/' '{self.root}/installed'\n")
        self.tool("id", f"#!/bin/sh\ncat '{self.root}/uid' 2>/dev/null || echo 0\n")
        self.tool("sudo", "#!/bin/sh\nexit 1\n")

    def packages(self, text):
        with open(os.path.join(self.root, "scripts", "debian-packages"), "w", encoding="utf-8") as file:
            file.write("# a comment\n" + text)

    def installed(self, *names):
        with open(os.path.join(self.root, "installed"), "w", encoding="utf-8") as file:
            file.write("".join(name + "\n" for name in names))

    def start_setup(self, *arguments):
        environment = {**os.environ, "PATH": os.path.join(self.root, "bin") + ":" + os.environ["PATH"],
                       "TRIPOINT_CACHE": os.path.join(self.root, "cache")}
        return subprocess.Popen(["sh", os.path.join(self.root, "scripts", "setup"), *arguments], env=environment,
                                text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run_engines(self, *arguments):
        process = self.start_setup(*arguments)
        output = process.communicate()[0]
        # The lock file is setup's, not an engine.
        if os.path.exists(os.path.join(self.engines, ".lock")):
            os.unlink(os.path.join(self.engines, ".lock"))
        return subprocess.CompletedProcess([], process.returncode, output)

    def apt_calls(self):
        try:
            with open(os.path.join(self.root, "apt"), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def test_no_package_manager_is_asked_when_everything_is_there(self):
        self.run_engines()
        self.assertEqual(self.run_engines().stdout, "")
        self.assertEqual((self.apt_calls(), self.downloads()), ("", 1))

    def test_missing_packages_are_installed_and_no_others(self):
        self.installed("alpha")
        done = self.run_engines()
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("installing Debian packages: beta\n", done.stdout)
        self.assertRegex(self.apt_calls(), r"install .* beta\n")
        self.assertNotIn("alpha", self.apt_calls())
        self.assertNotIn("gamma", self.apt_calls())

    def test_packages_of_check_are_asked_for_by_check(self):
        self.run_engines("check")
        self.assertRegex(self.apt_calls(), r"install .* gamma\n")

    def test_without_root_the_command_to_type_is_printed(self):
        self.installed("alpha")
        with open(os.path.join(self.root, "uid"), "w", encoding="utf-8") as file:
            file.write("1000\n")
        done = self.run_engines()
        self.assertEqual(done.returncode, 1)
        self.assertIn("  sudo apt-get update && sudo apt-get install --no-install-recommends beta\n", done.stdout)
        self.assertEqual(self.downloads(), 0)

    def test_apt_that_fails_is_shown(self):
        self.installed("alpha")
        open(os.path.join(self.root, "offline"), "w", encoding="utf-8").close()
        done = self.run_engines()
        self.assertEqual(done.returncode, 1)
        self.assertIn("E: Unable to fetch", done.stdout)
        self.assertIn("installing Debian packages failed", done.stdout)

    def test_two_at_once_fetch_once(self):
        processes = [self.start_setup() for _ in range(3)]
        outputs = [process.communicate()[0] for process in processes]
        self.assertEqual([process.returncode for process in processes], [0, 0, 0], outputs)
        self.assertEqual(self.downloads(), 1)
        self.assertEqual(self.read("thing-1.0", "lib", "libthing.so"), "a library")

    def test_the_cache_is_its_owners_alone(self):
        os.rmdir(self.engines)
        os.rmdir(os.path.dirname(self.engines))
        self.run_engines()
        self.assertEqual(os.stat(self.engines).st_mode & 0o777, 0o700)


if __name__ == "__main__":
    unittest.main()
