#!/usr/bin/env python3
"""Plants what check_readme.py has to find in a small README and expects it to be found."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import check_readme

# Instead of a build directory: how a probe without a library would be built.
PROBE = (["c++", "-c", "probe.cc", "-o", "probe.o"], ["c++", "probe.o", "-o", "probe"])


class CheckReadme(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        self.program = self.root / "bin" / "talea"
        self.program.parent.mkdir()
        self.program.write_text("#!/bin/sh\necho talea \"$@\"\n")
        self.program.chmod(0o755)
        patch = mock.patch.object(check_readme.Checker, "probe_commands", lambda self: PROBE)
        patch.start()
        self.addCleanup(patch.stop)

    def check(self, text, name="README.md"):
        """(passed, what was printed) for a tree with this document."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = check_readme.main(["--build", str(self.root), "--program", str(self.program),
                                        "--root", str(self.root)])
        return status == 0, output.getvalue()

    def expect_failure(self, text, *parts, name="README.md"):
        passed, output = self.check(text, name)
        self.assertFalse(passed, output)
        for part in parts:
            self.assertIn(part, output)

    def test_true_blocks_pass(self):
        passed, output = self.check(
            "# T\n```cpp\n#include <cstdio>\nint main() { std::puts(\"hello\"); }\n```\n"
            "```text output\nhello\n```\n"
            "```cpp\na fragment\n```\n"
            "```sh\ntalea get k | tr a-z A-Z\n```\n```text output\nTALEA GET K\n```\n")
        self.assertTrue(passed, output)
        self.assertIn("2 blocks are true, 0 are not", output)

    def test_a_block_for_s3_is_left_to_who_has_a_store(self):
        text = "```sh s3\ntalea get $PLACE\n```\n"
        passed, output = self.check(text + "```sh\ntrue\n```\n")
        self.assertTrue(passed, output)
        self.assertIn("1 blocks are true, 0 are not", output)
        block = check_readme.parse(self.root / "README.md")[0]
        block.output = "talea get there\n"
        checker = check_readme.Checker(self.root, None, self.program, {"PLACE": "there"})
        self.assertTrue(checker.check(block))
        block.output = "something else"
        with self.assertRaisesRegex(check_readme.Failure, "but printed\ntalea get there"):
            checker.check(block)

    def test_a_program_that_does_not_compile_is_named_by_line(self):
        self.expect_failure("# T\n\n```cpp\nint main() { return nonsense; }\n```\n",
                            "README.md:4: exit status 1", "README.md:4:", "nonsense")

    def test_a_program_that_fails_is_named(self):
        self.expect_failure("```cpp\nint main() { return 3; }\n```\n", "README.md:2: exit status 3")

    def test_a_shell_command_that_fails_in_the_middle_is_named(self):
        self.expect_failure("```sh\nfalse\ntrue\n```\n", "README.md:2: exit status 1")

    def test_a_failing_pipe_is_named(self):
        self.expect_failure("```sh\nfalse | cat\n```\n", "README.md:2: exit status 1")

    def test_another_output_is_shown(self):
        self.expect_failure("```sh\ntalea scan\n```\n\n```text output\nkey value\n```\n",
                            "README.md:2: it should print\nkey value\nbut printed\ntalea scan")

    def test_a_missing_script_is_named(self):
        self.expect_failure("```sh no-run\nscript/setup && ./script/demo\n```\n",
                            "README.md:2: script/setup is not an executable file")

    def test_a_script_that_is_there_is_enough(self):
        script = self.root / "script" / "demo"
        script.parent.mkdir()
        script.write_text("exit 1\n")
        script.chmod(0o755)
        passed, output = self.check("```sh no-run\nscript/demo\n```\n")
        self.assertTrue(passed, output)

    def test_the_guide_is_read_too_and_all_failures_are_reported(self):
        (self.root / "README.md").write_text("```sh\nexit 7\n```\n")
        self.expect_failure("```sh\nexit 8\n```\n", "README.md:2: exit status 7",
                            "docs/guide/start.md:2: exit status 8", name="docs/guide/start.md")

    def test_each_block_starts_in_an_empty_directory(self):
        passed, output = self.check("```sh\ntouch x\n```\n```sh\n[ -z \"$(ls)\" ]\n```\n")
        self.assertTrue(passed, output)

    def test_an_unclosed_block_is_refused(self):
        self.expect_failure("```sh\ntrue\n", "README.md:2: the block is never closed")

    def test_an_output_after_a_fragment_is_refused(self):
        self.expect_failure("```cpp\nfragment\n```\n```text output\nx\n```\n", "README.md:2:")

    def test_a_document_without_a_block_is_no_success(self):
        self.expect_failure("# nothing\n", "0 blocks are true")


if __name__ == "__main__":
    unittest.main()
