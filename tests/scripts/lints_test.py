"""Each rule of scripts/lints complains about what it is there for, and about nothing in a clean tree."""
import os
import sys
import tempfile
import unittest
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.dont_write_bytecode = True
loader = SourceFileLoader("lints", os.path.join(ROOT, "scripts", "lints"))
lints = module_from_spec(spec_from_loader("lints", loader))
loader.exec_module(lints)


class LintsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def test_an_include_may_not_go_upward(self):
        self.write("src/sync/word.c", '#include "sync/word.h"\n#include "base/sys.h"\n#include <tripoint/handle.h>\n')
        self.write("src/arena/ok.h", "#include <tripoint/sync.h>\n")
        self.assertEqual(lints.includes_go_downward(self.root), [])
        self.write("src/base/bad.c", '#include <stdio.h>\n#  include "arena/arena.h"\n')
        self.write("src/view/bad.h", "#include <tripoint/pipeline.h>\n")
        self.assertEqual(lints.includes_go_downward(self.root), [
            "src/base/bad.c:2: base includes arena, which is above it",
            "src/view/bad.h:1: view includes pipeline, which is above it"])

    def test_a_merge_leaves_no_marks(self):
        self.write("docs/ok.md", "Title\n=======\n    <<<<<<< in a sentence\n")
        self.assertEqual(lints.no_merge_is_unfinished(self.root), [])
        self.write("docs/bad.md", "".join(sign * 7 + " one side\n" for sign in "<>"))
        self.assertEqual(lints.no_merge_is_unfinished(self.root),
                         ["docs/bad.md:1: " + "<" * 7, "docs/bad.md:2: " + ">" * 7])

    def test_a_copy_outside_the_ledger_gives_its_reason(self):
        self.write("src/base/ledger.c", "memcpy(to, from, n);\n")
        self.write("src/arena/ok.c", "memmove(a, b, n); /* not payload: a name */\nmy_memcpy_like(a);\n")
        self.assertEqual(lints.payload_is_copied_in_the_ledger_only(self.root), [])
        self.write("src/engine/host/bad.c", "\n  memcpy (a, b, n);\nmemmove(a, b, n); /* not payload: */\n")
        self.write("src/engine/host/ledger.c", "__builtin_memcpy(a, b, n); // quick\n")
        wrong = [line.split(": ")[0] for line in lints.payload_is_copied_in_the_ledger_only(self.root)]
        self.assertEqual(wrong, ["src/engine/host/bad.c:2", "src/engine/host/bad.c:3", "src/engine/host/ledger.c:1"])

    def test_a_link_leads_somewhere(self):
        self.write("docs/a.md", "[b](b.md) [up](../README.md#x) [web](https://example.org) [here](#there)\n")
        self.write("docs/b.md", "![picture](pictures/none.png)\n")
        self.write("README.md", "[folder](docs)\n")
        self.assertEqual(lints.links_lead_somewhere(self.root), ["docs/b.md:1: pictures/none.png is not there"])

    def test_a_file_may_have_800_lines(self):
        self.write("docs/long.md", "x\n" * 800)
        self.assertEqual(lints.files_stay_readable(self.root), [])
        self.write("docs/long.md", "x\n" * 801)
        self.write("build-x/made.c", "x\n" * 900)
        self.assertEqual(lints.files_stay_readable(self.root), ["docs/long.md: 801 lines, more than 800"])

    def test_no_registry_and_no_path_of_one_machine(self):
        self.write("docs/a.md", "work/ and home/work/x, $HOME/work/, the region `work`; see debian.org\n")
        self.assertEqual(lints.nothing_names_a_registry_or_a_machine(self.root), [])
        self.write("docs/b.md", "pip --index https://py" + "pi.org/simple\n")
        self.write("src/c.c", 'open("/wor' + 'k/main/x");\n')
        self.write(".ci/run", "cd /roo" + "t/x\n")
        self.assertEqual(len(lints.nothing_names_a_registry_or_a_machine(self.root)), 3)

    def test_a_test_that_meson_does_not_name_is_found(self):
        self.write("tests/unit/meson.build", "unit_tests = ['base_a', 'base_b_test.c', # 'base_c'\n]\n")
        self.write("tests/unit/base_a_test.c", "")
        self.write("tests/unit/base_b_test.c", "")
        self.assertEqual(lints.every_test_is_declared(self.root), [])
        self.write("tests/unit/base_c_test.c", "")
        self.write("tests/cli/run_test.py", "")
        self.assertEqual(sorted(lints.every_test_is_declared(self.root)), [
            "tests/cli/run_test.py is not in the meson.build beside it",
            "tests/unit/base_c_test.c is not in the meson.build beside it"])

    def test_a_symbol_without_the_prefix_is_found(self):
        source = os.path.join(self.root, "x.c")
        library = os.path.join(self.root, "libx.so")
        for text, complaints in (("int tri_a(void){return 0;}", 0), ("int helper(void){return 0;}", 1), ("", 1)):
            self.write("x.c", text)
            lints.subprocess.run(["cc", "-shared", "-nostdlib", "-o", library, source], check=True)
            os.environ["TRIPOINT_LIBRARY"] = library
            self.addCleanup(os.environ.pop, "TRIPOINT_LIBRARY", None)
            self.assertEqual(len(lints.exported_symbols_are_tri(self.root)), complaints, text)


if __name__ == "__main__":
    unittest.main()
