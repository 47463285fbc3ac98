#!/usr/bin/env python3
"""docs/reference/cli.md shows what the program does: its examples are run, and their output compared."""

import sys
import unittest
from pathlib import Path

from talea_cli import PROGRAM, main

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import check_readme  # noqa: E402


class Reference(unittest.TestCase):
    def test_every_example_is_true(self):
        checker = check_readme.Checker(ROOT, None, Path(PROGRAM))
        blocks = check_readme.parse(ROOT / "docs" / "reference" / "cli.md")
        shown = [block for block in blocks if block.info[:1] == ["sh"]]
        self.assertGreater(len(shown), 5)
        for block in shown:
            with self.subTest(line=block.line):
                checker.check(block)


if __name__ == "__main__":
    main()
