#!/usr/bin/env python3
"""Runs ctest over tests with each outcome and expects ctest_report.py to tell them apart."""

import contextlib
import io
import subprocess
import tempfile
import unittest
from pathlib import Path

import ctest_report

TESTS = r"""
add_test(good "/bin/sh" "-c" "echo all is well")
add_test(bad "/bin/sh" "-c" "echo this is why; exit 1")
add_test(skipped "/bin/sh" "-c" "echo [  SKIPPED ] no such device")
set_tests_properties(skipped PROPERTIES SKIP_REGULAR_EXPRESSION "SKIPPED")
add_test(disabled "/bin/true")
set_tests_properties(disabled PROPERTIES DISABLED TRUE)
add_test(not_built "/nonexistent/program")
add_test(slow "/bin/sh" "-c" "exec sleep 60")
set_tests_properties(slow PROPERTIES TIMEOUT 0.2)
"""


class CtestReport(unittest.TestCase):
    def report(self, *arguments):
        with tempfile.TemporaryDirectory() as directory:
            (Path(directory) / "CTestTestfile.cmake").write_text(TESTS)
            junit = Path(directory) / "junit.xml"
            subprocess.run(["ctest", "--output-junit", str(junit), *arguments], cwd=directory,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                ctest_report.main([junit])
            return output.getvalue()

    def test_success_is_counted_and_not_shown(self):
        self.assertEqual(self.report("-R", "good"), "1 0\n")

    def test_a_failure_is_shown_with_its_output(self):
        output = self.report("-R", "bad")
        self.assertIn("--- FAILED: bad", output)
        self.assertIn("this is why", output)
        self.assertTrue(output.endswith("\n0 1\n"), output)

    def test_a_skip_counts_as_a_failure_and_says_why(self):
        output = self.report("-R", "skipped")
        self.assertIn("--- SKIPPED: skipped", output)
        self.assertIn("no such device", output)
        self.assertTrue(output.endswith("\n0 1\n"), output)

    def test_nothing_that_did_not_run_passes(self):
        for name in ("disabled", "not_built", "slow"):
            output = self.report("-R", name)
            self.assertIn(f": {name} ", output)
            self.assertTrue(output.endswith("\n0 1\n"), output)

    def test_a_long_output_is_cut_at_its_front(self):
        text = "\n".join(str(line) for line in range(1000))
        short = ctest_report.shorten(text).splitlines()
        self.assertEqual(len(short), ctest_report.OUTPUT_LINES_MAX + 1)
        self.assertEqual(short[-1], "999")


if __name__ == "__main__":
    unittest.main()
