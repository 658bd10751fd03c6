"""scripts/count-tests on made-up Meson logs: crashes, timeouts, broken lines, and what the last line says."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
SCRIPT = os.path.join(ROOT, "scripts", "count-tests")


def entry(result, stdout="", stderr="", returncode=0, name="tripoint:unit / program"):
    """A line of testlog.json as Meson 1.0.1 writes it; it leaves out stderr when there is none."""
    made = {"name": name, "stdout": stdout, "result": result, "starttime": 1.0, "duration": 0.5,
            "returncode": returncode, "env": {}, "command": ["program"]}
    return {**made, "stderr": stderr} if stderr else made


def cmocka(*cases):
    """What cmocka 1.1.5 prints on stdout: ("name", "OK" | "FAILED" | "SKIPPED" | None: it died there)."""
    text = f"[==========] Running {len(cases)} test(s).\n"
    for name, result in cases:
        text += f"[ RUN      ] {name}\n"
        if result == "SKIPPED":
            text += "skipped because there is no GPU\n"
        if result:
            text += {"OK": "[       OK ]", "FAILED": "[  FAILED  ]", "SKIPPED": "[  SKIPPED ]"}[result] + f" {name}\n"
    return text


class CountTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name

    def log(self, *entries, build="b", text=None):
        logs = os.path.join(self.root, build, "meson-logs")
        os.makedirs(logs, exist_ok=True)
        with open(os.path.join(logs, "testlog.json"), "w", encoding="utf-8") as file:
            file.write(text if text is not None else "".join(json.dumps(made) + "\n" for made in entries))

    def count(self, *builds):
        """(last line's three numbers, exit status, all output) for builds given as (name, outcome)."""
        words = [word for name, outcome in builds or [("b", "0")]
                 for word in (name, os.path.join(self.root, name), outcome)]
        done = subprocess.run([sys.executable, SCRIPT, *words], text=True, stdout=subprocess.PIPE)
        last = done.stdout.splitlines()[-1]
        self.assertRegex(last, r"^\d+ passed, \d+ failed, \d+ skipped$")
        return tuple(int(word) for word in last.split() if word.isdigit()), done.returncode, done.stdout

    def test_cmocka_cases_are_counted_one_by_one(self):
        self.log(entry("OK", cmocka(("a", "OK"), ("b", "OK"), ("c", "SKIPPED"))))
        numbers, status, output = self.count()
        self.assertEqual((numbers, status), ((2, 0, 1), 0))
        self.assertIn("unit/program: c [b]: there is no GPU", output)

    def test_a_failed_case_is_counted_once_although_cmocka_lists_it_again(self):
        self.log(entry("FAIL", cmocka(("a", "OK"), ("b", "FAILED")), returncode=1,
                       stderr="[  FAILED  ] 1 test(s), listed below:\n[  FAILED  ] b\n"))
        numbers, status, output = self.count(("b", "1"))
        self.assertEqual((numbers, status), ((1, 1, 0), 1))
        self.assertIn("failed: b", output)
        self.assertIn("| [  FAILED  ] b", output)

    def test_a_program_that_times_out_fails_though_its_cases_passed(self):
        self.log(entry("TIMEOUT", cmocka(("a", "OK"), ("b", "OK")), returncode=-15))
        self.assertEqual(self.count(("b", "1"))[:2], ((2, 1, 0), 1))

    def test_the_case_in_which_a_program_crashed_or_hung_is_the_failed_one(self):
        for result, code in (("FAIL", -11), ("TIMEOUT", -15)):
            self.log(entry(result, cmocka(("a", "OK"), ("b", None)), returncode=code))
            numbers, _, output = self.count(("b", "1"))
            self.assertEqual(numbers, (1, 1, 0))
            self.assertIn("failed: b", output)
            self.assertIn(f"killed by signal {-code}", output)

    def test_a_program_that_fails_after_its_cases_fails(self):
        """A leak report, a failed group teardown."""
        self.log(entry("FAIL", cmocka(("a", "OK")), returncode=23))
        self.assertEqual(self.count(("b", "1"))[0], (1, 1, 0))

    def test_a_case_that_prints_without_a_newline_is_still_seen(self):
        self.log(entry("OK", "[ RUN      ] a\nhello[       OK ] a\n"))
        self.assertEqual(self.count()[0], (1, 0, 0))

    def test_the_same_name_in_two_groups_is_two_cases(self):
        self.log(entry("OK", cmocka(("a", "OK")) + cmocka(("a", "OK"))))
        self.assertEqual(self.count()[0], (2, 0, 0))

    def test_python_cases(self):
        text = ("test_a (m.A.test_a) ... ok\n"
                "test_b (m.A.test_b)\nhas a docstring ... noise\nok\n"
                "test_c (m.A.test_c) ... skipped \"it's so\"\n"
                "test_d (m.A.test_d) ... expected failure\n"
                "setUpClass (m.B) ... skipped 'no lib'\n"
                "\nRan 4 tests in 0.001s\n\nOK (skipped=2, expected failures=1)\n")
        self.log(entry("OK", "ok\nok\n", text))
        numbers, status, output = self.count()
        self.assertEqual((numbers, status), ((3, 0, 2), 0))
        self.assertIn("it's so", output)

    def test_python_failures_and_one_whose_line_was_broken_by_its_output(self):
        text = ("test_a (m.A.test_a) ... ok\n"
                "test_b (m.A.test_b) ... FAIL\n"
                "test_c (m.A.test_c) ... noise\nERROR\n"
                "test_d (m.A.test_d) ... unexpected success\n"
                "\nRan 4 tests in 0.001s\n\nFAILED (failures=1, errors=1, unexpected successes=1)\n")
        self.log(entry("FAIL", "", text, returncode=1))
        self.assertEqual(self.count(("b", "1"))[:2], ((1, 3, 0), 1))

    def test_python_that_dies_midway(self):
        self.log(entry("FAIL", "", "test_a (m.A.test_a) ... ok\ntest_b (m.A.test_b) ... ", returncode=-11))
        self.assertEqual(self.count(("b", "1"))[0], (1, 1, 0))

    def test_programs_without_cases_count_by_their_exit_status(self):
        self.log(entry("OK"), entry("FAIL", returncode=3), entry("SKIP", "first\nno such engine\n", returncode=77),
                 entry("EXPECTEDFAIL", returncode=1), entry("UNEXPECTEDPASS"), entry("ERROR", returncode=99))
        numbers, _, output = self.count(("b", "1"))
        self.assertEqual(numbers, (2, 3, 1))
        self.assertIn("no such engine", output)

    def test_builds_are_added_up_and_a_skip_in_several_is_told_once(self):
        for name in ("gcc", "asan"):
            self.log(entry("OK", cmocka(("a", "OK"), ("c", "SKIPPED"))), build=name)
        numbers, status, output = self.count(("gcc", "0"), ("asan", "0"))
        self.assertEqual((numbers, status), ((2, 0, 2), 0))
        self.assertEqual(output.count("there is no GPU"), 1)
        self.assertIn("[gcc, asan]", output)

    def test_a_build_that_failed_is_a_failure_whatever_old_log_lies_there(self):
        self.log(entry("OK"))
        self.assertEqual(self.count(("b", "build-failed"))[:2], ((0, 1, 0), 1))

    def test_a_missing_or_torn_log_is_a_failure(self):
        self.assertEqual(self.count(("none", "0"))[:2], ((0, 1, 0), 1))
        self.log(text=json.dumps(entry("OK")) + "\n{\"name\": \"x")
        self.assertEqual(self.count()[1], 1)

    def test_meson_failing_without_a_failed_program_is_a_failure(self):
        self.log(entry("OK"))
        self.assertEqual(self.count(("b", "1"))[:2], ((1, 1, 0), 1))

    def test_a_run_in_which_nothing_passed_is_no_success(self):
        self.log(entry("SKIP", "no GPU\n", returncode=77))
        self.assertEqual(self.count()[:2], ((0, 0, 1), 1))


if __name__ == "__main__":
    unittest.main()
