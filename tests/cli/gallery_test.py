"""The commands of docs/gallery.md, run as they stand there but into PNG, and what their pictures show.

TRIPOINT is the command, SOURCE the repository. Engines that are missing are skipped aloud.
"""
import importlib.machinery
import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import png

TRIPOINT, SOURCE = os.environ["TRIPOINT"], os.environ["SOURCE"]


def load_gallery():
    loader = importlib.machinery.SourceFileLoader("gallery", os.path.join(SOURCE, "scripts/gallery"))
    loader_spec = importlib.util.spec_from_loader("gallery", loader)
    module = importlib.util.module_from_spec(loader_spec)
    loader.exec_module(module)
    return module


GALLERY = load_gallery()
with open(os.path.join(SOURCE, "docs/gallery.md"), encoding="utf-8") as page:
    PAGE = page.read()
COMMANDS = {os.path.basename(c[c.index("-o") + 1])[len("gallery-"):-len(".jpg")]: c for c in GALLERY.commands(PAGE)}


def tripoint(*args):
    return subprocess.run([TRIPOINT, *args], capture_output=True, cwd=SOURCE, timeout=200)


def missing_engines():
    found = json.loads(tripoint("doctor", "--json").stdout)["engines"]
    return {e["technology"]: e["backings"]["memfd"].get("reason", "broken") for e in found
            if e["backings"]["memfd"]["verdict"] in ("missing", "broken")}


MISSING = missing_engines()


class Picture:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.width, self.height, self.channels, self.bytes = png.read(file.read())

    def at(self, x, y):
        first = (y * self.width + x) * self.channels
        return self.bytes[first:first + 3]

    def detail(self, left, top, right, bottom):
        """How much neighbours differ: what a blur takes away."""
        total = 0
        for y in range(top, bottom):
            row = self.bytes[(y * self.width + left) * self.channels:(y * self.width + right) * self.channels]
            step = self.channels
            total += sum(abs(a - b) for a, b in zip(row[0::step], row[step::step]))
        return total / ((right - left - 1) * (bottom - top))

    def mean(self, left, top, right, bottom):
        values = [sum(self.at(x, y)) for y in range(top, bottom) for x in range(left, right)]
        return sum(values) / len(values) / 3


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="tripoint-gallery-")
        cls.addClassCleanup(shutil.rmtree, cls.dir, True)
        cls.portrait = Picture(os.path.join(SOURCE, "samples/astronaut.png"))

    def need(self, *engines):
        for engine in engines:
            if engine in MISSING:
                self.skipTest(f"{engine}: {MISSING[engine]}")

    def run_command(self, name, twin=False):
        """The page's command, but into a PNG of ours; or its twin with the pixels on the CPU."""
        command, out = list(COMMANDS[name]), os.path.join(self.dir, name + ("-host" if twin else "") + ".png")
        command[command.index("-o") + 1] = out
        if twin:
            command[1] += "-host"
        run = tripoint(*command, "--require-zero-copy")
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        return Picture(out)

    def assert_near(self, got, wanted, by, what):
        self.assertTrue(all(abs(a - b) <= by for a, b in zip(got, wanted)), f"{what}: {list(got)}, wanted {list(wanted)}")

    def assert_alike(self, a, b, by):
        self.assertEqual((a.width, a.height), (b.width, b.height))
        far = sum(abs(p - q) > by for p, q in zip(a.bytes, b.bytes))
        self.assertLess(far, len(a.bytes) / 5000)

    def assert_opaque(self, picture):
        self.assertEqual(set(picture.bytes[3::4]), {255})

    def assert_person(self, picture):
        for x, y in PERSON:
            self.assert_near(picture.at(x, y), self.portrait.at(x, y), 3, (x, y))


PERSON = [(225, 100), (200, 110), (250, 150), (222, 60), (180, 300), (240, 380)]  # face, hair, suit


class Page(unittest.TestCase):
    def test_every_picture_is_there_and_small(self):
        pictures = [line.split("](")[1].split(")")[0] for line in PAGE.splitlines() if line.startswith("![")]
        self.assertEqual(sorted(pictures), sorted(f"pictures/gallery-{name}.jpg" for name in COMMANDS))
        for name in pictures:
            size = os.path.getsize(os.path.join(SOURCE, "docs", name))
            self.assertTrue(5000 < size < 80000, (name, size))


