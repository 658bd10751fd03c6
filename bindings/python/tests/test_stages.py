"""execute() and Plan: results, copies, errors, threads, bad calls."""

import os
import random
import re
import tempfile
import threading
import unittest
from importlib import metadata
from pathlib import Path

import numpy as np

import tripoint
from kit import Case, vignette

MIX = """
struct Params { colour: vec4f, share: f32, width: u32, height: u32 }
@group(0) @binding(0) var<storage, read> image: array<u32>;
@group(0) @binding(1) var<storage, read_write> mixed: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) at: vec3u) {
  if (at.x >= params.width || at.y >= params.height) { return; }
  let i = at.y * params.width + at.x;
  mixed[i] = pack4x8unorm(mix(unpack4x8unorm(image[i]), params.colour, params.share));
}
"""
HEADERS = Path(__file__).resolve().parents[3] / "include" / "tripoint"


class Stages(Case):
    def setUp(self):
        self.arena = tripoint.Arena()
        self.image = self.region(self.arena, (32, 48, 4), label="photo")
        with self.image.write() as a:
            a[...] = 200

    def test_in_place_and_out_of_place_agree(self):
        other = self.region(self.arena, (32, 48, 4))
        tripoint.execute([vignette(self.image, other, params={"strength": 0.5}, name="darken")])
        tripoint.execute((vignette(self.image, params={"strength": 0.5}),))
        with self.image.read() as a, other.read() as b:
            self.assertLess(int(a[0, 0, 0]), int(a[16, 24, 0]))
            np.testing.assert_array_equal(a, b)
        self.assertEqual(self.arena.ledger.between_bytes, 0)

    def test_shapes_follow_values(self):
        small = self.region(self.arena, 10 * 12 * 4)
        self.assertEqual((small.shape, small.kind), ((480,), "bytes"))
        tripoint.execute([{"technology": "host", "operation": "resize", "input": [self.image], "output": (small,),
                           "params": {"width": 12, "height": 10, "filter": "area"}}])
        self.assertEqual((small.shape, small.kind, small.dtype), ((10, 12, 4), "image", "uint8"))
        with small.read() as a:
            self.assertEqual(set(np.unique(a)), {200})

    def test_a_mask_is_bound_by_kind(self):
        mask = self.region(self.arena, (32, 48, 1), "float32")
        output = self.region(self.arena, (32, 48, 4))
        self.assertEqual(mask.kind, "mask")
        with mask.write() as m:
            m[:, :24] = 1
        tripoint.execute([{"technology": "host", "operation": "apply_mask", "input": [self.image, mask],
                           "output": output}])
        with output.read() as a:
            self.assertEqual((int(a[0, 0, 3]), int(a[0, 47, 3])), (200, 0))

    def test_a_shader_of_one_s_own(self):
        try:
            self.arena.engine("webgpu")
        except tripoint.EngineUnavailableError as error:
            self.skipTest(str(error))
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "mix.wgsl"
            file.write_text(MIX, encoding="utf-8")
            output = self.region(self.arena, (32, 48, 4))
            tripoint.execute([{"technology": "webgpu", "operation": str(file), "input": self.image, "output": output,
                               "params": {"colour": [1, 0.5, 0, 1], "share": 1}}])
        with output.read() as a:
            self.assertEqual(a[31, 47].tolist(), [255, 128, 0, 255])

    def test_a_plan_runs_often(self):
        other = self.region(self.arena, (32, 48, 4))
        plan = tripoint.Plan([vignette(self.image, other)])
        for value in (10, 250):
            with self.image.write() as a:
                a[...] = value
            plan.run()
            plan.run(5, require_zero_copy=False)
            with other.read() as b:
                self.assertEqual(int(b[16, 24, 3]), value)
        with self.image.write(), self.assertRaises(tripoint.TripointError) as caught:
            plan.run(timeout=0.01)
        self.assertIn(caught.exception.status_name, ("TIMEOUT", "WOULD_DEADLOCK"))
        plan.run()

    def test_errors_say_where(self):
        with self.assertRaises(tripoint.TripointError) as caught:
            tripoint.execute([vignette(self.image, name="first"),
                              {"technology": "host", "operation": "resize", "name": "second", "input": self.image,
                               "output": self.image}])
        self.assertIsInstance(caught.exception, tripoint.TripointError)
        self.assertIn("second", caught.exception.stage + str(caught.exception))
        with self.assertRaises(tripoint.BadPipelineError) as caught:
            tripoint.execute([vignette(self.image, self.region(self.arena, 16, label="tiny"))])
        self.assertEqual((caught.exception.stage, caught.exception.region), ("vignette", "tiny"))
        plan = tripoint.Plan([vignette(self.image)])
        with self.image.read(), self.assertRaises(tripoint.TimeoutError) as caught:
            plan.run(timeout=0.01)
        self.assertEqual((caught.exception.stage, caught.exception.region), ("vignette", "photo"))
        with self.assertRaises(tripoint.NotFoundError):
            tripoint.execute([{"technology": "host", "operation": "no such", "input": self.image}])
        foreign = self.region(tripoint.Arena(capacity=1 << 20), (32, 48, 4))
        with self.assertRaises(tripoint.BadHandleError):
            tripoint.execute([vignette(self.image, foreign)])

    def test_operations_are_told(self):
        operations = {operation["name"]: operation for operation in tripoint.operations()}
        self.assertEqual([operand["kind"] for operand in operations["apply_mask"]["operands"]], ["image", "mask", "image"])
        for operation in operations.values():
            self.assertTrue(operation["summary"] and operation["technologies"], operation["name"])
            for param in operation["params"]:
                if param["type"] == "choice":
                    self.assertIn(param["default"], param["choices"].split("|"))
                elif param["type"] != "text":
                    self.assertTrue(param["minimum"] <= param["default"] <= param["maximum"], param)

    def test_the_lock_is_given_up_and_runs_overlap(self):
        other = self.region(self.arena, (32, 48, 4))
        begun, done = threading.Event(), threading.Event()

        def blocked():
            begun.set()
            tripoint.execute([vignette(self.image)])
            done.set()

        with self.image.write():
            thread = threading.Thread(target=blocked)
            thread.start()
            begun.wait()
            for _ in range(200):  # run to their ends while the thread's run is under way
                tripoint.execute([vignette(other)])
            self.assertFalse(done.is_set())
        thread.join()
        self.assertTrue(done.is_set())


