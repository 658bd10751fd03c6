"""tripoint prove: the table, the verdict, and the exit status that goes with it, on real engines."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

TRIPOINT = os.environ["TRIPOINT"]
SAMPLES = os.environ["SAMPLES"]
PORTRAIT = os.path.join(SAMPLES, "astronaut.png")


def prove(*args):
    return subprocess.run([TRIPOINT, "prove", *args], capture_output=True, text=True, timeout=110)


def lines(report, **wanted):
    return [line for line in report["touches"] if all(line[key] == value for key, value in wanted.items())]


class Prove(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="tripoint-test-")
        self.addCleanup(shutil.rmtree, self.dir, True)

    def pipeline(self, *stages):
        path = os.path.join(self.dir, "p.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"name": "p", "inputs": {"input": {"kind": "image", "dtype": "u8", "channels": 4}},
                       "outputs": ["output"], "stages": list(stages)}, file)
        return path

    def report(self, pipeline, *args, picture=PORTRAIT):
        run = prove(pipeline, picture, "--json", *args)
        if run.returncode == 12:
            self.skipTest(run.stderr.strip())
        self.assertIn(run.returncode, (0, 1), run.stderr)
        report = json.loads(run.stdout)
        self.assertEqual(report["verdict"], "copied" if run.returncode else "no copy seen")
        self.assertEqual(report["counts"]["lost"], 0)
        return report

    def assert_pages(self, report, pages, **wanted):
        """As many pages as there are: each was touched, and counted once."""
        self.assertEqual(sum(line["pages"] for line in lines(report, **wanted)), pages, report["touches"])

    def test_a_host_stage_is_this_librarys_functions(self):
        report = self.report(self.pipeline({"technology": "host", "operation": "resize", "input": "input",
                                            "output": "output", "params": {"width": 256, "height": 128}}))
        self.assertEqual(report["verdict"], "no copy seen")
        self.assert_pages(report, 256, name="decode", region="input", access="write")
        self.assert_pages(report, 32, name="resize", region="output", access="write")  # a sanitizer calls memcpy to store
        self.assertTrue(all("libtripoint" in line["who"] for line in lines(report, name="resize")))

    def test_a_shader_is_generated_code(self):
        report = self.report(self.pipeline({"technology": "webgpu", "operation": "resize", "input": "input",
                                            "output": "output", "params": {"width": 256, "height": 128}}))
        self.assertEqual(report["verdict"], "no copy seen")
        self.assert_pages(report, 32, engine="webgpu", region="output", access="write", toucher="generated")

    def test_a_guest_is_generated_code_in_its_window(self):
        report = self.report(self.pipeline({"technology": "wasm", "operation": "vignette", "input": "input",
                                            "output": "output"}))
        self.assertEqual(report["verdict"], "no copy seen")
        self.assert_pages(report, 256, engine="wasm", region="input", access="read", toucher="generated")
        self.assert_pages(report, 256, engine="wasm", region="output", access="write", toucher="generated")

    def test_all_three_and_a_network(self):
        report = self.report("cutout")
        self.assertEqual(report["verdict"], "no copy seen", report["culprit"])
        self.assert_pages(report, 64, name="segment", region="work", access="write", toucher="generated")
        self.assert_pages(report, 256, name="apply_mask", region="output", access="write", toucher="generated")

    def test_pipelines_of_several_inputs_and_of_all_technologies(self):
        report = self.report("replace-background", "--input", "background=" + os.path.join(SAMPLES, "dusk.jpg"))
        self.assertEqual(report["verdict"], "no copy seen", report["culprit"])
        self.assert_pages(report, 528, name="decode", region="background", access="write")
        report = self.report("anonymize", picture=os.path.join(SAMPLES, "group.jpg"))
        self.assertEqual(report["verdict"], "no copy seen", report["culprit"])
        self.assert_pages(report, 493, name="hide_boxes", access="write", toucher="generated")

    def test_files_are_lent_and_workers_are_told(self):
        shader = os.path.join(self.dir, "far.wgsl")
        with open(shader, "w", encoding="utf-8") as file:
            file.write("@group(0) @binding(0) var<storage, read> a: array<u32>;\n"
                       "@group(0) @binding(1) var<storage, read_write> b: array<u32>;\n"
                       "@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) at: vec3u) {\n"
                       "  if (at.x < arrayLength(&b)) { b[at.x] = a[at.x]; } }\n")
        stage = {"technology": "webgpu", "operation": "./lent.wgsl", "input": "input", "output": "output",
                 "params": {"grid": "elements"}}
        report = self.report(self.pipeline(stage), "--file", "./lent.wgsl=" + shader)
        self.assertEqual((report["verdict"], report["isolated"]), ("no copy seen", []))
        self.assert_pages(report, 256, name="lent", region="output", access="write", toucher="generated")
        report = self.report(self.pipeline({**stage, "isolate": True}), "--file", "./lent.wgsl=" + shader)
        self.assertEqual((report["verdict"], report["isolated"]), ("no copy seen", ["lent"]))
        self.assertEqual(lines(report, name="lent"), [])

    def test_few_mappings_open_more_pages_at_once(self):
        run = prove(self.pipeline({"technology": "host", "operation": "resize", "input": "input", "output": "output",
                                   "params": {"width": 256, "height": 128}}), PORTRAIT, "--mappings", "1")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("opened together with a neighbour", run.stdout)

    def test_the_limits_are_printed(self):
        run = prove(self.pipeline({"technology": "host", "operation": "resize", "input": "input", "output": "output",
                                   "params": {"width": 256, "height": 128}}), PORTRAIT)
        self.assertIn("What this can't see", run.stdout)
        self.assertIn("DMA", run.stdout)

    def test_wrong_command_lines(self):
        self.assertEqual(prove().returncode, 2)
        self.assertEqual(prove("cutout").returncode, 2)
        self.assertEqual(prove("cutout", PORTRAIT, "more").returncode, 2)
        self.assertEqual(prove("cutout", PORTRAIT, "--mappings", "0").returncode, 2)
        self.assertEqual(prove("cutout", PORTRAIT, "--isolate").returncode, 2)
        self.assertIn("add --input background=FILE", prove("replace-background", PORTRAIT).stderr)
        self.assertEqual(prove("cutout", os.path.join(self.dir, "none.png")).returncode, 8)


if __name__ == "__main__":
    unittest.main()
