"""`tripoint plan`: what it prints, held against plan/cutout.*, and what it refuses. No engine is needed.

TRIPOINT is the command, SAMPLES the folder of sample pictures. To renew the files after an intended change:
tripoint plan cutout > plan/cutout.txt, and so on.
"""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

TRIPOINT = os.environ["TRIPOINT"]
PORTRAIT = os.path.join(os.environ["SAMPLES"], "astronaut.png")
HERE = os.path.dirname(os.path.realpath(__file__))

CHAIN = {
    "name": "chain", "inputs": {"photo": {"kind": "image"}, "scores": {"kind": "mask"}}, "outputs": ["out"],
    "stages": [{"technology": "host", "operation": "resize", "input": i, "output": o,
                "params": {"width": 64 - n, "height": 64}}
               for n, (i, o) in enumerate(["photo a".split(), "a b".split(), "b c".split()])]
    + [{"technology": "host", "operation": "apply_mask", "input": "c", "output": "out"}]}


def plan(*args, text=True):
    return subprocess.run([TRIPOINT, "plan", *args], capture_output=True, text=text, timeout=60)


def golden(name):
    with open(os.path.join(HERE, "plan", name), encoding="utf-8") as file:
        return file.read()


class Plan(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.mkdtemp(prefix="tripoint-plan-")
        self.addCleanup(shutil.rmtree, folder, True)
        self.chain = os.path.join(folder, "chain.json")
        with open(self.chain, "w", encoding="utf-8") as file:
            json.dump(CHAIN, file)

    def ok(self, *args):
        run = plan(*args)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        return run.stdout

    def report(self, *args):
        return json.loads(self.ok(*args, "--json"))

    def test_isolated_stages_are_marked(self):
        shader = os.path.join(os.path.dirname(self.chain), "s.wgsl")
        with open(shader, "w", encoding="utf-8") as file:
            file.write("@group(0) @binding(0) var<storage, read> a: array<u32>;\n"
                       "@group(0) @binding(1) var<storage, read_write> b: array<u32>;\n"
                       "@compute @workgroup_size(64) fn main() { b[0] = a[0]; }\n")
        stage = {"technology": "webgpu", "operation": "./s.wgsl", "input": "photo"}
        with open(self.chain, "w", encoding="utf-8") as file:
            json.dump({"inputs": {"photo": {"kind": "image"}}, "outputs": ["one", "two"],
                       "stages": [{**stage, "name": "first", "output": "one", "isolate": True},
                                  {**stage, "name": "second", "output": "two"}]}, file)

        def isolated(*args):
            return [s["isolated"] for s in self.report(self.chain, *args)["stages"]]
        self.assertEqual(isolated(), [True, False])
        self.assertEqual(isolated("--isolate=second"), [True, True])
        self.assertEqual(isolated("--isolate"), [True, True])
        text = self.ok(self.chain)
        self.assertIn(" webgpu^  ", text)
        self.assertIn("^ in a worker process", text)
        self.assertIn("webgpu in a worker: s.wgsl", self.ok(self.chain, "--dot"))
        self.assertIn('no stage "none" to isolate; known: first, second', plan(self.chain, "--isolate=none").stderr)
        self.assertIn("resize is built in", plan("cutout", "--isolate=resize").stderr)

    def test_text(self):
        self.assertEqual(self.ok("cutout"), golden("cutout.txt"))

    def test_json(self):
        report = self.report("cutout")
        self.assertRegex(report.pop("tripoint"), r"^\d+\.\d+\.\d+$")
        self.assertEqual(report, json.loads(golden("cutout.json")))

    def test_dot(self):
        dot = self.ok("cutout", "--dot")
        self.assertEqual(dot, golden("cutout.dot"))
        named = set(re.findall(r"^ +([vs]\d+) \[", dot, re.M))
        self.assertEqual(len(named), 7)
        for ends in re.findall(r"(\w+) -> (\w+)", dot):
            self.assertLessEqual(set(ends), named)

    def test_dot_is_read_by_graphviz(self):
        program = shutil.which("dot")
        if not program:
            self.skipTest("there is no `dot` (Debian package graphviz)")
        svg = subprocess.run([program, "-Tsvg"], input=self.ok(self.chain, "--dot"), capture_output=True, text=True,
                             timeout=60)
        self.assertEqual((svg.returncode, svg.stderr), (0, ""))
        self.assertIn("apply_mask", svg.stdout)

    def test_regions_take_turns_unless_told_not_to(self):
        shared, apart = self.report(self.chain), self.report(self.chain, "--no-alias")
        self.assertEqual([b["label"] for b in shared["blocks"]], ["photo", "scores", "a+c", "b+out"])
        self.assertEqual([b["label"] for b in apart["blocks"]], ["photo", "scores", "a", "b", "c", "out"])
        self.assertEqual(shared["bytes_apart"], apart["bytes"])
        self.assertLess(shared["bytes"], apart["bytes"])
        self.assertIn("if no two regions shared one", self.ok(self.chain))
        self.assertIn("sharing is off", self.ok(self.chain, "--no-alias"))

    def test_sizes(self):
        def shapes(*args):
            return [v["shape"] for v in self.report(*args)["values"]]
        self.assertEqual(shapes("cutout", PORTRAIT)[0], [512, 512, 4])
        self.assertEqual(shapes("cutout", "--size", "30x20")[-1], [20, 30, 4])
        self.assertEqual(shapes("cutout", "--set", "resize.width=100")[1], [512, 100, 4])
        self.assertEqual(shapes(self.chain, "--size", "30x20", "--size", "scores=4x5")[:2], [[20, 30, 4], [5, 4, 1]])
        self.assertEqual(shapes(self.chain, "--size", "scores=f32[7,9,1]")[1], [7, 9, 1])

    def test_many_stages_are_narrow(self):
        stages = [{"technology": "host", "operation": "vignette", "input": "photo" if n == 0 else "w", "output": "w"}
                  for n in range(40)]
        with open(self.chain, "w", encoding="utf-8") as file:
            json.dump({"inputs": {"photo": {"kind": "image"}}, "outputs": ["w"], "stages": stages}, file)
        lines = self.ok(self.chain).splitlines()
        self.assertTrue(any(line.endswith("01234567890123456789012345678901234567890"[:40]) for line in lines), lines)
        self.assertLess(max(map(len, lines)), 120)

    def test_what_is_wrong_is_one_sentence(self):
        for code, word, args in ((2, "missing", []), (2, "too many", ["a", "b", "c"]), (2, "3y4", ["cutout", "--size", "3y4"]),
                                 (2, "0x4", ["cutout", "--size", "0x4"]), (2, "such input", ["cutout", "--size", "x=3x4"]),
                                 (2, "no parameter", ["cutout", "--set", "resize.depth=3"]),
                                 (8, "no pipeline", ["cutoff"]), (8, "nowhere", ["cutout", "/nowhere.png"]),
                                 (9, "expected", [self.wrong()])):
            run = plan(*args)
            self.assertEqual(run.returncode, code, (args, run.stderr))
            self.assertTrue(run.stderr.startswith("tripoint"), run.stderr)
            self.assertIn(word, run.stderr)

    def wrong(self):
        with open(self.chain, "w", encoding="utf-8") as file:
            file.write('{"inputs": {"photo": 3}}')
        return self.chain

    def test_help(self):
        self.assertIn("usage: tripoint plan", self.ok("--help"))


if __name__ == "__main__":
    unittest.main()