class Errors(unittest.TestCase):
    def test_a_class_for_each_status(self):
        listed = re.findall(r"^ {4}X\((\w+), (-?\d+), \d+, \"(.*)\"\)", (HEADERS / "error.h").read_text(), re.M)
        self.assertGreater(len(listed), 20)
        stubs = Path(tripoint.__file__).with_name("__init__.pyi").read_text()
        for name, value, text in listed[1:]:
            kind = getattr(tripoint, "".join(word.capitalize() for word in name.split("_")) + "Error")
            self.assertTrue(issubclass(kind, tripoint.TripointError))
            self.assertEqual((kind.status, kind.status_name, kind.__doc__), (int(value), name, text))
            self.assertIn(f"class {kind.__name__}(TripointError", stubs)
            self.assertIn(kind.__name__, tripoint.__all__)

    def test_stubs_name_everything(self):
        stubs = Path(tripoint.__file__).with_name("__init__.pyi").read_text()
        for name in tripoint.__all__:
            self.assertRegex(stubs, rf"(?m)^(class|def) {name}\b")
        for kind in (tripoint.Arena, tripoint.Region, tripoint.Borrow, tripoint.Plan, tripoint.Ledger,
                     tripoint.LedgerLine, tripoint.Pipeline):
            body = re.search(rf"(?ms)^class {kind.__name__}\b.*?(?=^\S|\Z)", stubs)[0]
            if "_Export" in body:
                body += re.search(r"(?ms)^class _Export.*?(?=^\S)", stubs)[0]
            for name in vars(kind):
                if not name.startswith("_") and name not in ("n_fields", "n_sequence_fields", "n_unnamed_fields"):
                    self.assertRegex(body, rf"def {name}\(|^    {name}:")

    def test_python_means_the_same_by_some(self):
        self.assertTrue(issubclass(tripoint.InvalidArgumentError, ValueError))
        self.assertTrue(issubclass(tripoint.NoMemoryError, MemoryError))
        self.assertTrue(issubclass(tripoint.TimeoutError, TimeoutError))
        self.assertTrue(issubclass(tripoint.PermissionError, PermissionError))  # "import *" hides the built-in one

    def test_version_and_metadata(self):
        about = metadata.metadata("tripoint")
        header = re.search(r'VERSION_STRING "(.*)"', (HEADERS / "common.h").read_text())[1]
        self.assertEqual({header, tripoint.__version__}, {about["Version"]})
        self.assertEqual(about["License-Expression"], "Apache-2.0")
        self.assertTrue(Path(tripoint.__file__).with_name("py.typed").exists())
        self.assertTrue(tripoint._core.__file__.endswith(".abi3.so"))


