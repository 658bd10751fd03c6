"""What a run tells about itself, and the formats that it reads and writes. TRIPOINT is the command, SAMPLES the folder of sample pictures.

Every pipeline here runs on the host engine: nothing is skipped.
"""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

TRIPOINT = os.environ["TRIPOINT"]
PORTRAIT = os.path.join(os.environ["SAMPLES"], "astronaut.png")
IMAGES = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "fuzz", "image")
TWO = {"name": "two", "inputs": {"photo": {"kind": "image"}}, "outputs": ["out"],
       "stages": [{"technology": "host", "operation": "resize", "input": "photo", "output": "work",
                   "params": {"width": 320, "height": 200}},
                  {"technology": "host", "operation": "vignette", "input": "work", "output": "out"}]}


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="tripoint-report-")
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.pipeline = self.path("two.json")
        with open(self.pipeline, "w", encoding="utf-8") as file:
            json.dump(TWO, file)

    def path(self, name):
        return os.path.join(self.dir, name)

    def run_two(self, *options, env=None, picture=PORTRAIT):
        return subprocess.run([TRIPOINT, "run", self.pipeline, picture, "-o", self.path("out.png"), *options],
                              capture_output=True, text=True, timeout=110, env=dict(os.environ, **(env or {})))


class Trace(Case):
    def tracks(self, name="trace.json"):
        """title -> its events, in order; checks what readers of the format rely on."""
        with open(self.path(name), encoding="utf-8") as file:
            trace = json.load(file)
        self.assertEqual(trace["otherData"]["events_lost"], 0)
        titles, tracks = {}, {}
        for event in trace["traceEvents"]:
            self.assertIn(event["ph"], ("X", "M"))
            if event["name"] == "thread_name":
                titles[event["tid"]] = event["args"]["name"]
        for event in trace["traceEvents"]:
            if event["ph"] == "X":
                self.assertGreaterEqual(event["ts"], 0)
                self.assertGreaterEqual(event["dur"], 0)
                tracks.setdefault(titles[event["tid"]], []).append(event)
        return tracks

    def test_a_trace_has_the_tracks(self):
        run = self.run_two("--trace", self.path("trace.json"))
        self.assertEqual(run.returncode, 0, run.stderr)
        tracks = self.tracks()
        names = {title: [e["name"] for e in events] for title, events in tracks.items()}
        self.assertEqual(names["runs"], ["two.json"])
        self.assertEqual(names["stages"], ["resize", "vignette"])
        self.assertEqual(names["engine: host"], ["resize", "vignette"])
        self.assertEqual(names["claims: work"], ["resize", "vignette"])
        self.assertEqual([e["args"]["access"] for e in tracks["claims: work"]], ["write", "read"])
        self.assertEqual(names["pictures"], ["decode", "encode"])
        self.assertEqual(names["preparing: host"], ["open", "resize", "vignette"])
        run, stages = tracks["runs"][0], tracks["stages"]
        for stage in stages:  # within the run
            self.assertGreaterEqual(stage["ts"], run["ts"] - 1)
            self.assertLessEqual(stage["ts"] + stage["dur"], run["ts"] + run["dur"] + 1)

    def test_the_environment_asks_too(self):
        self.assertEqual(self.run_two(env={"TRIPOINT_TRACE": self.path("env.json")}).returncode, 0)
        self.assertIn("stages", self.tracks("env.json"))

    def test_a_trace_of_a_failure_is_written(self):
        with open(self.path("broken.png"), "wb") as file, open(PORTRAIT, "rb") as whole:
            file.write(whole.read(5000))
        run = self.run_two("--trace", self.path("trace.json"), picture=self.path("broken.png"))
        self.assertEqual(run.returncode, 10, run.stderr)
        self.assertIn("pictures", self.tracks())

    def test_a_trace_that_can_not_be_written_is_no_success(self):
        run = self.run_two("--trace", "/nowhere/at/all.json")
        self.assertEqual(run.returncode, 15, run.stderr)
        self.assertIn("/nowhere/at/all.json", run.stderr)


class Ledger(Case):
    def test_the_report_tells_copies_by_stage_and_cause(self):
        run = self.run_two("--json", "--require-zero-copy")
        self.assertEqual(run.returncode, 0, run.stderr)
        report = json.loads(run.stdout)
        self.assertEqual([(s["name"], s["bytes_copied"], s["copies"]) for s in report["stages"]],
                         [("resize", 0, []), ("vignette", 0, [])])
        self.assertEqual(report["ledger"], {"bytes_between_stages": 0, "bytes_at_the_border": 0, "lines": []})

    def test_the_border_is_told_apart(self):
        picture = os.path.join(IMAGES, "heif01.avif")
        run = self.run_two("--json", "--require-zero-copy", picture=picture)
        if run.returncode == 16:
            self.skipTest(run.stderr)
        self.assertEqual(run.returncode, 0, run.stderr)
        ledger = json.loads(run.stdout)["ledger"]
        self.assertEqual(ledger["bytes_between_stages"], 0)
        self.assertEqual([(line["place"], line["region"], line["cause"], line["bytes"], line["copies"])
                          for line in ledger["lines"]],
                         [("border", "photo", "libheif's own picture", 33 * 21 * 4, 1)])


class Pictures(Case):
    """Formats beside JPEG and PNG, from file to file."""

    def convert(self, source, target, *options):
        run = subprocess.run([TRIPOINT, "run", self.pipeline, source, "-o", self.path(target), *options],
                             capture_output=True, text=True, timeout=110)
        return run

    def test_webp_keeps_every_bit_when_asked(self):
        for target, options in (("a.webp", ["--lossless"]), ("a.png", [])):
            run = self.convert(PORTRAIT, target, *options)
            self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(self.convert(self.path("a.webp"), "b.png").returncode, 0)
        self.assertEqual(self.convert(self.path("a.png"), "c.png").returncode, 0)
        with open(self.path("b.png"), "rb") as b, open(self.path("c.png"), "rb") as c:
            self.assertEqual(b.read(), c.read())
        sizes = []
        for quality in ("20", "95"):
            run = self.convert(PORTRAIT, "q.webp", "--quality", quality)
            self.assertEqual(run.returncode, 0, run.stderr)
            sizes.append(os.path.getsize(self.path("q.webp")))
        self.assertLess(sizes[0] * 2, sizes[1])

    def test_avif_and_heic_are_read(self):
        for name in ("heif00.heic", "heif01.avif", "heif02.avif"):
            run = self.convert(os.path.join(IMAGES, name), "x.png")
            if run.returncode == 16:
                self.skipTest(run.stderr)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertIn("at the border", run.stderr)  # libheif's own picture

    def test_sixteen_bits(self):
        for depth in ("8", "16"):
            run = self.convert(PORTRAIT, "d.png", "--png-depth", depth)
            self.assertEqual(run.returncode, 0, run.stderr)
            with open(self.path("d.png"), "rb") as file:
                self.assertEqual(file.read(25)[24], int(depth))

    def test_what_can_not_be_written_is_said(self):
        for target, options, words in (("a.avif", [], ".png, .webp or .jpg"), ("a.png", ["--png-depth", "12"], "8 or 16")):
            run = self.convert(PORTRAIT, target, *options)
            self.assertEqual(run.returncode, 2, run.stderr)
            self.assertIn(words, run.stderr)


if __name__ == "__main__":
    unittest.main()
