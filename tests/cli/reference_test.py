#!/usr/bin/env python3
"""The pages that show what the program does: their examples are run, and their output compared."""

import sys
import unittest
from pathlib import Path

from talea_cli import PROGRAM, main

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import check_readme  # noqa: E402


class Reference(unittest.TestCase):
    def check_page(self, page, examples_min):
        checker = check_readme.Checker(ROOT, None, Path(PROGRAM))
        blocks = check_readme.parse(ROOT / "docs" / page)
        shown = [block for block in blocks if block.info[:1] == ["sh"]]
        self.assertGreaterEqual(len(shown), examples_min)
        for block in shown:
            with self.subTest(page=page, line=block.line):
                checker.check(block)

    def test_every_example_of_the_reference_is_true(self):
        self.check_page("reference/cli.md", 6)

    def test_every_example_of_the_guide_to_copies_is_true(self):
        self.check_page("guide/copy.md", 3)

    def test_the_guide_to_the_options_runs(self):
        self.check_page("guide/options.md", 1)


if __name__ == "__main__":
    main()