class BadCalls(Case):
    """Whatever is given: an exception, never a crash."""

    def setUp(self):
        self.arena = tripoint.Arena(capacity=64 << 20)

    def test_sizes(self):
        for shape in (0, -1, (0, 4), (1 << 40,), (1 << 63, 4), (1 << 70,), [1 << 32, 1 << 32], (2,) * 7, (1 << 28,),
                      "ab", "", None, 1.5, (1.5,), {}, object(), (1 << 31, 1 << 31, 1 << 2)):
            with self.subTest(shape), self.assertRaises((TypeError, ValueError, OverflowError, tripoint.TripointError)):
                self.arena.allocate(shape)
        self.assertEqual(self.arena.stats["regions"], 0)
        for capacity in (-1, 1 << 64, 1 << 60, "8", 1.5):
            with self.assertRaises((TypeError, OverflowError, tripoint.TripointError)):
                tripoint.Arena(capacity)
        for wrong in ({"backing": "disk"}, {"backing": 3}, {"size": 3}, {"label": 3}):
            with self.assertRaises((TypeError, ValueError)):
                tripoint.Arena(**wrong)

    def test_exhaustion_is_an_error_with_names(self):
        held = [self.region(self.arena, 16 << 20, label=f"big {i}") for i in range(4)]
        with self.assertRaises(tripoint.TripointError) as caught:
            self.arena.allocate(16 << 20)
        self.assertIsInstance(caught.exception, (tripoint.NoMemoryError, tripoint.LimitError))
        self.assertIn("big", str(caught.exception))
        self.assertEqual(len(held), 4)

    def test_types_that_are_not_to_be_made_by_hand(self):
        for kind in (tripoint.Region, tripoint.Borrow):
            with self.assertRaises(TypeError):
                kind()
            with self.assertRaises(TypeError):
                kind.__new__(kind)
        with self.assertRaises(TypeError):
            type("Mine", (tripoint.Arena,), {})
        with self.assertRaises(AttributeError):
            self.arena.ledger = 3

    def test_timeouts(self):
        region = self.region(self.arena, 8)
        for wrong in (-1, float("nan"), "1", object()):
            with self.assertRaises((TypeError, ValueError)):
                region.read(timeout=wrong)
        for fine in (0, 1e-12, 3, float("inf"), 1e300, None):
            with region.read(timeout=fine):
                pass

    def test_random_stages(self):
        dice = random.Random(7)
        image = self.region(self.arena, (8, 8, 4))
        freed = self.arena.allocate((8, 8, 4))
        freed.free()
        pool = [None, 0, -1, 1 << 80, 1.5, float("nan"), "", "host", "webgpu\0", "vignette", "résumé", "\ud800",
                b"host", [], {}, (), [image] * 9, [image, None], image, freed, [image], {"strength": 0.1},
                {"strength": float("nan")}, {"strength": 1 << 2000}, {1: 2}, {"strength": None}, {"a": {}}, object(),
                self.arena]
        keys = ["technology", "operation", "input", "output", "params", "name"]
        outcomes = set()
        for _ in range(4000):
            stage = {} if dice.random() < 0.1 else vignette(image)
            for _ in range(dice.randrange(1, 4)):
                stage[dice.choice(keys)] = dice.choice(pool)
            if stage.get("technology") == "webgpu":
                continue
            if dice.random() < 0.05:
                stage[dice.choice(pool[:11])] = 1
            try:
                dice.choice([tripoint.execute, tripoint.Plan])([stage] * dice.randrange(0, 3))
                outcomes.add("fine")
            except (TypeError, ValueError, OverflowError, tripoint.TripointError) as error:
                outcomes.add(type(error).__name__)
        self.assertGreaterEqual(outcomes, {"fine", "TypeError", "BadHandleError"})
        self.assertEqual(image.state, "IDLE")
        for wrong in (None, 3, [3], [None], "ab", [vignette(image)] * 257, {"a": 1}, [vignette(image, extra=1)]):
            with self.assertRaises((TypeError, ValueError)):
                tripoint.execute(wrong)

    def test_a_forked_child_gets_errors(self):
        region = self.region(self.arena)
        plan = tripoint.Plan([vignette(region)])
        child = os.fork()
        if child == 0:
            outcomes = []
            for call in (lambda: self.arena.allocate(8), lambda: memoryview(region), lambda: np.asarray(region),
                         lambda: np.from_dlpack(region), region.read().__enter__, region.write().__enter__,
                         lambda: region.shape, lambda: region.state, lambda: region.peek("host", 0), region.reset,
                         lambda: tripoint.execute([vignette(region)]), lambda: tripoint.Plan([vignette(region)]),
                         plan.run, region.free):
                try:
                    call()
                    outcomes.append(False)
                except tripoint.TripointError:
                    outcomes.append(True)
            os._exit(0 if all(outcomes) else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(region.nbytes, 256)

    def test_many_threads_use_and_free(self):
        def work(seed):
            dice = random.Random(seed)
            for _ in range(150):
                region = dice.choice(regions)
                try:
                    what = dice.randrange(5)
                    if what == 0:
                        with region.write(timeout=1) as a:
                            a[...] = seed
                    elif what == 1:
                        with region.read(timeout=1) as a:
                            kept.append(a)
                    elif what == 2:
                        tripoint.execute([vignette(region)])
                    elif what == 3:
                        kept.append(np.from_dlpack(region))
                    else:
                        region.free()
                        regions[regions.index(region)] = self.arena.allocate((8, 8, 4))
                except (ValueError, tripoint.TripointError):
                    pass  # another thread freed it first

        regions, kept = [self.arena.allocate((8, 8, 4)) for _ in range(6)], []
        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertGreater(sum(int(a.sum()) >= 0 for a in kept), 0)
        for region in regions:
            if not region.freed:
                region.free()


if __name__ == "__main__":
    unittest.main()
