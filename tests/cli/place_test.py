"""Placement from outside: stages that say "auto", what is chosen, kept and told. No timing is asserted.

TRIPOINT is the command, SAMPLES the folder of sample pictures. Needs webnn, which alone can segment; webgpu may be missing.
"""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import png

TRIPOINT = os.environ["TRIPOINT"]
PORTRAIT = os.path.join(os.environ["SAMPLES"], "astronaut.png")
CACHE = os.environ.get("TRIPOINT_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "tripoint")
ENGINES = os.environ.get("TRIPOINT_ENGINES") or os.path.join(CACHE, "engines")


class Place(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        doctor = subprocess.run([TRIPOINT, "doctor", "--json"], capture_output=True, timeout=120)
        found = {e["technology"]: e["backings"]["memfd"] for e in json.loads(doctor.stdout)["engines"]}
        if found["webnn"]["verdict"] in ("missing", "broken"):
            raise unittest.SkipTest("webnn: " + found["webnn"].get("reason", "broken"))
        cls.gpu = found["webgpu"]["verdict"] not in ("missing", "broken")
        # What engines compile is the same in every test: made once, copied. What is fastest is not.
        cls.compiled = tempfile.mkdtemp(prefix="tripoint-place-")
        cls.addClassCleanup(shutil.rmtree, cls.compiled, True)
        subprocess.run([TRIPOINT, "plan", "cutout-auto", "--size", "320x180"], capture_output=True, timeout=200,
                       env=dict(os.environ, TRIPOINT_CACHE=cls.compiled, TRIPOINT_ENGINES=ENGINES))
        shutil.rmtree(os.path.join(cls.compiled, "placement"), True)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tripoint-place-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        shutil.copytree(self.compiled, self.path("cache"))
        self.env = dict(os.environ, TRIPOINT_CACHE=os.path.join(self.folder, "cache"), TRIPOINT_ENGINES=ENGINES)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def tripoint(self, *args):
        return subprocess.run([TRIPOINT, *args], capture_output=True, text=True, timeout=200, env=self.env)

    def ok(self, *args):
        run = self.tripoint(*args)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def plan(self, *args):
        return json.loads(self.ok("plan", "cutout-auto", "--size", "320x180", "--json", *args))

    def entries(self):
        folder = self.path("cache", "placement")
        return [os.path.join(folder, name) for name in os.listdir(folder)] if os.path.isdir(folder) else []

    def test_plan_explains_and_remembers(self):
        first = self.plan()
        self.assertFalse(first["placement"]["cached"])
        self.assertEqual(first["placement"]["prefer"], "latency")
        self.assertEqual([[c["technology"] for c in s["candidates"]] for s in first["stages"]],
                         [["host", "webgpu"], ["webnn"], ["host", "webgpu"]])
        for stage in first["stages"]:
            chosen = [c["technology"] for c in stage["candidates"] if c["chosen"]]
            self.assertEqual(chosen, [stage["technology"]])
            for c in stage["candidates"]:
                self.assertTrue(c["frame_ms"] if self.gpu else c["chosen"] or c["dropped"], c)
        second = self.plan()
        self.assertTrue(second["placement"]["cached"])
        self.assertEqual(second["stages"], first["stages"])
        self.assertFalse(self.plan("--measure")["placement"]["cached"])
        text = self.ok("plan", "cutout-auto", "--size", "320x180")
        self.assertIn("placement for latency", text)
        self.assertIn("* webnn", text)
        self.assertIn("output (in place)", text)
        dot = self.ok("plan", "cutout-auto", "--size", "320x180", "--dot")
        self.assertEqual("chosen" in dot, self.gpu)

    def test_throughput_is_another_question(self):
        self.plan()
        plan = self.plan("--prefer", "throughput", "--slots", "2")
        placement = plan["placement"]
        # The network with all threads for one frame after the other, or with a thread a frame where there are two.
        streams = [c["streams"] for c in plan["stages"][1]["candidates"]]
        self.assertEqual(streams, [0, 2] if len(os.sched_getaffinity(0)) > 1 else [0])
        self.assertEqual((placement["cached"], placement["prefer"], placement["slots"]), (False, "throughput", 2))
        self.assertEqual(len(self.entries()), 2)

    def test_a_corrupt_cache_is_measured_again(self):
        self.plan()
        for entry in self.entries():
            with open(entry, "r+b") as file:
                file.seek(4096)
                file.write(b"\0" * 40)
        self.assertFalse(self.plan()["placement"]["cached"])
        self.assertTrue(self.plan()["placement"]["cached"])

    def test_two_at_once(self):
        command = [TRIPOINT, "plan", "cutout-auto", "--size", "320x180", "--json"]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env) for _ in range(2)]
        for process in both:
            out, errors = process.communicate(timeout=200)
            self.assertEqual(process.returncode, 0, errors)
            self.assertIn("placement", json.loads(out))
        self.assertTrue(self.plan()["placement"]["cached"])

    def picture(self, pipeline, *args):
        out = self.path(pipeline + ".png")
        report = json.loads(self.ok("run", pipeline, PORTRAIT, "-o", out, "--json", *args))
        with open(out, "rb") as file:
            return report, png.read(file.read())

    def test_the_person_is_cut_out_as_in_cutout(self):
        report, (width, height, channels, ours) = self.picture("cutout-auto", "--require-zero-copy")
        self.assertEqual(report["ledger"]["bytes_between_stages"], 0)
        self.assertIn("placement", report)
        pipeline = "cutout" if self.gpu else "cutout-host"
        theirs = self.picture(pipeline)[1][3]
        self.assertEqual((width, height, channels, len(ours)), (512, 512, 4, len(theirs)))
        for c in range(3):
            self.assertEqual(ours[c::4], theirs[c::4])
        differ = [abs(a - b) for a, b in zip(ours[3::4], theirs[3::4])]
        # The network sees every fourth pixel instead of all, so the mask's edge is not the same; the person is.
        self.assertLess(sum(differ) / len(differ), 2)
        self.assertLess(sum(d > 64 for d in differ) / len(differ), 0.01)

    def test_proof(self):
        out = self.ok("prove", "cutout-auto", PORTRAIT)
        self.assertIn("No copy between stages was seen", out)
        self.assertIn("input+output", out)

    def test_a_stream_chooses_for_throughput(self):
        os.mkdir(self.path("in"))
        for n in range(4):
            png.write(self.path("in", "frame-%d.png" % n), 64, 48, bytes((n * 20 + i) % 256 for i in range(64 * 48 * 4)))
        report = json.loads(self.ok("run", "cutout-auto", self.path("in", "frame-%d.png"), "-o", self.path("out-%d.png"),
                                    "--slots", "2", "--alpha", "--json"))
        self.assertEqual((report["placement"]["prefer"], report["placement"]["slots"]), ("throughput", 2))
        self.assertTrue(all(os.path.exists(self.path("out-%d.png" % n)) for n in range(1, 4)), os.listdir(self.folder))
        self.assertEqual(len(self.entries()), 1)

    def test_without_engines_it_is_one_sentence(self):
        self.env["TRIPOINT_ENGINES"] = self.path("nowhere")
        run = self.tripoint("plan", "cutout-auto", "--size", "320x180")
        self.assertEqual(run.returncode, 12, run.stderr)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        self.assertIn("segment", run.stderr)

    def test_wrong_options(self):
        for args, word in ((["plan", "cutout-auto", "--prefer", "speed"], "latency or throughput"),
                           (["plan", "cutout-auto", "--slots", "0"], "whole number"),
                           (["run", "cutout-auto", PORTRAIT, "-o", "x.png", "--prefer", "speed"], "latency or throughput")):
            run = self.tripoint(*args)
            self.assertEqual(run.returncode, 2, run.stderr)
            self.assertIn(word, run.stderr)


if __name__ == "__main__":
    unittest.main()
