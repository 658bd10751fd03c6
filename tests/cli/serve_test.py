"""`tripoint serve` and `tripoint ls`, two processes and one name."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

TRIPOINT = os.environ["TRIPOINT"]


class ServeAndLs(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="tripoint-test-")
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.env = dict(os.environ, XDG_RUNTIME_DIR=self.dir)

    def run_verb(self, *args):
        return subprocess.run([TRIPOINT, *args], capture_output=True, env=self.env, timeout=60)

    def serve(self, *args):
        """A server that has said that it serves."""
        server = subprocess.Popen([TRIPOINT, "serve", *args], stdout=subprocess.PIPE, env=self.env)
        self.addCleanup(self.end, server)
        self.assertIn(b"serving", server.stdout.readline())
        return server

    def end(self, server, number=signal.SIGKILL):
        if server.poll() is None:
            server.send_signal(number)
        code = server.wait(timeout=60)
        server.stdout.close()
        return code

    def look(self, name):
        run = self.run_verb("ls", name, "--json")
        self.assertEqual(run.returncode, 0, run.stderr)
        return json.loads(run.stdout)

    def test_ls_shows_what_is_served(self):
        path = os.path.join(self.dir, "bytes")
        with open(path, "wb") as file:
            file.write(b"x" * 5000)
        server = self.serve("demo", "--region", "frame=2M", "--file", f"data={path}", "--hold", "frame")
        seen = self.look("demo")
        self.assertEqual((seen["name"], seen["owner_pid"], seen["sharing"]), ("demo", server.pid, "trusted"))
        frame, data = seen["regions"]
        self.assertEqual((frame["label"], frame["size_bytes"], frame["state"]), ("frame", 2 << 20, "HOST_WRITING"))
        holder = frame["holders"][0]
        self.assertEqual((holder["pid"], holder["technology"], holder["access"], holder["waits"]),
                         (server.pid, "host", "write", False))
        self.assertEqual((data["label"], data["size_bytes"], data["mapped_bytes"], data["state"], data["holders"]),
                         ("data", 5000, 8192, "IDLE", []))
        self.assertEqual(data["layout"], {"kind": "bytes", "dtype": "u8", "shape": [5000]})
        while self.look("demo")["regions"][0]["holders"][0]["age_ms"] == 0:  # the owner looks four times a second
            pass
        text = self.run_verb("ls", "demo").stdout.decode()
        for word in ("trusted", "frame", "HOST_WRITING", f"process {server.pid}, host, writes", "IDLE"):
            self.assertIn(word, text)
        self.assertEqual(self.end(server, signal.SIGINT), 0)
        self.assertEqual(os.listdir(os.path.join(self.dir, "tripoint")), [])
        self.assertEqual(self.run_verb("ls", "demo").returncode, 8)

    def test_ls_tells_why_a_region_is_poisoned(self):
        self.serve("bad", "--region", "frame=4096", "--region", "mask=4096", "--poison", "mask=the guest trapped")
        frame, mask = self.look("bad")["regions"]
        self.assertEqual((frame["poisoned"], frame["poison"]), (False, None))
        self.assertTrue(mask["poisoned"])
        self.assertEqual(mask["poison"], {"status": "POISONED", "message": "the guest trapped", "engine": "host",
                                          "stage": ""})
        text = self.run_verb("ls", "bad").stdout.decode()
        self.assertIn("IDLE, poisoned\n       poisoned: POISONED: the guest trapped\n", text)

    def test_a_name_is_served_once_and_again_after_its_owner_was_killed(self):
        server = self.serve("one", "--readers")
        self.assertEqual(self.look("one")["sharing"], "readers")
        self.assertEqual(self.look("one")["regions"][0]["size_bytes"], 8294400)
        second = self.run_verb("serve", "one")
        self.assertEqual(second.returncode, 5)
        self.assertIn(b"already", second.stderr)
        self.end(server)
        self.assertEqual(self.run_verb("ls", "one").returncode, 8)
        self.assertEqual(self.look("one" if self.serve("one") else "")["sharing"], "trusted")

    def test_wrong_command_lines(self):
        for args in (["serve"], ["serve", "a", "b"], ["serve", "a/b"], ["serve", "x", "--region", "frame"],
                     ["serve", "x", "--region", "=5"], ["serve", "x", "--region", "f=0"], ["serve", "x", "--region", "f=-1"],
                     ["serve", "x", "--region", "f=99999999999G"], ["serve", "x", "--hold", "nothing"], ["serve", "x", "--poison", "frame"],
                     ["serve", "x", "--poison", "nothing=why"],
                     ["serve", "x", "--file", f"d={self.dir}"], ["serve", "x", "--nonsense"], ["ls"], ["ls", "a", "b"],
                     ["ls", "--nonsense", "a"], ["ls", ".hidden"]):
            run = self.run_verb(*args)
            self.assertEqual(run.returncode, 2, (args, run.stderr))
            self.assertTrue(run.stderr)
        self.assertEqual(self.run_verb("serve", "x", "--file", "d=/nowhere/at/all").returncode, 15)
        self.assertEqual(self.run_verb("serve", "x", "--region", "f=513M").returncode, 3)
        for verb in ("serve", "ls"):
            self.assertIn(b"usage: tripoint", self.run_verb(verb, "--help").stdout)

    def test_a_folder_that_others_can_enter_is_refused(self):
        os.mkdir(os.path.join(self.dir, "tripoint"), 0o755)
        for args in (["serve", "x"], ["ls", "x"]):
            run = self.run_verb(*args)
            self.assertEqual(run.returncode, 17, run.stderr)
            self.assertIn(b"0700", run.stderr)
        os.rmdir(os.path.join(self.dir, "tripoint"))
        os.symlink("/tmp", os.path.join(self.dir, "tripoint"))
        run = self.run_verb("serve", "x")
        self.assertEqual(run.returncode, 17, run.stderr)
        self.assertIn(b"link", run.stderr)


if __name__ == "__main__":
    unittest.main()
