#!/usr/bin/env python3
"""check_named_tests.py finds what it is there for."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import check_named_tests


class NamedTests(unittest.TestCase):
    def run_on(self, page):
        with tempfile.TemporaryDirectory() as directory:
            root = Path(directory)
            (root / "docs" / "guide").mkdir(parents=True)
            (root / "tests").mkdir()
            (root / "tests" / "store_test.cc").write_text(
                "TEST(Store, Opens) {}\nTEST_P(\n    StoreModes, AllOf) {}\nTEST_F(Store,\n       Closes) {}\n")
            (root / "docs" / "guide" / "page.md").write_text(page)
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                code = check_named_tests.main(root)
            return code, output.getvalue()

    def test_what_is_there_passes(self):
        self.assertEqual(self.run_on("| `Store.Opens`, `StoreModes.AllOf`, `Store.Closes` |\n")[0], 0)

    def test_what_is_not_there_is_named_with_its_place(self):
        code, output = self.run_on("# Page\n`Store.Opens` and `Store.Sings`\n")
        self.assertEqual(code, 1)
        self.assertIn("docs/guide/page.md:2: there is no test Store.Sings", output)

    def test_other_words_in_backticks_are_no_tests(self):
        self.assertEqual(self.run_on("`engine.put`, `Store`, `Engine::open`\n")[0], 0)


if __name__ == "__main__":
    unittest.main()
