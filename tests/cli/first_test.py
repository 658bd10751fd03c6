"""The pages that begin with "Your first ...": their files are written, their commands run, word by word.

Also operations that are files, from outside: what is refused, and with which code.
"""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import png

SOURCE = os.environ["SOURCE"]
TRIPOINT = os.environ["TRIPOINT"]
DATA = os.environ["DATA"]
PHOTO = os.path.join(SOURCE, "samples/astronaut.png")
SANITIZED = os.environ["SANITIZED"] == "1"


def missing():
    import json
    run = subprocess.run([TRIPOINT, "doctor", "--json", "--quick"], capture_output=True, timeout=110)
    return {e["technology"]: e["backings"]["memfd"].get("reason", "broken") for e in json.loads(run.stdout)["engines"]
            if e["backings"]["memfd"]["verdict"] in ("missing", "broken")}


MISSING = missing()


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="tripoint-first-")
        self.addCleanup(shutil.rmtree, self.dir, True)
        shutil.copy(PHOTO, os.path.join(self.dir, "photo.png"))

    def need(self, *engines):
        for engine in engines:
            if engine in MISSING:
                self.skipTest(f"{engine}: {MISSING[engine]}")

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def sh(self, command):
        env = dict(os.environ, MODELS=os.path.join(DATA, "models"),
                   PATH=os.path.dirname(TRIPOINT) + ":" + os.environ["PATH"])
        return subprocess.run(["sh", "-e", "-c", command], cwd=self.dir, env=env, capture_output=True, timeout=110)

    def page(self, name):
        with open(os.path.join(SOURCE, "docs", name), encoding="utf-8") as file:
            text = file.read()
        for kind, called, body in re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", text, re.M | re.S):
            if called:
                self.write(called, body)
            elif kind == "sh":
                run = self.sh(body)
                self.assertEqual(run.returncode, 0, body + run.stdout.decode() + run.stderr.decode())

    def pixels(self, name):
        with open(self.path(name), "rb") as file:
            width, height, channels, data = png.read(file.read())
        data = bytes(data)
        return width, height, b"".join(data[i:i + 3] for i in range(0, len(data), channels)) if channels == 4 else data


class Pages(Case):
    def test_shader(self):
        self.need("webgpu")
        self.page("first-shader.md")
        self.assertFalse(self.pixels("glow.png") == self.pixels("more.png"))

    def test_guest(self):
        self.need("wasm")
        for tool in ("clang", "wasm-ld", "make"):
            if not shutil.which(tool):
                self.skipTest(f"{tool} is not installed")
        if self.sh("echo | clang --target=wasm32 -msimd128 -x c -fsyntax-only -").returncode != 0:
            self.skipTest("clang has no wasm32 target")
        self.page("first-guest.md")
        self.assertFalse(self.pixels("glow.png") == self.pixels("more.png"))
        run = self.sh("tripoint guest new glow")
        self.assertEqual(run.returncode, 15)
        self.assertIn(b"can't make the folder glow", run.stderr)

    def test_model(self):
        self.need("webnn", "webgpu")
        self.page("first-model.md")
        self.assertTrue(os.path.exists(self.path("person.png")))

    def test_rust(self):
        self.need("wasm")
        if not shutil.which("rustc"):
            self.skipTest("rustc is not installed")
        root = self.sh("rustc --print sysroot").stdout.decode().strip()
        targets = [t for t in ("wasm32v1-none", "wasm32-unknown-unknown")
                   if glob.glob(os.path.join(root, "lib/rustlib", t, "lib/libcore-*.rlib"))]
        if not targets:
            self.skipTest("rustc has no wasm32 target installed")
        source = os.path.join(SOURCE, "examples/guest_rust/negative.rs")
        features = "+simd128" if targets[0] == "wasm32v1-none" else "+simd128,-bulk-memory"
        run = self.sh(f"rustc --edition 2021 --target {targets[0]} -C opt-level=3 -C target-feature={features} "
                      f"-C panic=abort --crate-type cdylib -o negative.wasm '{source}'")
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        self.write("p.json", PIPELINE.replace("FILE", "./negative.wasm").replace("host", "wasm"))
        run = self.sh("tripoint run ./p.json photo.png -o out.png --require-zero-copy")
        self.assertEqual(run.returncode, 0, run.stderr.decode())


