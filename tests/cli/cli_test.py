"""The command from outside: every verb end to end, on real engines, with good and bad input.

TRIPOINT is the command, SAMPLES the folder of sample pictures. Engines that are missing are skipped aloud.
"""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import png

TRIPOINT = os.environ["TRIPOINT"]
SAMPLES = os.environ["SAMPLES"]
DATA = os.environ["DATA"]  # share/tripoint of the build
PORTRAIT = os.path.join(SAMPLES, "astronaut.png")


def tripoint(*args, env=None, stdin=b"", cwd=None):
    full = dict(os.environ, **(env or {}))
    return subprocess.run([TRIPOINT, *args], input=stdin, capture_output=True, env=full, cwd=cwd, timeout=110)


def missing_engines():
    found = json.loads(tripoint("doctor", "--json", "--quick").stdout)["engines"]
    return {e["technology"]: e["backings"]["memfd"].get("reason", "broken") for e in found
            if e["backings"]["memfd"]["verdict"] in ("missing", "broken")}


MISSING = missing_engines()


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="tripoint-test-")
        self.addCleanup(shutil.rmtree, self.dir, True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def bytes_of(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def need(self, *engines):
        for engine in engines:
            if engine in MISSING:
                self.skipTest(f"{engine}: {MISSING[engine]}")

    def ok(self, run):
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        return run

    def fails(self, run, code, *words):
        """One clear sentence, the documented code, no output file, nothing left beside it."""
        text = run.stderr.decode()
        self.assertEqual(run.returncode, code, text)
        self.assertTrue(text.startswith("tripoint"), text)
        self.assertEqual(len(text.strip().splitlines()), 1, text)
        for word in words:
            self.assertIn(word, text)
        left = [n for n in os.listdir(self.dir) if n.startswith("out") or n.startswith(".")]
        self.assertEqual(left, [])


class CommandLine(Case):
    def test_help_teaches_and_version_tells(self):
        for args in (["--help"], ["run", "--help"], ["doctor", "--help"], ["ops", "--help"]):
            run = self.ok(tripoint(*args))
            self.assertIn(b"usage: tripoint", run.stdout)
        self.assertRegex(tripoint("--version").stdout, rb"^tripoint \d+\.\d+\.\d+\n$")

    def test_wrong_command_lines_are_two(self):
        for args in ([], ["walk"], ["run"], ["run", "cutout"], ["run", "cutout", "x.png"], ["run", "a", "b", "c", "-o", "d"],
                     ["run", "cutout", "x.png", "-o", "y.png", "--background", "red"],
                     ["run", "cutout", "x.png", "-o", "y.png", "--quality", "0"], ["run", "--nonsense"],
                     ["doctor", "x"], ["ops", "a", "b"]):
            run = tripoint(*args)
            self.assertEqual(run.returncode, 2, (args, run.stderr))
            self.assertTrue(run.stderr)

    def test_ops_lists_operations_for_people_and_scripts(self):
        ops = json.loads(self.ok(tripoint("ops", "--json")).stdout)
        names = {op["name"]: op for op in ops}
        self.assertLessEqual({"resize", "segment", "apply_mask", "vignette"}, set(names))
        self.assertEqual(names["resize"]["engines"], ["host", "webgpu"])
        self.assertTrue(names["segment"]["in_place"])
        text = self.ok(tripoint("ops", "resize")).stdout.decode()
        self.assertIn("bilinear|area", text)
        self.assertNotIn("vignette", text)
        self.assertEqual(tripoint("ops", "sharpen").returncode, 8)


class Doctor(Case):
    def test_doctor_tries_every_path(self):
        run = tripoint("doctor", "--json")
        report = json.loads(run.stdout)
        self.assertEqual([e["technology"] for e in report["engines"]], ["host", "wasm", "webgpu", "webnn"])
        for engine in report["engines"]:
            self.assertEqual(set(engine["backings"]), {"memfd", "private", "readers", "hugetlb"})
            for path in engine["backings"].values():
                self.assertIn(path["verdict"], ("zero-copy", "copies", "broken", "missing", "absent"))
                if path["verdict"] in ("zero-copy", "copies"):  # what was tried, and what came of it
                    self.assertEqual((path["rounds"], path["stale"], path["coherent"]), (32, 0, True))
                    self.assertGreaterEqual(path["alignment_bytes"], 4096)
                    self.assertNotIn("reason", path)
                else:
                    self.assertTrue(path["reason"])
                    self.assertIsNone(path["largest_bytes"])
                if path["verdict"] == "copies":
                    self.assertIsNone(path["largest_bytes"])
            if engine["backings"]["memfd"]["verdict"] == "zero-copy":
                self.assertGreaterEqual(engine["backings"]["memfd"]["largest_bytes"], 1 << 20)
                self.assertTrue(engine["precision"] and engine["permissions"], engine)
        self.assertIn(report["images"]["heif"], (True, False))
        if not MISSING:
            self.assertEqual(run.returncode, 0)
            for engine in report["engines"]:
                self.assertEqual(engine["backings"]["memfd"]["verdict"], "zero-copy", engine)
            self.assertRegex(report["engines"][3]["precision"], "^f32")  # not bf16, whatever the CPU can do
            self.assertIn("trapped", report["engines"][1]["permissions"])
            wasm = report["engines"][1]["backings"]["private"]
            self.assertEqual(wasm["verdict"], "copies")
            self.assertGreater(wasm["bytes_copied"], 0)
            self.assertEqual(report["engines"][1]["backings"]["readers"]["verdict"], "copies")
            self.assertEqual(report["workers"], {"verdict": "zero-copy"})

    def test_missing_engines_are_named_with_the_places_searched(self):
        run = tripoint("doctor", env={"TRIPOINT_ENGINES": "/nowhere/at/all"})
        self.assertEqual(run.returncode, 12)
        text = run.stdout.decode()
        for word in ("webgpu", "webnn", "wasm", "/nowhere/at/all", "scripts/setup", "AVIF and HEIC"):
            self.assertIn(word, text)
        quick = json.loads(tripoint("doctor", "--quick", "--json", env={"TRIPOINT_ENGINES": "/nowhere"}).stdout)
        self.assertIn("scripts/setup", quick["engines"][1]["backings"]["memfd"]["reason"])
        self.assertIsNone(quick["engines"][0]["backings"]["memfd"]["largest_bytes"])
        self.assertRegex(text, r"host +Tripoint")


class Surroundings(Case):
    """What a shell, a parent or a limit does to the command."""

    def shell(self, script, name="out.png"):
        return subprocess.run(["bash", "-c", script, TRIPOINT, PORTRAIT, self.path(name)], capture_output=True, timeout=110)

    def test_results_for_a_closed_standard_output_are_no_success(self):
        self.need("webnn")
        run = self.shell('"$0" run cutout-host "$1" -o - >&-')
        self.fails(run, 15, "standard output")
        run = self.shell('"$0" run cutout-host "$1" -o "$2" --json >&-')
        self.assertEqual(run.returncode, 15, run.stderr)
        self.ok(self.shell('"$0" run cutout-host "$1" -o "$2" <&- >&- 2>&-', "closed.png"))
        self.assertTrue(self.bytes_of("closed.png").endswith(b"IEND\xaeB`\x82"))

    def test_reports_that_are_lost_are_no_success(self):
        for verb in ("ops", "ops --json", "--help", "--version"):
            run = self.shell(f'"$0" {verb} >/dev/full')
            self.assertEqual(run.returncode, 15, verb)
            self.assertIn(b"No space left", run.stderr)

    def test_a_limit_on_the_size_of_files(self):
        self.need("webnn")
        run = self.shell('ulimit -f 64; "$0" run cutout-host "$1" -o "$2"')  # memory that is shared is a file too
        self.fails(run, 3, "File too large", "ulimit -f")

    def test_names_with_control_characters_stay_one_line(self):
        run = tripoint("run", "cutout-host", self.path("no\nsuch\x1b[31m.png"), "-o", self.path("out.png"))
        self.fails(run, 8, "no such?[31m.png")
        self.assertEqual(run.stderr.count(b"\n"), 1)

    def test_names_that_are_no_utf8(self):
        self.need("webnn")
        out = os.fsencode(self.path("a")) + b"\xff.png"
        run = self.ok(tripoint("run", "cutout-host", PORTRAIT, "-o", out, "--json"))
        self.assertTrue(json.loads(run.stdout)["output"]["path"].endswith("a?.png"))
        self.assertTrue(os.path.exists(out))

    def test_a_read_only_file_system(self):
        self.need("webnn")
        folder = self.path("ro")
        os.mkdir(folder)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", folder], capture_output=True).returncode:
            self.skipTest("mounting a file system needs root")
        try:
            self.fails(tripoint("run", "cutout-host", PORTRAIT, "-o", os.path.join(folder, "out.png")), 15, "Read-only")
        finally:
            subprocess.run(["umount", folder], check=True)


class Validation(Case):
    """TRIPOINT_VALIDATE closes what is not claimed: no engine notices, since all touch what they have claimed only."""

    def test_the_same_picture_with_closed_pages(self):
        jobs = [("cutout-host", ("webnn",)), ("cutout", ("webgpu", "webnn")), (self.mixed(), ("webgpu", "webnn", "wasm"))]
        for name, engines in jobs:
            if any(engine in MISSING for engine in engines):
                continue
            for value, out in (("0", "a.png"), ("abort", "b.png")):
                run = self.ok(tripoint("run", name, PORTRAIT, "-o", self.path(out), env={"TRIPOINT_VALIDATE": value}))
                self.assertNotIn(b"validate", run.stderr)
            self.assertEqual(self.bytes_of("a.png"), self.bytes_of("b.png"))

    def mixed(self):
        with open(os.path.join(DATA, "pipelines", "cutout.json")) as f:
            form = json.load(f)
        form["stages"][-1]["output"] = "masked"
        form["stages"].append({"technology": "wasm", "operation": "vignette", "input": "masked", "output": "output"})
        with open(self.path("mixed.json"), "w") as f:
            json.dump(form, f)
        return self.path("mixed.json")


class Cutout(Case):
    """What the pipeline makes of the portrait, against expectations taken when the picture was looked at."""

    @classmethod
    def setUpClass(cls):
        with open(PORTRAIT, "rb") as f:
            cls.width, cls.height, channels, pixels = png.read(f.read())
        assert channels == 3
        cls.rgb = pixels

    def check_picture(self, data):
        width, height, channels, rgba = png.read(data)
        self.assertEqual((width, height, channels), (self.width, self.height, 4))
        self.assertEqual(rgba[0::4], self.rgb[0::3])  # the colours are the photo's own
        self.assertEqual(rgba[1::4], self.rgb[1::3])
        self.assertEqual(rgba[2::4], self.rgb[2::3])
        alpha = rgba[3::4]
        inside = [i for i, a in enumerate(alpha) if a >= 128]
        self.assertAlmostEqual(len(inside) / len(alpha), EXPECTED["area"], delta=0.01)
        xs, ys = [i % width for i in inside], [i // width for i in inside]
        for got, want in zip((min(xs), min(ys), max(xs), max(ys)), EXPECTED["box"]):
            self.assertAlmostEqual(got, want, delta=6)
        for x, y in EXPECTED["person"]:
            self.assertGreater(alpha[y * width + x], 240, (x, y))
        for x, y in EXPECTED["background"]:
            self.assertLess(alpha[y * width + x], 15, (x, y))
        return rgba

    def test_cutout_on_webgpu_and_webnn_copies_nothing(self):
        self.need("webgpu", "webnn")
        run = self.ok(tripoint("run", "cutout", PORTRAIT, "-o", self.path("out.png"), "--require-zero-copy", "--json"))
        with open(self.path("out.png"), "rb") as f:
            self.check_picture(f.read())
        report = json.loads(run.stdout)
        self.assertEqual(report["ledger"]["bytes_between_stages"], 0)
        self.assertEqual(report["ledger"]["bytes_at_the_border"], 0)
        self.assertEqual([(s["technology"], s["operation"]) for s in report["stages"]],
                         [("webgpu", "resize"), ("webnn", "segment"), ("webgpu", "apply_mask")])
        self.assertTrue(report["stages"][1]["in_place"])
        self.assertEqual({e["technology"] for e in report["engines"]}, {"webgpu", "webnn"})
        self.assertTrue(all(e["shares_memory"] for e in report["engines"]))
        self.assertIn("0 bytes copied between stages", run.stderr.decode().splitlines()[-1])

    def test_host_and_webgpu_agree_to_the_bit(self):
        self.need("webgpu", "webnn")
        pictures = []
        for pipeline in ("cutout", "cutout-host"):
            run = self.ok(tripoint("run", pipeline, PORTRAIT, "-o", "-", "--quiet"))
            self.assertEqual(run.stderr, b"")
            pictures.append(self.check_picture(run.stdout))
        self.assertEqual(*pictures)

    def test_from_standard_input(self):
        self.need("webnn")
        with open(PORTRAIT, "rb") as f:
            data = f.read()
        run = self.ok(tripoint("run", "cutout-host", "-", "-o", self.path("out.png"), stdin=data))
        with open(self.path("out.png"), "rb") as f:
            self.check_picture(f.read())

    def test_parameters_can_be_set(self):
        self.need("webnn")
        out = self.path("out.png")
        self.ok(tripoint("run", "cutout-host", PORTRAIT, "-o", out, "--set", "resize.width=256", "--set", "resize.height=256",
                         "--set", "resize.filter=area", "--set", "segment.model=selfie-landscape"))
        os.remove(out)
        run = tripoint("run", "cutout-host", PORTRAIT, "-o", out, "--set", "resize.wide=3")
        self.fails(run, 2, "width")
        run = tripoint("run", "cutout-host", PORTRAIT, "-o", out, "--set", "sharpen.width=3")
        self.assertIn("sharpen", run.stderr.decode())
        self.assertNotEqual(run.returncode, 0)
        run = tripoint("run", "cutout-host", PORTRAIT, "-o", out, "--set", "resize.width=0")
        self.fails(run, 2, "width", "32768")

    def test_jpeg_out_and_in_again(self):
        self.need("webnn")
        jpg = self.path("white.jpg")
        self.ok(tripoint("run", "cutout-host", PORTRAIT, "-o", jpg, "--background", "ffffff"))
        with open(jpg, "rb") as f:
            self.assertEqual(f.read(3), b"\xff\xd8\xff")
        self.ok(tripoint("run", "cutout-host", jpg, "-o", self.path("again.png")))
        with open(self.path("again.png"), "rb") as f:
            _, _, _, rgba = png.read(f.read())
        x, y = EXPECTED["background"][0]
        at = (y * self.width + x) * 4
        self.assertTrue(all(v > 245 for v in rgba[at:at + 3]), rgba[at:at + 3])

    def test_two_at_once_with_a_cold_cache_make_the_same_picture(self):
        self.need("webgpu", "webnn")
        engines = os.environ.get("TRIPOINT_ENGINES") or os.path.join(
            os.environ.get("TRIPOINT_CACHE") or os.path.join(
                os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "tripoint"), "engines")
        env = dict(os.environ, TRIPOINT_CACHE=self.path("cache"), TRIPOINT_ENGINES=engines)
        runs = [subprocess.Popen([TRIPOINT, "run", "cutout", PORTRAIT, "-o", self.path(f"p{i}.png"), "--quiet"], env=env,
                                 stderr=subprocess.PIPE) for i in range(2)]
        for run in runs:
            _, err = run.communicate(timeout=110)
            self.assertEqual(run.returncode, 0, err)
        pictures = [self.bytes_of(f"p{i}.png") for i in range(2)]
        self.assertEqual(*pictures)
        # a cache full of rubbish changes nothing
        for where, _, names in os.walk(self.path("cache")):
            for name in names:
                with open(os.path.join(where, name), "r+b") as f:
                    f.seek(0, 2)
                    middle = f.tell() // 2
                    f.seek(middle)
                    f.write(b"\xff" * 64)
        run = tripoint("run", "cutout", PORTRAIT, "-o", self.path("p3.png"), env=env)
        self.ok(run)
        self.assertEqual(self.bytes_of("p3.png"), pictures[0])


class Shapes(Case):
    def run_shape(self, width, height, pipeline="cutout"):
        self.need("webgpu", "webnn")
        row = bytes((x * 7 + c * 50) & 255 if c < 3 else 255 for x in range(width) for c in range(4))
        png.write_plain(self.path("in.png"), width, height, row)
        run = self.ok(tripoint("run", pipeline, self.path("in.png"), "-o", self.path("out.png"), "--require-zero-copy"))
        with open(self.path("out.png"), "rb") as f:
            header = f.read(24)
        self.assertEqual(header[16:24], width.to_bytes(4, "big") + height.to_bytes(4, "big"))

    def test_one_by_one(self):
        self.run_shape(1, 1)

    def test_one_by_8000(self):
        self.run_shape(1, 8000)

    def test_8000_by_one(self):
        self.run_shape(8000, 1)

    def test_odd_widths(self):
        for width in (2, 3, 5, 257, 1023):
            self.run_shape(width, 61)

    def test_8k_by_8k_is_larger_than_one_gpu_binding(self):
        self.run_shape(8192, 8192)


class BadInput(Case):
    def run_on(self, data, *args, name="in.png", pipeline="cutout-host"):
        with open(self.path(name), "wb") as f:
            f.write(data)
        return tripoint("run", pipeline, self.path(name), "-o", self.path("out.png"), *args)

    def test_damaged_pictures(self):
        with open(PORTRAIT, "rb") as f:
            good = f.read()
        self.fails(self.run_on(b""), 10, "in.png", "empty")
        self.fails(self.run_on(good[:len(good) // 2]), 10, "in.png")
        self.fails(self.run_on(good[:20]), 10, "in.png")
        self.fails(self.run_on(b"hello, this is a text file\n" * 9), 10, "in.png", "JPEG, PNG, WebP")
        self.fails(self.run_on(b"GIF89a" + b"\0" * 100), 10, "GIF")
        flipped = bytearray(good)
        flipped[len(good) // 2] ^= 0x55
        self.fails(self.run_on(bytes(flipped)), 10, "in.png")

    def test_dimensions_beyond_the_limits_are_refused_before_memory_is(self):
        def header(w, h):
            return (b"\x89PNG\r\n\x1a\n" + png.chunk(b"IHDR", w.to_bytes(4, "big") + h.to_bytes(4, "big") + b"\x08\x06\0\0\0") +
                    png.chunk(b"IDAT", b"") + png.chunk(b"IEND", b""))
        self.fails(self.run_on(header(100000, 100000)), 3, "in.png", "100000")
        self.fails(self.run_on(header(30000, 30000)), 3, "in.png")
        self.assertEqual(self.run_on(header(0, 5)).returncode, 10)

    def test_inputs_that_are_not_there(self):
        out = self.path("out.png")
        self.fails(tripoint("run", "cutout-host", self.path("no.png"), "-o", out), 8, "no.png")
        self.fails(tripoint("run", "cutout-host", self.dir, "-o", out), 15, self.dir)

    def test_pipelines_that_are_not_there_or_wrong(self):
        out = self.path("out.png")
        self.fails(tripoint("run", "cutuot", PORTRAIT, "-o", out), 8, "cutuot", "cutout")
        self.fails(tripoint("run", self.path("x.json"), PORTRAIT, "-o", out), 8, "x.json")
        with open(self.path("p.json"), "w") as f:
            f.write('{\n  "name": "p",\n  "inputs": {"input": {"kind": "image"}},\n  "outputs": ["output"],\n'
                    '  "stages": [{"technology": "hosts", "operation": "resize", "input": "input", "output": "output"}]\n}\n')
        self.fails(tripoint("run", self.path("p.json"), PORTRAIT, "-o", out), 9, "p.json:5:", "technology", "webgpu")

    def test_outputs_that_cannot_be(self):
        self.need("webnn")
        run = tripoint("run", "cutout-host", PORTRAIT, "-o", self.path("no/such/folder/out.png"))
        self.fails(run, 15, "no/such/folder")
        run = tripoint("run", "cutout-host", PORTRAIT, "-o", "/proc/out.png")
        self.fails(run, 15, "/proc/out.png")
        os.mkdir(self.path("folder.png"))
        self.fails(tripoint("run", "cutout-host", PORTRAIT, "-o", self.path("folder.png")), 15, "folder.png", "name a file in it")
        self.fails(tripoint("run", "cutout-host", PORTRAIT, "-o", self.path("out.bmp")), 2, "out.bmp", ".png, .webp or .jpg")
        self.fails(tripoint("run", "cutout-host", PORTRAIT, "-o", self.dir), 2, self.dir)

    def test_an_existing_file_survives_a_failure_and_no_overwrite(self):
        self.need("webnn")
        keep = self.path("keep.png")
        with open(keep, "wb") as f:
            f.write(b"precious")
        with open(self.path("bad.png"), "wb") as f:
            f.write(b"\x89PNG\r\n\x1a\nrubbish")
        self.fails(tripoint("run", "cutout-host", self.path("bad.png"), "-o", keep), 10)
        self.fails(tripoint("run", "cutout-host", PORTRAIT, "-o", keep, "--no-overwrite"), 15, "keep.png", "there already")
        with open(keep, "rb") as f:
            self.assertEqual(f.read(), b"precious")

    def test_a_full_disk(self):
        self.need("webnn")
        small = self.path("small")
        os.mkdir(small)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], capture_output=True).returncode:
            self.skipTest("mounting a small file system needs root")
        try:
            run = tripoint("run", "cutout-host", PORTRAIT, "-o", os.path.join(small, "out.png"))
            self.fails(run, 15, "No space left")
            self.assertEqual(os.listdir(small), [])
        finally:
            subprocess.run(["umount", small], check=True)

    def test_a_missing_engine(self):
        run = tripoint("run", "cutout", PORTRAIT, "-o", self.path("out.png"), env={"TRIPOINT_ENGINES": "/nowhere"})
        self.fails(run, 12, "/nowhere", "scripts/setup")

    def test_a_corrupt_model(self):
        self.need("webnn")
        shutil.copytree(DATA, self.path("data"))
        model = self.path("data/models/selfie_segmentation.onnx")
        with open(model, "r+b") as f:
            f.seek(200000)
            byte = f.read(1)
            f.seek(200000)
            f.write(bytes([byte[0] ^ 1]))
        run = tripoint("run", "cutout-host", PORTRAIT, "-o", self.path("out.png"), env={"TRIPOINT_DATA": self.path("data")})
        self.fails(run, 11, "selfie_segmentation.onnx", "SHA-256")

    def test_a_closed_pipe(self):
        self.need("webnn")
        run = subprocess.run(f'"{TRIPOINT}" run cutout-host "{PORTRAIT}" -o - --quiet | true; exit ${{PIPESTATUS[0]}}',
                             shell=True, executable="/bin/bash", capture_output=True, timeout=110)
        self.assertIn(run.returncode, (0, 15), run.stderr)  # 0: all of it fitted into the pipe before it closed

    def test_interruption_leaves_nothing(self):
        self.need("webnn")
        png.write_plain(self.path("in.png"), 8000, 8000, bytes(range(256)) * 125)
        run = subprocess.Popen([TRIPOINT, "run", "cutout-host", self.path("in.png"), "-o", self.path("out.png")],
                               stderr=subprocess.PIPE)
        time.sleep(0.35)  # decoding 64 megapixels takes longer than this
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=60)
        self.assertIn(run.returncode, (6, -signal.SIGINT), err)
        self.assertFalse(os.path.exists(self.path("out.png")))
        self.assertEqual([n for n in os.listdir(self.dir) if n != "in.png"], [])


# Taken from the picture after looking at it: share of pixels with alpha >= 128, their bounding box, points that must be
# inside and outside.
EXPECTED = {
    "area": 0.545,
    "box": (0, 15, 511, 511),
    "person": [(230, 130), (220, 330), (100, 450)],
    "background": [(20, 20), (400, 60), (60, 200), (450, 200)],
}

if __name__ == "__main__":
    unittest.main()
