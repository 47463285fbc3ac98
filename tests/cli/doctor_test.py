#!/usr/bin/env python3
"""doctor of directories, and cost, which asks nobody. Of places on S3: tests/s3/doctor_test.py."""

import json
import shutil

from talea_cli import TaleaTest, main


class DoctorOfADirectory(TaleaTest):
    def test_a_directory_that_is_there(self):
        self.talea("put", "k", "v")
        before = self.contents()
        output = self.talea("doctor").decode()
        self.assertIn("file: yes\n", output)
        self.assertRegex(output, r"directory +store\n")
        self.assertRegex(output, r"free +\d")
        self.assertEqual(self.contents(), before)

    def test_a_directory_that_is_not_there_yet(self):
        output = self.talea("doctor", "new/", store=None).decode()
        self.assertRegex(output, r"will be made in +\.\n")
        self.assertIn("file: yes\n", output)
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_where_none_can_be_made(self):
        output = self.talea("doctor", "a/b", store=None, expect=1).decode()
        self.assertIn("file: no: 'a', in which it would be made, is not there\n", output)
        (self.directory / "file").write_text("")
        self.assertIn("no: 'file' is no directory",
                      self.talea("doctor", "file", store=None, expect=1).decode())

    def test_json(self):
        report = self.json("doctor", ".", store=None)
        self.assertEqual(report["may_be_written"], True)
        self.assertEqual(report["path"], ".")
        self.assertEqual(report["exists"], True)
        free = shutil.disk_usage(self.directory).free
        self.assertGreater(report["free_bytes"], 0)
        self.assertLess(report["free_bytes"], 2 * free + 2**30)
        if "sync_median_ns" in report:
            self.assertGreater(report["sync_median_ns"], 0)
        refused = json.loads(self.talea("doctor", "a/b", "-o", "json", store=None, expect=1))
        self.assertEqual(refused["may_be_written"], False)
        self.assertIn("is not there", refused["why_not"])

    def test_what_it_does_not_examine(self):
        message = self.errors("doctor", "memory:", store=None, expect=2)
        self.assertIn("examines a directory or a place on S3", message)
        self.assertIn("no kind of store 'ftp:'", self.errors("doctor", "ftp://x", store=None, expect=2))
        self.errors("doctor", "s3://", store=None, expect=2)
        self.errors("doctor", store=None, expect=2)


class Cost(TaleaTest):
    def test_of_a_million_of_each_operation(self):
        output = self.talea("cost", "s3://records/app/", store=None).decode()
        self.assertRegex(output, r"immukv\+s3 put of another key +2 +1 +10\.40\n")
        self.assertRegex(output, r"s4db\+s3 upload +2 +0 +10\.00\n")
        self.assertIn("assumed: 5.00 US dollars", output)
        ledger = self.talea("cost", store="immukv+s3://records/app/").decode()
        self.assertNotIn("s4db", ledger)

    def test_of_a_workload(self):
        output = self.talea("cost", "immukv+s3://records/app/", "--puts", 1000000, "--gets", 5000000,
                            "--starts", 1000, store=None).decode()
        self.assertRegex(output, r"puts +1000000 +2000000 +1000000 +10\.40\n")
        self.assertRegex(output, r"sum +2002000 +6003000 +12\.41\n")

    def test_with_other_prices(self):
        report = self.json("cost", "s4db+s3://records/app/", "--puts", 1000, "--puts-per-upload", 100,
                           "--price-put", 7, "--price-get", "0.5", store=None)
        self.assertEqual(report["prices"],
                         {"put_million_dollars": 7, "get_million_dollars": 0.5})
        self.assertEqual(report["sum"], {"puts": 20, "gets": 0, "free": 0, "microdollars": 140})
        uploads = [each for each in report["operations"] if each["operation"] == "uploads"]
        self.assertEqual(uploads[0]["times"], 10)

    def test_what_costs_no_requests(self):
        self.assertIn("costs no requests", self.errors("cost", "./data", store=None, expect=2))
        self.assertIn("name it immukv+s3:// or s4db+s3://",
                      self.errors("cost", "s3://records/", "--puts", 1, store=None, expect=2))

    def test_numbers_that_cannot_be_are_refused(self):
        for dollars in ("-1", "nan", "inf", "1e300", "five"):
            self.assertIn("0 to 1000000 US dollars",
                          self.errors("cost", "s3://records/", f"--price-put={dollars}", store=None,
                                      expect=2))
        ledger = "immukv+s3://records/"
        self.assertIn("up to 1000000000000000 are counted",
                      self.errors("cost", ledger, "--puts", 2**63, store=None, expect=2))
        self.assertIn("is 1 or more", self.errors("cost", ledger, "--puts-per-upload", 0,
                                                  store=None, expect=2))

    def test_a_command_that_asked_nobody_says_so(self):
        self.assertEqual(self.errors("put", "k", "v", "--cost", expect=0),
                         "no request was made to S3\n")
        cost = json.loads(self.errors("put", "k", "v", "--cost", "-o", "json", expect=0))["cost"]
        self.assertEqual(cost, {"requests": [], "puts": 0, "gets": 0, "free": 0, "microdollars": 0})


if __name__ == "__main__":
    main()