PIPELINE = """{"inputs": {"input": {"kind": "image"}}, "outputs": ["output"], "stages": [
  {"technology": "host", "operation": "FILE", "input": "input", "output": "output"}]}
"""


class Files(Case):
    def refused(self, operation, code, *words):
        self.write("p.json", PIPELINE.replace("FILE", operation))
        run = self.sh("tripoint run ./p.json photo.png -o out.png")
        text = run.stderr.decode()
        self.assertEqual(run.returncode, code, text)
        self.assertEqual(text.count("\n"), 1, text)
        for word in words:
            self.assertIn(word, text)
        self.assertFalse(os.path.exists(self.path("out.png")))

    def test_what_is_refused(self):
        self.refused("./nothing.wgsl", 8, "p.json:2:39", "No such file")
        self.refused("../photo.wgsl", 17, "leads out of the pipeline's folder")
        self.refused("/etc/passwd.onnx", 17, "leads out")
        self.refused("./photo.png", 16, "its name must end in one of .wgsl, .wasm, .onnx, .tflite, .xml, .so")
        self.refused("./evil.so", 17, "loaded only with --allow-native")
        self.write("x.wasm", "no module")
        self.refused("./x.wasm", 11, "does not begin like one")
        self.write("x.wgsl", "no shader")
        self.refused("./x.wgsl", 11, "no entry point")

    def test_a_shared_object_runs_when_it_may(self):
        if SANITIZED or not shutil.which("cc"):
            self.skipTest("a build with sanitizers" if SANITIZED else "cc is not installed")
        self.write("negative.c", """#include <tripoint/native.h>
            static int negative(const struct tri_native_call *call) {
                const uint8_t *from = call->operands[0].bytes;
                uint8_t *to = call->operands[1].bytes;
                for (uint64_t i = 0; i < call->operands[1].size_bytes; i++)
                    to[i] = i % 4 == 3 ? from[i] : (uint8_t)~from[i];
                return 0;
            }
            static const struct tri_native_operation operations[] = {
                {"negative", "- the negative; in image image u8 * * 4; out negative image", negative}};
            TRI_NATIVE_MODULE(operations)
            """)
        run = self.sh(f"cc -O2 -shared -fPIC -I '{SOURCE}/include' -o negative.so negative.c")
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        self.refused("./negative.so", 17, "loaded only with --allow-native")
        run = self.sh("tripoint run ./p.json photo.png -o out.png --allow-native --require-zero-copy &&"
                      "tripoint ops --allow-native ./negative.so")
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        self.assertIn(b"negative.so - the negative", run.stdout)
        run = self.sh("tripoint run ./p.json photo.png -o isolated.png --allow-native --isolate --require-zero-copy --json &&"
                      "cmp out.png isolated.png")
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        self.assertIn(b'"isolated": true', run.stdout)
        run = self.sh("tripoint run ./p.json photo.png -o late.png --allow-native --isolate --isolate-timeout 0.000001")
        self.assertEqual(run.returncode, 5, run.stderr.decode())
        self.assertIn(b"in its worker process, which was killed", run.stderr)

    def test_files_may_be_lent(self):
        self.need("webgpu")
        os.mkdir(self.path("in"))
        self.write("far.wgsl", "@group(0) @binding(0) var<storage, read> a: array<u32>;\n"
                               "@group(0) @binding(1) var<storage, read_write> b: array<u32>;\n"
                               "@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) at: vec3u) {\n"
                               "  if (at.x < arrayLength(&b)) { b[at.x] = a[at.x]; } }\n")
        self.write("in/p.json", PIPELINE.replace("FILE", "../far.wgsl").replace("host", "webgpu"))
        run = self.sh("tripoint run in/p.json photo.png -o out.png --file ../far.wgsl=far.wgsl --set far.grid=elements")
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        self.assertTrue(self.pixels("out.png") == self.pixels("photo.png"))


if __name__ == "__main__":
    unittest.main()
