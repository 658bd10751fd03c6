"""The conformance kit catches engines that break one promise each (engine_liars.h). KIT is the kit's program."""
import os
import re
import subprocess
import unittest

BROKEN = {
    "liar-allocates": {"a_run_allocates_nothing_and_repeats_itself"},
    "liar-signals-twice": {"fences_are_signalled_once"},
    "liar-other-bytes": {"a_view_is_the_regions_own_bytes", "it_opens_and_closes_and_leaves_nothing"},
    "liar-keeps-views": {"it_opens_and_closes_and_leaves_nothing", "freed_regions_are_let_go",
                         "a_failed_opening_is_told_and_undone"},
    "liar-fails-silently": {"a_failed_opening_is_told_and_undone"},
}


class Liars(unittest.TestCase):
    def broken(self, name, promises="*"):
        run = subprocess.run([os.environ["KIT"], name, promises], capture_output=True, text=True, timeout=100)
        told = run.stdout + run.stderr
        self.assertRegex(told, r"\b(1|15) test\(s\) run")
        return set(re.findall(r"^\[  FAILED  \] (\w+)$", told, re.M))

    def test_who_keeps_every_promise_is_believed(self):
        self.assertEqual(self.broken("null"), set())

    def test_every_liar_is_caught_at_his_lie(self):
        for name, promises in BROKEN.items():
            with self.subTest(name):
                # whoever signals twice writes to memory that elsewhere is gone by then
                only = "fences*" if name == "liar-signals-twice" else "*"
                self.assertEqual(self.broken(name, only), promises)


if __name__ == "__main__":
    unittest.main()
