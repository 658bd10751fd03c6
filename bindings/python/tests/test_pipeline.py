"""Pipeline.run(): images as Python has them."""

import gc
import multiprocessing
import os
import random
import re
import subprocess
import sys
import threading
import unittest
from pathlib import Path

import numpy as np
from PIL import Image

import tripoint
from kit import VIGNETTE, Case, vignette

try:
    import cv2
except ImportError:
    cv2 = None

HERE = Path(__file__).resolve().parent


def work_elsewhere(image):
    return os.getpid(), tripoint.Pipeline(VIGNETTE, params={"vignette.strength": 0}).run(image)


class Images(Case):
    def setUp(self):
        self.arena = tripoint.Arena()
        self.rgba = np.random.default_rng(3).integers(0, 256, (40, 60, 4), np.uint8)
        self.pipe = self.pipeline(arena=self.arena)
        self.expected = self.pipe.run(self.rgba)
        self.arena.reset_ledger()

    def test_the_result_is_the_stage_s(self):
        region = self.region(self.arena, self.rgba.shape)
        with region.write() as a:
            a[...] = self.rgba
        tripoint.execute([vignette(region)])
        with region.read() as a:
            np.testing.assert_array_equal(self.expected, a)

    def test_tight_rgba_makes_two_copies_and_no_more(self):
        out = np.empty_like(self.rgba)
        self.assertIs(self.pipe.run(self.rgba, out=out), out)
        np.testing.assert_array_equal(out, self.expected)
        ledger = self.arena.ledger
        self.assertEqual((ledger.between_bytes, ledger.border_bytes), (0, 2 * self.rgba.nbytes))
        self.assertEqual([(line.cause, line.copies) for line in ledger.lines], [("pixels in", 1), ("pixels out", 1)])

    def test_whatever_holds_an_image(self):
        region = self.region(self.arena, self.rgba.shape)
        with region.write() as a:
            a[...] = self.rgba

        class OnlyDlpack:
            def __dlpack__(self, **wishes):
                return region.__dlpack__(**wishes)

            def __dlpack_device__(self):
                return region.__dlpack_device__()

        for image in (memoryview(self.rgba), region, OnlyDlpack(), Image.fromarray(self.rgba),
                      np.ascontiguousarray(self.rgba[::-1])[::-1], np.asfortranarray(self.rgba)):
            np.testing.assert_array_equal(self.pipe.run(image), self.expected)
        with region.read() as a:
            np.testing.assert_array_equal(self.pipe.run(a), self.expected)

    def test_three_channels_are_opaque_and_told(self):
        opaque = self.rgba.copy()
        opaque[..., 3] = 255
        expected = self.pipe.run(opaque)
        for image in (self.rgba[..., :3], Image.fromarray(self.rgba[..., :3].copy())):
            np.testing.assert_array_equal(self.pipe.run(image), expected)
        repacked = [line for line in self.arena.ledger.lines if line.cause == "repacked in Python"]
        self.assertEqual([(line.place, line.copies) for line in repacked], [("border", 3)])
        self.assertEqual(self.pipe.run(Image.new("L", (60, 40), 7)).shape, (40, 60, 4))

    def test_opencv_s_order_comes_back_as_it_went_in(self):
        bgra = self.rgba[..., [2, 1, 0, 3]]
        np.testing.assert_array_equal(self.pipe.run(bgra, order="bgr"), self.expected[..., [2, 1, 0, 3]])
        opaque = self.pipe.run(bgra[..., :3], order="bgr")
        np.testing.assert_array_equal(opaque[..., :3], self.expected[..., 2::-1])

    @unittest.skipUnless(cv2, "skipped because OpenCV is not installed (bindings/python/optional-tests installs it)")
    def test_opencv_reads_and_writes_them(self):
        encoded = cv2.imencode(".png", self.rgba[..., [2, 1, 0, 3]])[1]
        for flag, colours in ((cv2.IMREAD_UNCHANGED, 4), (cv2.IMREAD_COLOR, 3)):
            read = cv2.imdecode(encoded, flag)
            self.assertEqual(read.shape[2], colours)
            result = self.pipe.run(read, order="bgr")
            written = cv2.cvtColor(cv2.imdecode(cv2.imencode(".png", result)[1], cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
            np.testing.assert_array_equal(written[..., :colours], self.expected[..., :colours])

    def test_sizes_may_change(self):
        for height, width in ((1, 1), (3, 1000), (40, 60), (7, 5)):
            self.assertEqual(self.pipe.run(np.zeros((height, width, 4), np.uint8)).shape, (height, width, 4))

    def test_parameters(self):
        same = self.pipeline(self.arena, {"vignette.strength": 0})
        np.testing.assert_array_equal(same.run(self.rgba), self.rgba)
        dark = self.pipeline(self.arena, {"0.strength": 1.0}).run(self.rgba)
        self.assertLess(int(dark[..., :3].sum()), int(self.expected[..., :3].sum()))
        for wrong in ({"vignette.colour": 1}, {"vignette.strength": 7}, {"vignette.strength": None}, {"": ""}, {3: 4}):
            with self.subTest(wrong), self.assertRaises(tripoint.TripointError):
                self.pipeline(self.arena, wrong)
        with self.assertRaises((TypeError, AttributeError)):
            self.pipeline(self.arena, "strength=1")

    def test_results_of_another_size(self):
        resize = {"technology": "host", "operation": "resize", "input": "input", "output": "output",
                  "params": {"width": 30, "height": 20, "filter": "area"}}
        pipe = self.pipeline(self.arena, form=VIGNETTE | {"stages": [resize]})
        small = pipe.run(np.full((40, 60, 3), (9, 8, 7), np.uint8), order="bgr")
        self.assertEqual((small.shape, small.dtype, small[5, 5].tolist()), ((20, 30, 4), np.uint8, [9, 8, 7, 255]))
        with self.assertRaises(ValueError):
            pipe.run(self.rgba, out=np.empty((40, 60, 4), np.uint8))
        out = np.empty((20, 30, 4), np.uint8)
        self.assertIs(pipe.run(self.rgba, out=out), out)

    def test_several_inputs_and_outputs(self):
        form = {"name": "masked", "inputs": {"photo": {"kind": "image"}, "mask": {"kind": "mask"}},
                "outputs": ["cut", "dark"], "stages": [
                    {"technology": "host", "operation": "apply_mask", "inputs": ["photo", "mask"], "output": "cut"},
                    {"technology": "host", "operation": "vignette", "input": "cut", "output": "dark"}]}
        pipe = tripoint.Pipeline(form, self.arena)
        self.assertEqual((pipe.name, pipe.input, pipe.output), ("masked", "photo", "cut"))
        mask = np.full((40, 60, 1), 0.5, np.float32)
        inputs = {"photo": self.rgba, "mask": mask}
        made = pipe.run_all(inputs, ["dark", "cut"], timeout=30, require_zero_copy=True)
        self.assertEqual(list(made), ["dark", "cut"])
        np.testing.assert_array_equal(made["cut"][..., :3], self.rgba[..., :3])
        self.assertLessEqual(int(np.abs(made["cut"][..., 3] - self.rgba[..., 3] / 2).max()), 1)
        place = np.empty_like(self.rgba)
        self.assertIs(pipe.run_all(inputs, {"dark": place})["dark"], place)
        np.testing.assert_array_equal(place, made["dark"])
        region = self.region(self.arena, mask.shape, "float32")
        with region.write() as a:
            a[...] = mask
        again = pipe.run_all({"photo": Image.fromarray(self.rgba), "mask": region})
        np.testing.assert_array_equal(again["cut"], made["cut"])
        for wrong in ({}, {"photo": self.rgba}, {"photo": 3, "mask": mask}, {"photo": mask, "mask": mask},
                      {"photo": self.rgba, "mask": mask, "other": mask}, {"photo": self.rgba, "mask": mask.astype(complex)}):
            with self.subTest(list(wrong)), self.assertRaises((TypeError, ValueError, tripoint.TripointError)):
                pipe.run_all(wrong)
        for outputs in (["nothing"], [3], {"cut": np.empty(3)}, {"cut": b"x"}):
            with self.assertRaises((TypeError, ValueError, BufferError, tripoint.TripointError)):
                pipe.run_all(inputs, outputs)
        np.testing.assert_array_equal(pipe.run_all(inputs)["cut"], made["cut"])

    def test_images_that_are_none(self):
        wrong = [None, 3, "photo.png", b"", [], np.zeros((4, 4), np.uint8), np.zeros((4, 4, 2), np.uint8),
                 np.zeros((4, 4, 4), np.float32), np.zeros((0, 4, 4), np.uint8), np.zeros((4, 0, 3), np.uint8),
                 object()]
        for image in wrong:
            with self.subTest(repr(image)[:40]), self.assertRaises((TypeError, ValueError)):
                self.pipe.run(image)
        for out in (3, np.zeros((4, 4, 4), np.uint8), np.zeros((40, 60, 4), np.float32), np.zeros((40, 60), np.uint8),
                    np.zeros((60, 40, 4), np.uint8).swapaxes(0, 1), b"x" * 9600):
            with self.assertRaises((TypeError, ValueError, BufferError)):
                self.pipe.run(self.rgba, out=out)
        with self.assertRaises(ValueError):
            self.pipe.run(self.rgba, order="grb")
        np.testing.assert_array_equal(self.pipe.run(self.rgba), self.expected)

    def test_random_calls(self):
        dice, out = random.Random(11), np.empty_like(self.rgba)
        pool = [None, 0, 1.5, "", "input", "output", "bgr", b"x", [], {}, (), self.rgba, self.rgba[::2], out, ["output"],
                self.rgba.astype(np.float32), np.zeros((1,) * 7), np.zeros(0), np.array(3), np.array(["a"]), object(),
                np.zeros((8, 8, 4), ">u2"), memoryview(b"abcd"), {"input": self.rgba}, {"output": out}, float("nan"), 1 << 70,
                self.arena]
        calls = [self.pipe.run, self.pipe.run_all, tripoint.from_dlpack, self.arena.engine, self.pipe._inner.run,
                 self.pipe._inner.results]
        outcomes = set()
        for _ in range(4000):
            given = [dice.choice(pool) for _ in range(dice.randrange(0, 3))]
            more = {key: dice.choice(pool) for key in ("order", "out", "timeout", "outputs", "kind") if dice.random() < 0.15}
            try:
                made = dice.choice(calls)(*given, **more)
                outcomes.add("fine")
                if isinstance(made, tripoint.Region):
                    made.free()
            except (AttributeError, TypeError, ValueError, OverflowError, BufferError, tripoint.TripointError) as error:
                outcomes.add(type(error).__name__)
        self.assertGreaterEqual(outcomes, {"fine", "TypeError", "ValueError"})
        np.testing.assert_array_equal(self.pipe.run(self.rgba), self.expected)

    def test_nothing_leaks(self):
        def once():
            self.pipe.run_all({self.pipe.input: self.rgba})
            tripoint.operations(), self.arena.engine("host")
            tripoint.from_dlpack(self.rgba, self.arena).free()
            for name, outputs in (("wrong", None), (self.pipe.input, ["wrong"]), (self.pipe.input, {"output": self.rgba[:3]})):
                with self.assertRaises((ValueError, tripoint.TripointError)):
                    self.pipe.run_all({name: self.rgba}, outputs)
            with self.assertRaises(tripoint.TripointError):
                tripoint.Pipeline({"stages": []}, self.arena)

        for _ in range(20):
            once()
        gc.collect()
        before, regions, blocks = sys.getrefcount(self.arena), self.arena.stats["regions"], sys.getallocatedblocks()
        for _ in range(500):
            once()
        gc.collect()
        self.assertEqual((sys.getrefcount(self.arena), self.arena.stats["regions"]), (before, regions))
        self.assertLess(sys.getallocatedblocks() - blocks, 400)

    def test_pipelines_that_are_none(self):
        for name in ("no-such", "/no/such.json", "", "a\0b", 3, None):
            with self.subTest(name), self.assertRaises((TypeError, ValueError, tripoint.TripointError)):
                tripoint.Pipeline(name, self.arena)
        with self.assertRaises(TypeError):
            tripoint.Pipeline("cutout", 3)

    def test_two_pipelines_in_two_threads(self):
        pipes = [self.pipe, self.pipeline(arena=self.arena), self.pipe]
        results = [[] for _ in pipes]

        def work(i):
            for _ in range(20):
                results[i].append(pipes[i].run(self.rgba))

        threads = [threading.Thread(target=work, args=(i,)) for i in range(len(pipes))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for made in results:
            self.assertEqual(len(made), 20)
            for result in made:
                np.testing.assert_array_equal(result, self.expected)


class Processes(Case):
    """Each process has an arena of its own; nothing of a parent's reaches a child."""

    def test_spawned_workers(self):
        rgba = np.full((8, 8, 4), 77, np.uint8)
        tripoint.default_arena()
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            for pid, result in pool.map(work_elsewhere, [rgba] * 4):
                self.assertNotEqual(pid, os.getpid())
                np.testing.assert_array_equal(result[4, 4], [77, 77, 77, 77])

    def test_a_forked_child_can_make_its_own(self):
        tripoint.default_arena()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                _, result = work_elsewhere(np.full((8, 8, 4), 77, np.uint8))
                status = 0 if result[4, 4].tolist() == [77, 77, 77, 77] else 2
            finally:
                os._exit(status)
        self.assertEqual(os.waitpid(child, 0)[1], 0)


class Shipped(Case):
    def test_cutout(self):
        photo = HERE.parents[2] / "samples" / "astronaut.png"
        try:
            results = [tripoint.Pipeline(name).run(Image.open(photo)) for name in ("cutout-host", "cutout", "cutout-auto")]
        except tripoint.EngineUnavailableError as error:
            self.skipTest(str(error))
        for result in results:
            alpha = result[..., 3]
            self.assertGreater(int(alpha[300, 230]), 250)  # her suit
            self.assertLess(int(alpha[10, 10]), 5)  # the wall
        self.assertEqual(tripoint.default_arena().ledger.between_bytes, 0)


class Readme(unittest.TestCase):
    def test_its_example_runs(self):
        example = re.search(r"```python\n(.*?)```", (HERE.parent / "README.md").read_text(encoding="utf-8"), re.S)[1]
        self.assertEqual(len(example.splitlines()), 10)
        done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^\d+\.\d+ 0 bytes copied$")


if __name__ == "__main__":
    unittest.main()