class Backgrounds(Case):
    def test_blur_background(self):
        self.need("webgpu", "webnn")
        blurred = self.run_command("blur-background")
        self.assert_opaque(blurred)
        self.assert_person(blurred)
        for box in ((395, 90, 450, 250), (5, 20, 60, 120)):  # the shuttle, the flag
            self.assertLess(blurred.detail(*box), self.portrait.detail(*box) * 0.35, box)
        box = (190, 70, 260, 160)  # the face
        self.assertGreater(blurred.detail(*box), self.portrait.detail(*box) * 0.97)
        # No halo: the wall beside the hair is as bright as it was, not darkened by hair that bleeds into it.
        for y in (50, 70, 90):
            for x in range(115, 147, 4):
                self.assertGreater(sum(blurred.at(x, y)), sum(self.portrait.at(x, y)) - 60, (x, y))
        self.assert_alike(self.run_command("blur-background", twin=True), blurred, 3)

    def test_replace_background(self):
        self.need("webgpu", "webnn")
        replaced = self.run_command("replace-background")
        self.assert_opaque(replaced)
        self.assert_person(replaced)
        red, _, blue = replaced.at(20, 20)
        self.assertGreater(blue, red + 50)  # the sky
        red, _, blue = replaced.at(425, 255)
        self.assertGreater(red, 240)  # the sun
        self.assertGreater(red, blue + 40)
        self.assertLess(replaced.detail(395, 90, 450, 200), 4)  # the shuttle is gone
        self.assert_alike(self.run_command("replace-background", twin=True), replaced, 3)

    def test_portrait(self):
        self.need("webgpu", "webnn", "wasm")
        portrait = self.run_command("portrait")
        self.assert_opaque(portrait)
        self.assertLess(portrait.mean(470, 0, 512, 30), self.portrait.mean(470, 0, 512, 30) * 0.75)
        self.assertGreater(portrait.mean(190, 170, 260, 200), self.portrait.mean(190, 170, 260, 200) * 0.93)
        self.assertLess(portrait.detail(395, 90, 450, 250), self.portrait.detail(395, 90, 450, 250) * 0.5)

    def test_cutout(self):
        self.need("webgpu", "webnn")
        self.run_command("cutout")

    def test_wrong_inputs_are_told(self):
        photo, out = "samples/astronaut.png", os.path.join(self.dir, "none.png")
        for more, word in (([], "add --input background=FILE"), (["--input", "beach=" + photo], "it has: background"),
                           (["--input", "background"], "NAME=FILE"), (["--input", "input=" + photo], "INPUT"),
                           (["--input", "background=" + photo, "--input", "background=" + photo], "twice")):
            run = tripoint("run", "replace-background-host", photo, "-o", out, *more)
            self.assertEqual(run.returncode, 2, run.stderr)
            self.assertIn(word, run.stderr.decode())
        run = tripoint("run", "replace-background-host", photo, "-o", out, "--input", "background=/nowhere.png")
        self.assertEqual(run.returncode, 8, run.stderr)
        run = tripoint("run", "replace-background-host", "-", "-o", out, "--input", "background=-")
        self.assertEqual(run.returncode, 2, run.stderr)
        run = tripoint("run", "cutout-host", photo, "-o", out, "--input", "mask=" + photo)
        self.assertIn("one input only", run.stderr.decode())
        self.assertFalse(os.path.exists(out))


class Faces(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pipeline, path = os.path.join(cls.dir, "as-it-is.json"), os.path.join(cls.dir, "group.png")
        with open(pipeline, "w", encoding="ascii") as file:
            json.dump(GALLERY.AS_IT_IS, file)
        run = tripoint("run", pipeline, "samples/group.jpg", "-o", path)
        assert run.returncode == 0, run.stderr
        cls.group = Picture(path)

    def faces(self):
        """Where the eyes, nose and mouth of each are: left, top, right, bottom."""
        for left, top, by, mirror in GALLERY.GROUP:
            x, y, r = 223 // by, 123 // by, 32 // by
            x = 512 // by - x if mirror else x
            yield left + x - r, top + y - r, left + x + r, top + y + r

    def check(self, hidden):
        for box in self.faces():
            self.assertLess(hidden.detail(*box), self.group.detail(*box) * 0.4, box)
        touched = sum(hidden.bytes[i] != self.group.bytes[i] for i in range(0, len(hidden.bytes), 4))
        self.assertLess(touched / (hidden.width * hidden.height), 0.12)  # little besides the faces
        for left, top, by, _ in GALLERY.GROUP:  # suits and helmets are as they were
            for x, y in ((150, 400), (360, 400), (256, 480)):
                at = (left + x // by, top + y // by)
                self.assertEqual(hidden.at(*at), self.group.at(*at), at)

    def test_all_faces_of_a_group_are_hidden(self):
        self.need("webgpu", "webnn", "wasm")
        hidden = self.run_command("anonymize")
        self.check(hidden)
        self.need("host")
        self.assert_alike(self.run_command("anonymize", twin=True), hidden, 3)

    def test_in_blocks_too(self):
        self.need("webgpu", "webnn", "wasm")
        hidden = self.run_command("pixelate")
        for left, top, right, bottom in self.faces():  # few colours are left
            colours = {hidden.at(x, y) for y in range(top, bottom) for x in range(left, right)}
            self.assertLess(len(colours), 64)

    def test_where_there_is_no_face_nothing_changes(self):
        self.need("webnn")
        plain, out = os.path.join(self.dir, "plain.png"), os.path.join(self.dir, "plain-out.png")
        width, height = 301, 97  # thirds of it are no whole squares
        png.write(plain, width, height, bytes(b for y in range(height) for x in range(width)
                                              for b in (x * 255 // width, y * 2, 128, 255)))
        run = tripoint("run", "anonymize-host", plain, "-o", out)
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        self.assertEqual(Picture(out).bytes, Picture(plain).bytes)


if __name__ == "__main__":
    unittest.main()
