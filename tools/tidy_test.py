#!/usr/bin/env python3
"""Which sources tidy.py reads, in small repositories with each kind of history."""

import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import tidy


class Tidy(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        patch = mock.patch.object(tidy, "ROOT", self.root)
        patch.start()
        self.addCleanup(patch.stop)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", "-C", str(self.root), *identity, *arguments],
                              stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.strip()

    def commit(self, name):
        (self.root / name).write_text(name)
        self.git("add", name)
        self.git("commit", "-q", "-m", name)
        return self.git("rev-parse", "HEAD")

    def test_a_branch_is_compared_with_where_it_left_origin(self):
        fork = self.commit("a.cc")
        self.git("update-ref", "refs/remotes/origin/main", fork)
        self.commit("b.cc")
        self.commit("c.cc")
        (self.root / "d.cc").write_text("not committed")
        self.assertEqual(tidy.find_base(), fork)
        self.assertEqual(tidy.changed_files(fork), {"b.cc", "c.cc", "d.cc"})

    def test_on_main_the_last_commit_is_what_changed(self):
        first = self.commit("a.cc")
        self.git("update-ref", "refs/remotes/origin/main", self.commit("b.cc"))
        self.assertEqual(tidy.find_base(), first)
        self.assertEqual(tidy.changed_files(first), {"b.cc"})

    def test_without_an_origin_the_last_commit_is_what_changed(self):
        first = self.commit("a.cc")
        self.commit("b.cc")
        self.assertEqual(tidy.find_base(), first)

    def test_a_first_commit_has_no_base(self):
        self.commit("a.cc")
        self.assertIsNone(tidy.find_base())

    def test_a_deleted_file_and_a_text_are_not_read(self):
        first = self.commit("a.cc")
        self.commit("notes.md")
        self.git("rm", "-q", "a.cc")
        self.assertEqual(tidy.changed_files(first), set())

    def test_a_header_is_read_through_the_source_beside_it_or_an_includer(self):
        sources = {"x.cc": "", "y.cc": "", "z.cc": ""}
        dependencies = {"x.cc": {"y.h", "only.h"}, "y.cc": {"y.h"}, "z.cc": {"y.h", "only.h"}}
        self.assertEqual(tidy.sources_for({"y.h"}, sources, dependencies), ["y.cc"])
        self.assertEqual(tidy.sources_for({"only.h"}, sources, dependencies), ["x.cc"])
        self.assertEqual(tidy.sources_for({"z.cc"}, sources, dependencies), ["z.cc"])

    def test_the_verdict_depends_on_the_source_its_headers_and_the_rules(self):
        (self.root / "a.cc").write_text("1")
        (self.root / "a.h").write_text("1")
        dependencies = {"a.cc": {"a.h"}}
        before = tidy.fingerprint("a.cc", dependencies, b"rules")
        self.assertEqual(before, tidy.fingerprint("a.cc", dependencies, b"rules"))
        self.assertNotEqual(before, tidy.fingerprint("a.cc", dependencies, b"other rules"))
        (self.root / "a.h").write_text("2")
        self.assertNotEqual(before, tidy.fingerprint("a.cc", dependencies, b"rules"))
        self.assertIsNone(tidy.fingerprint("never_built.cc", dependencies, b"rules"))


if __name__ == "__main__":
    unittest.main()
