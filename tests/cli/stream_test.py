"""Streams from outside: videos and sequences of images through the command, judged by ffmpeg.

TRIPOINT is the command, SAMPLES the folder of sample pictures. Without ffmpeg or the video module the cases that need
them are skipped aloud.
"""
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

TRIPOINT = os.environ["TRIPOINT"]
SAMPLES = os.environ["SAMPLES"]
FFMPEG = shutil.which("ffmpeg")
HOST = {"name": "dim", "inputs": {"input": {"kind": "image", "dtype": "u8", "channels": 4}}, "outputs": ["output"],
        "stages": [{"technology": "host", "operation": "vignette", "input": "input", "output": "output"}]}


def tripoint(*args, env=None, stdin=None, **more):
    return subprocess.run([TRIPOINT, *args], input=stdin, capture_output=True, env=dict(os.environ, **(env or {})),
                          timeout=200, **more)


def ffmpeg(*args):
    subprocess.run([FFMPEG, "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *args], check=True, timeout=120)


def probe(path, *what):
    """ffprobe's JSON about a file."""
    run = subprocess.run([shutil.which("ffprobe"), "-v", "error", "-of", "json", *what, path], capture_output=True,
                         check=True, timeout=60)
    return json.loads(run.stdout)


def pixels(path, *filters):
    """All frames as RGBA, one after another."""
    return subprocess.run([FFMPEG, "-v", "error", "-i", path, *filters, "-f", "rawvideo", "-pix_fmt", "rgba", "-"],
                          capture_output=True, check=True, timeout=60).stdout


def video_missing():
    if not FFMPEG:
        return "ffmpeg is not installed"
    run = tripoint("run", "cutout-host", "/nowhere/x.mp4", "-o", "/tmp/never.mp4")
    return run.stderr.decode().strip() if run.returncode == 16 else None


MISSING = video_missing()


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="tripoint-stream-")
        self.addCleanup(shutil.rmtree, self.dir, True)
        with open(self.path("dim.json"), "w", encoding="utf-8") as file:
            json.dump(HOST, file)

    def path(self, name):
        return os.path.join(self.dir, name)

    def run_it(self, source, to, *more, **kinds):
        return tripoint("run", self.path("dim.json"), self.path(source), "-o", self.path(to), *more, **kinds)

    def ok(self, run):
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        return run

    def fails(self, run, code, *words):
        text = run.stderr.decode()
        self.assertEqual(run.returncode, code, text)
        self.assertTrue(text.startswith("tripoint"), text)
        self.assertEqual(len(text.strip().splitlines()), 1, text)
        for word in words:
            self.assertIn(word, text)
        self.assertEqual([n for n in os.listdir(self.dir) if n.startswith(("out", "."))], [])


class Sequences(Case):
    def setUp(self):
        super().setUp()
        for i in range(1, 6):
            with open(os.path.join(SAMPLES, "astronaut.png"), "rb") as file:
                data = file.read()
            with open(self.path(f"in-{i:03d}.png"), "wb") as file:
                file.write(data)

    def test_numbers_and_patterns(self):
        self.ok(self.run_it("in-001.png", "one.png"))
        with open(self.path("one.png"), "rb") as file:
            wanted = file.read()
        for source in ("in-%03d.png", "in-*.png"):
            run = self.ok(self.run_it(source, "out-%02d.png", "--require-zero-copy"))
            self.assertIn(b"5 frames", run.stderr)
            self.assertIn(b"0 bytes copied between stages", run.stderr)
            names = sorted(n for n in os.listdir(self.dir) if n.startswith("out"))
            self.assertEqual(names, [f"out-{i:02d}.png" for i in range(1, 6)])
            for name in names:
                with open(self.path(name), "rb") as file:
                    self.assertEqual(file.read(), wanted)
                os.unlink(self.path(name))

    def test_names_that_lead_nowhere(self):
        self.fails(self.run_it("none-%d.png", "out-%d.png"), 8, "none-")
        self.fails(self.run_it("none*.png", "out-%d.png"), 8, "none*.png")
        self.fails(self.run_it("in-%03d.png", "out-%d.txt"), 2, ".png or .jpg")

    def test_images_of_different_sizes(self):
        if not FFMPEG:
            self.skipTest("ffmpeg is not installed")
        ffmpeg("-i", self.path("in-001.png"), "-vf", "scale=100:80", self.path("in-003.png"))
        run = self.run_it("in-%03d.png", "out-%d.png", "--slots", "1")
        self.assertEqual(run.returncode, 10)
        self.assertIn("in-003.png is 100x80", run.stderr.decode())
        self.assertEqual(sorted(n for n in os.listdir(self.dir) if n.startswith("out")), ["out-1.png", "out-2.png"])


@unittest.skipIf(MISSING, MISSING)
class Videos(Case):
    def make(self, name, *filters, size="320x240", frames=30, rate=25):
        ffmpeg("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}", "-frames:v", str(frames), *filters, self.path(name))

    def test_frames_times_sound_and_tags_pass(self):
        ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-f", "lavfi", "-i", "sine=440", "-t", "1.2",
               "-metadata", "title=a title", "-c:a", "aac", self.path("in.mp4"))
        run = self.ok(self.run_it("in.mp4", "out.mp4", "--require-zero-copy", "--json"))
        report = json.loads(run.stdout)
        self.assertEqual(report["frames"]["complaint"], "")
        self.assertEqual(report["output"]["frames"], 30)
        self.assertEqual(report["ledger"]["bytes_between_stages"], 0)
        self.assertEqual(report["frames"]["packets_lost"], 0)
        before = probe(self.path("in.mp4"), "-show_streams", "-show_format", "-count_packets")
        after = probe(self.path("out.mp4"), "-show_streams", "-show_format", "-count_packets")
        self.assertEqual([s["codec_name"] for s in after["streams"]], ["h264", "aac"])
        self.assertEqual([s["nb_read_packets"] for s in after["streams"]], [s["nb_read_packets"] for s in before["streams"]])
        self.assertEqual(after["format"]["tags"]["title"], "a title")
        self.assertAlmostEqual(float(after["format"]["duration"]), float(before["format"]["duration"]), delta=0.05)

    def test_pixels_are_those_of_single_pictures(self):
        self.make("in.mkv", "-c:v", "ffv1", "-pix_fmt", "yuv420p", size="322x242", frames=6)
        self.ok(self.run_it("in.mkv", "out-%d.png"))
        ffmpeg("-i", self.path("in.mkv"), self.path("single-%d.png"))
        for i in (1, 6):
            self.ok(self.run_it(f"single-{i}.png", f"want-{i}.png"))
            got, want = pixels(self.path(f"out-{i}.png")), pixels(self.path(f"want-{i}.png"))
            self.assertEqual(len(got), 322 * 242 * 4)
            off = [abs(a - b) for a, b in zip(got, want)]
            self.assertLess(sum(off) / len(off), 4)  # chroma is spread differently

    def test_variable_frame_rate_is_kept(self):
        self.make("in.mkv", "-vf", "select='not(mod(n,3))+not(mod(n,5))'", "-vsync", "vfr")
        self.ok(self.run_it("in.mkv", "out.mkv"))
        times = [[float(f["pts_time"]) for f in probe(self.path(n), "-select_streams", "v", "-show_frames")["frames"]]
                 for n in ("in.mkv", "out.mkv")]
        self.assertGreater(len(times[0]), 8)
        self.assertEqual(times[0], times[1])

    def test_alpha_is_kept_or_flattened(self):
        self.make("in.mov", "-c:v", "png", "-vf", "format=rgba,colorchannelmixer=aa=0", "-pix_fmt", "rgba", frames=4)
        self.ok(self.run_it("in.mov", "out.webm", "--alpha"))
        out = subprocess.run([FFMPEG, "-v", "error", "-c:v", "libvpx-vp9", "-i", self.path("out.webm"), "-f", "rawvideo",
                              "-pix_fmt", "rgba", "-"], capture_output=True, check=True, timeout=60).stdout
        self.assertLess(max(out[3::4]), 8)
        self.ok(self.run_it("in.mov", "out.mp4", "--background", "00ff00"))
        flat = pixels(self.path("out.mp4"))
        self.assertLess(flat[0], 40)
        self.assertGreater(flat[1], 215)

    def test_each_way_to_keep_alpha_keeps_it(self):
        """Decoded again by ffmpeg and held against the alpha that went in."""
        self.make("in.mov", "-c:v", "png", "-vf", "format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='X*255/W'", "-pix_fmt",
                  "rgba", size="128x64", frames=3)
        want = pixels(self.path("in.mov"))[3::4]
        self.assertGreater(max(want) - min(want), 200)
        for name, decoder, tolerance in (("out.webm", ["-c:v", "libvpx-vp9"], 4), ("out.mov", [], 1), ("out-%d.png", [], 0),
                                         ("out.mkv", [], 1)):
            codec = ["--codec", "ffv1"] if name == "out.mkv" else []
            self.ok(self.run_it("in.mov", name, "--alpha", *codec))
            got = subprocess.run([FFMPEG, "-v", "error", *decoder, "-i", self.path(name), "-f", "rawvideo", "-pix_fmt",
                                  "rgba", "-"], capture_output=True, check=True, timeout=60).stdout[3::4]
            self.assertEqual(len(got), len(want), name)
            self.assertLessEqual(sum(abs(a - b) for a, b in zip(got, want)) / len(want), tolerance, name)

    def test_formats_on_standard_output(self):
        self.make("in.mkv", "-c:v", "ffv1", "-pix_fmt", "yuv420p", frames=4)
        self.ok(self.run_it("in.mkv", "out.y4m"))
        with open(self.path("out.y4m"), "rb") as file:
            want = file.read()
        run = self.ok(tripoint("run", self.path("dim.json"), self.path("in.mkv"), "-o", "-", "--format", "y4m"))
        self.assertEqual(run.stdout, want)
        again = self.ok(tripoint("run", self.path("dim.json"), "-", "-o", "-", "--format", "matroska", stdin=run.stdout))
        self.assertTrue(again.stdout.startswith(b"\x1aE\xdf\xa3"))
        raw = self.ok(tripoint("run", self.path("dim.json"), self.path("in.mkv"), "-o", "-", "--format", "raw")).stdout
        self.assertEqual(len(raw), 4 * 320 * 240 * 3 // 2)
        off = [abs(a - b) for a, b in zip(raw, b"".join(want.split(b"FRAME\n")[1:]))]
        self.assertLess(sum(off) / len(off), 2)  # by libav's conversion
        raw = self.ok(tripoint("run", self.path("dim.json"), self.path("in.mkv"), "-o", "-", "--format", "raw", "--alpha"))
        self.assertEqual(len(raw.stdout), 4 * 320 * 240 * 4)
        os.unlink(self.path("out.y4m"))
        self.fails(self.run_it("in.mkv", "out.bin", "--format", "nonsense"), 2, "nonsense")

    def test_odd_sizes_and_deep_formats(self):
        for size, form in (("33x17", "yuv444p"), ("33x17", "yuv420p"), ("64x64", "yuv420p10le"), ("2x2", "yuv420p")):
            self.make("in.mkv", "-c:v", "ffv1", "-pix_fmt", form, size=size, frames=3)
            run = self.ok(self.run_it("in.mkv", "out.mkv", "--codec", "ffv1"))
            self.assertIn(b"3 frames", run.stderr)

    def test_rotation_is_applied(self):
        self.make("up.mkv", "-c:v", "ffv1", "-pix_fmt", "yuv420p", size="98x66", frames=3)
        for degrees in ("90", "180", "270"):
            ffmpeg("-i", self.path("up.mkv"), "-c:v", "libx264", "-crf", "1", self.path("flat.mp4"))
            ffmpeg("-i", self.path("flat.mp4"), "-c", "copy", "-metadata:s:v", "rotate=" + degrees, self.path("in.mp4"))
            run = self.ok(self.run_it("in.mp4", "out.mkv", "--json", "--codec", "ffv1", "--require-zero-copy"))
            self.assertIn(json.loads(run.stdout)["input"]["rotation"], (90, 180, 270))
            stream = probe(self.path("out.mkv"), "-show_streams")["streams"][0]
            self.assertNotIn("side_data_list", stream)
            sides = (98, 66) if degrees == "180" else (66, 98)
            self.assertEqual((stream["width"], stream["height"]), sides)
            ffmpeg("-i", self.path("in.mp4"), "-frames:v", "1", self.path("want-in.png"))  # ffmpeg turns it too
            self.ok(self.run_it("want-in.png", "want.png"))
            got, want = pixels(self.path("out.mkv"))[:66 * 98 * 4], pixels(self.path("want.png"))
            off = [abs(a - b) for a, b in zip(got, want)]
            self.assertLess(sum(off) / len(off), 6)

    def test_a_change_of_size_is_scaled_and_told(self):
        self.make("a.ts", "-c:v", "mpeg2video", size="320x240", frames=8)
        self.make("b.ts", "-c:v", "mpeg2video", size="160x120", frames=8)
        with open(self.path("in.ts"), "wb") as to:
            for name in ("a.ts", "b.ts"):
                with open(self.path(name), "rb") as file:
                    to.write(file.read())
        run = self.ok(self.run_it("in.ts", "out.mp4"))
        self.assertIn("had another size", run.stderr.decode())
        stream = probe(self.path("out.mp4"), "-show_streams")["streams"][0]
        self.assertEqual((stream["width"], stream["height"]), (320, 240))

    def test_pipes(self):
        self.make("in.y4m", "-pix_fmt", "yuv420p", frames=10)
        with open(self.path("in.y4m"), "rb") as file:
            data = file.read()
        run = self.ok(tripoint("run", self.path("dim.json"), "-", "-o", self.path("out.y4m"), stdin=data))
        self.assertNotIn(b"\r", run.stderr)  # progress is for terminals
        self.assertGreater(os.path.getsize(self.path("out.y4m")), 10 * 320 * 240)

    def test_a_live_source_drops_the_oldest_and_counts_them(self):
        """The sink takes nothing until the source has given all: only who drops frames lets the source go on."""
        frame = b"FRAME\n" + bytes(320 * 240 * 3 // 2)
        head = b"YUV4MPEG2 W320 H240 F25:1 Ip A1:1 C420jpeg\n"
        for live in (True, False):
            out = self.path("live.y4m" if live else "patient.y4m")
            os.mkfifo(out)
            may_read = threading.Event()
            reader = threading.Thread(target=self.read_all, args=(out, may_read), daemon=True)
            reader.start()
            with subprocess.Popen([TRIPOINT, "run", self.path("dim.json"), "-", "-o", out, "--json", *(["--live"] * live)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
                if not live:  # nothing is lost where it was not asked for
                    may_read.set()
                child.stdin.write(head)
                for _ in range(100):
                    child.stdin.write(frame)
                child.stdin.close()
                may_read.set()
                report, text = json.loads(child.stdout.read()), child.stderr.read().decode()
                self.assertEqual(child.wait(timeout=100), 0, text)
            reader.join(timeout=100)
            self.assertEqual(report["output"]["frames"] + report["frames"]["dropped"], 100)
            if live:
                self.assertGreater(report["frames"]["dropped"], 50)
                self.assertIn("were dropped", text)
            else:
                self.assertEqual(report["frames"]["dropped"], 0)

    @staticmethod
    def read_all(path, may_read):
        with open(path, "rb", buffering=0) as file:  # opens when the writer does
            may_read.wait()
            while file.read(1 << 20):
                pass

    def test_what_cannot_be_live(self):
        self.make("in.mp4", frames=3)
        self.fails(self.run_it("in.mp4", "out.mp4", "--live"), 2, "pipe")
        self.fails(self.run_it("in-%d.png", "out.mp4", "--live"), 2, "pipe")

    def test_ctrl_c_ends_the_wait_for_a_pipe_that_stalls(self):
        frame = b"FRAME\n" + bytes(320 * 240 * 3 // 2)
        for live in ([], ["--live"]):
            with subprocess.Popen([TRIPOINT, "run", self.path("dim.json"), "-", "-o", self.path("out.mkv"), *live],
                                  stdin=subprocess.PIPE, stderr=subprocess.PIPE) as child:
                child.stdin.write(b"YUV4MPEG2 W320 H240 F25:1 Ip A1:1 C420jpeg\n" + 40 * frame)
                child.stdin.flush()  # the pipe holds no whole frame: most have been read, and there is no end
                child.send_signal(signal.SIGINT)
                child.wait(timeout=100)
                text = child.stderr.read().decode()
            self.assertEqual(child.returncode, 6, text)

    def test_interruption_leaves_a_whole_file(self):
        self.make("in.mp4", "-c:v", "mpeg4", frames=2000)
        with subprocess.Popen([TRIPOINT, "run", self.path("dim.json"), self.path("in.mp4"), "-o", self.path("out.mp4")],
                              stderr=subprocess.PIPE) as child:
            for _ in range(2000):  # until frames flow: the unnamed output grows
                if child.poll() is not None or self.cpu(child.pid) > 0.3:
                    break
                time.sleep(0.01)
            child.send_signal(signal.SIGINT)
            text = child.communicate(timeout=60)[1].decode()
        if child.returncode == 0:
            self.skipTest("it was done before it could be interrupted")
        self.assertEqual(child.returncode, 6, text)
        if os.path.exists(self.path("out.mp4")):
            self.assertIn("a whole file", text)
            self.assertGreater(int(probe(self.path("out.mp4"), "-show_streams", "-count_packets")["streams"][0]
                                   ["nb_read_packets"]), 0)

    @staticmethod
    def cpu(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            return 1.0

    def test_a_failing_frame_is_fatal_or_left_out(self):
        self.make("in.mp4", frames=5)
        broken = dict(HOST, stages=[dict(HOST["stages"][0], params={"strength": 9})])
        with open(self.path("dim.json"), "w", encoding="utf-8") as file:
            json.dump(broken, file)
        self.fails(self.run_it("in.mp4", "out.mp4"), 9, "strength")


def alphas(folder, name, count):
    """The alpha of numbered pictures."""
    return [pixels(os.path.join(folder, name % i))[3::4] for i in range(1, count + 1)]


def change(before, after):
    return sum(abs(a - b) for a, b in zip(before, after)) / len(before)


@unittest.skipIf(MISSING, MISSING)
class Steady(Case):
    """A talking head made of a portrait: noise that changes with each frame, and in one clip the head moves."""
    FRAMES = 10

    def clip(self, name, *filters):
        portrait = os.path.join(SAMPLES, "astronaut.png")
        ffmpeg("-loop", "1", "-i", portrait, "-frames:v", str(self.FRAMES), "-vf",
               ",".join(["scale=288:288", *filters, "noise=alls=6:allf=t:all_seed=5"]), "-c:v", "ffv1", "-pix_fmt", "yuv420p",
               self.path(name))

    def masks(self, pipeline, name):
        self.ok(tripoint("run", pipeline, self.path(name), "-o", self.path(pipeline + "-%d.png"), "--require-zero-copy"))
        return alphas(self.dir, pipeline + "-%d.png", self.FRAMES)

    def test_a_mask_flickers_less_and_still_follows(self):
        self.clip("still.mkv", "crop=256:256:16:16")
        plain, steady = self.masks("cutout-host", "still.mkv"), self.masks("cutout-steady-host", "still.mkv")
        flicker = [sum(change(a, b) for a, b in zip(m[2:], m[3:])) for m in (plain, steady)]
        print(f"flicker, in 255ths a pixel and frame: {flicker[0] / 7:.3f} plain, {flicker[1] / 7:.3f} steady")
        self.assertLess(flicker[1], 0.6 * flicker[0])
        self.clip("moves.mkv", "crop=256:256:'16+14*sin(n/2)':16")
        plain, steady = self.masks("cutout-host", "moves.mkv"), self.masks("cutout-steady-host", "moves.mkv")
        behind = [change(a, b) for a, b in zip(plain, steady)]
        self.assertLess(max(behind), 4)  # where things move the mask is this frame's
        self.assertEqual(plain[0], steady[0])

    def test_every_steady_pipeline_runs(self):
        self.clip("still.mkv", "crop=96:96:64:16")
        for name in ("cutout-steady", "blur-background-steady", "blur-background-steady-host"):
            run = tripoint("run", name, self.path("still.mkv"), "-o", self.path("out.mkv"), "--frames", "2")
            if run.returncode == 12:
                self.skipTest(run.stderr.decode())
            self.assertIn(b"2 frames", self.ok(run).stderr)


@unittest.skipIf(MISSING, MISSING)
class BadInput(Case):
    def good(self):
        ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-frames:v", "40", self.path("good.mkv"))
        with open(self.path("good.mkv"), "rb") as file:
            return file.read()

    def put(self, data, name="in.mkv"):
        with open(self.path(name), "wb") as file:
            file.write(data)

    def test_what_is_no_video(self):
        self.put(b"")
        self.fails(self.run_it("in.mkv", "out.mp4"), 10, "in.mkv")
        self.put(b"just text, a lot of it\n" * 1000)
        self.fails(self.run_it("in.mkv", "out.mp4"), 10, "in.mkv")
        self.put(b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n/etc/passwd\n")  # a playlist would open other files
        self.fails(self.run_it("in.mkv", "out.mp4"), 10, "in.mkv")
        ffmpeg("-f", "lavfi", "-i", "sine=440", "-t", "1", self.path("in.mka.mkv"))
        self.fails(self.run_it("in.mka.mkv", "out.mp4"), 10, "no moving pictures")
        self.fails(self.run_it("none.mp4", "out.mp4"), 8, "none.mp4")

    def test_truncated_files_give_what_they_have(self):
        data = self.good()
        self.put(data[:len(data) * 2 // 3])
        run = self.ok(self.run_it("in.mkv", "out.mp4"))
        frames = int(probe(self.path("out.mp4"), "-show_streams", "-count_packets")["streams"][0]["nb_read_packets"])
        self.assertTrue(0 < frames < 40, run.stderr.decode())

    def test_a_truncated_file_with_an_index_tells_what_is_missing(self):
        ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-frames:v", "40", "-movflags", "+faststart",
               self.path("good.mp4"))
        with open(self.path("good.mp4"), "rb") as file:
            data = file.read()
        self.put(data[:len(data) * 2 // 3], "in.mp4")
        run = self.ok(self.run_it("in.mp4", "out.mp4", "--json"))
        report = json.loads(run.stdout)
        self.assertIn("were missing", run.stderr.decode())
        self.assertIn("libav complained", run.stderr.decode())
        self.assertGreater(report["frames"]["packets_lost"], 5)
        self.assertAlmostEqual(report["frames"]["packets_lost"] + report["output"]["frames"], 40, delta=1)

    def test_sizes_that_are_too_large_and_one_that_is_not(self):
        for sides in (b"W65535 H65535", b"W100000 H2", b"W0 H16", b"W-4 H4", b"W2147483647 H2147483647"):
            self.put(b"YUV4MPEG2 " + sides + b" F25:1 Ip A1:1 C420jpeg\nFRAME\n" + bytes(999), "in.y4m")
            self.fails(self.run_it("in.y4m", "out.mp4"), 3 if b"100000" in sides else 10, "in.y4m")
        ffmpeg("-f", "lavfi", "-i", "color=red:size=7680x4320", "-frames:v", "2", "-c:v", "mpeg4", self.path("8k.mp4"))
        self.ok(self.run_it("8k.mp4", "out.mkv", "--slots", "1", "--codec", "mpeg4"))
        stream = probe(self.path("out.mkv"), "-show_streams")["streams"][0]
        self.assertEqual((stream["width"], stream["height"]), (7680, 4320))

    def test_changes_at_random_are_survived(self):
        """Beyond the demuxer (tests/fuzz/video_fuzz.c): whatever comes out of it, the stages and the encoder go on."""
        data, draw = self.good(), random.Random(7)
        for i in range(12):
            bad = bytearray(data)
            for _ in range(1 + i * 3):
                bad[draw.randrange(len(bad))] = draw.randrange(256)
            self.put(bad)
            run = self.run_it("in.mkv", "out.mkv", "--codec", "mpeg4")
            text = run.stderr.decode()
            self.assertIn(run.returncode, (0, 2, 4, 10, 16), text)
            self.assertTrue(text.startswith("tripoint") or "frames in" in text, text)

    def test_damaged_files_are_survived_and_told(self):
        data = bytearray(self.good())
        for i in range(len(data) // 3, len(data), 997):
            data[i] ^= 0x5A
        self.put(data)
        run = self.run_it("in.mkv", "out.mp4")
        self.assertIn(run.returncode, (0, 10), run.stderr.decode())
        self.assertTrue(b"damaged" in run.stderr or b"can't" in run.stderr, run.stderr.decode())
        strict = self.run_it("in.mkv", "strict.mp4", "--refuse-damaged")
        self.assertIn(strict.returncode, (0, 10))

    def test_outputs_that_cannot_be(self):
        self.good()
        self.fails(self.run_it("good.mkv", "out.txtx"), 2, "out.txtx")
        self.fails(self.run_it("good.mkv", "none/out.mp4"), 15, "none")
        self.fails(self.run_it("good.mkv", "out.mp4", "--codec", "nonsense"), 16, "nonsense")
        self.fails(self.run_it("good.mkv", "out.mp4", "--alpha"), 16, "alpha")
        self.fails(self.run_it("good.mkv", "out.mp4", "--codec-option", "crf"), 2, "KEY=VALUE")
        self.fails(self.run_it("good.mkv", "out.mp4", "--codec-option", "nonsense=1"), 2, "nonsense")
        run = self.run_it("good.mkv", "out.mp4", "--slots", "0")
        self.assertEqual(run.returncode, 2)
        self.assertIn(b"--slots", run.stderr)

    def test_a_full_disk(self):
        self.good()
        run = tripoint("run", self.path("dim.json"), self.path("good.mkv"), "-o", "/dev/full", "--codec", "libx264")
        self.assertIn(run.returncode, (2, 15), run.stderr.decode())

    def test_a_missing_module(self):
        self.good()
        run = self.run_it("good.mkv", "out.mp4", env={"TRIPOINT_MODULES": "/nowhere"})
        self.fails(run, 16, "/nowhere", "scripts/setup video")


if __name__ == "__main__":
    unittest.main()
