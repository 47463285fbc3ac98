#!/usr/bin/env python3
"""Help, versions, and commands that cannot work."""

import json
import re
import subprocess

from talea_cli import TaleaTest, main

VERBS = ("put get delete expire scan batch import export stats segments verify compact "
         "checkpoint gc rotate-key").split()


class Usage(TaleaTest):
    def test_help_of_every_verb_shows_an_example(self):
        for verb in VERBS:
            text = self.talea(verb, "--help", store=None).decode()
            self.assertRegex(text, rf"Examples:\n(.*\n)*.*talea .*\b{verb}\b")
        self.assertRegex(self.talea("--help", store=None).decode(), r"Examples:\n  talea ")

    def test_help_lists_every_verb(self):
        text = self.talea("--help", store=None).decode()
        for verb in VERBS:
            self.assertRegex(text, rf"(?m)^  {verb} ")

    def test_version_is_a_number(self):
        self.assertRegex(self.talea("--version", store=None).decode(), r"^talea \d+\.\d+\.\d+\n$")

    def test_an_unknown_verb_names_the_near_ones(self):
        self.assertIn("did you mean scan?", self.errors("scna", expect=2))
        self.assertIn("export", self.errors("exprot", "file", expect=2))
        self.assertIn("segments", self.errors("seg", expect=2))
        self.assertIn("the verbs are: put get", self.errors("frobnicate", expect=2))

    def test_what_is_missing_or_unknown_is_a_usage_error(self):
        for arguments in [[], ["get"], ["put", "k"], ["get", "a", "b"], ["get", "--frob", "a"],
                          ["-o", "yaml", "stats"], ["--sync", "often", "stats"],
                          ["scan", "--limit", "many"], ["scan", "--limit", "-1"],
                          ["import", "--batch", "0"], ["put", "k", "v", "--if-revision", "x"],
                          ["get", "--key-base64", "!"], ["--segment-bytes", "5", "put", "k", "v"],
                          ["--verify-reads", "never", "put", "k", "v"],
                          ["--memory-budget", "1024", "put", "k", "v"],
                          ["--memory-budget", "much", "put", "k", "v"],
                          ["--compress-from", "31", "put", "k", "v"],
                          ["--compress-from", "1048577", "put", "k", "v"],
                          ["--compress-from=-1", "put", "k", "v"],
                          ["--compress-from", "4k", "put", "k", "v"], ["repair"], ["gc"],
                          ["gc", "--grace", "soon"], ["compact", "--grace", "1h"]]:
            errors = self.errors(*arguments, expect=2)
            self.assertRegex(errors, r"^talea: .", arguments)
        self.assertFalse((self.directory / "store").exists())

    def test_a_store_has_to_be_named(self):
        errors = self.errors("get", "k", store=None, expect=2)
        self.assertIn("TALEA_STORE", errors)

    def test_the_environment_names_the_store_and_the_option_wins(self):
        self.talea("put", "k", "from a", store="./a")
        self.talea("put", "k", "from b", store="./b")
        self.assertEqual(self.talea("get", "k", store=None, env={"TALEA_STORE": "./a"}), b"from a")
        self.assertEqual(self.talea("get", "k", store="./b", env={"TALEA_STORE": "./a"}), b"from b")

    def test_file_scheme_names_a_directory_and_others_are_refused(self):
        self.talea("put", "k", "v", store="file:store")
        self.assertEqual(self.talea("get", "k", store=f"file://{self.directory}/store"), b"v")
        errors = self.errors("get", "k", store="s3://bucket/store", expect=2)
        self.assertIn("'s3:'", errors)
        self.assertIn("file:PATH", errors)

    def test_memory_is_no_store_for_a_program_that_ends(self):
        for verb in (["put", "k", "v"], ["get", "k"], ["stats"]):
            self.assertIn("./data", self.errors(*verb, store="memory:", expect=2))

    def test_a_url_with_a_secret_is_refused_and_not_repeated(self):
        for store in ("immukv+s3://AKID:s3cret@records/app/", "s4db+s3://records/?token=s3cret"):
            errors = self.errors("get", "k", store=store, expect=2)
            self.assertNotIn("s3cret", errors)
            self.assertIn("credentials" if "@" in store else "endpoint, region", errors)

    def test_options_of_all_verbs_may_follow_the_verb(self):
        self.talea("put", "k", "v", "-s", "other", store=None)
        self.assertEqual(self.talea("get", "k", "--store=other", store=None), b"v")

    def test_errors_are_json_when_json_is_asked_for(self):
        for arguments, expect, code in [(["get", "absent"], 1, "not_found"),
                                        (["scna"], 2, "invalid_argument"),
                                        (["put", "", "v"], 2, "invalid_argument"),
                                        (["put", "k", "@missing"], 4, "not_found")]:
            self.talea("put", "k", "v")
            error = json.loads(self.errors("-o", "json", *arguments, expect=expect))["error"]
            self.assertEqual(error["code"], code)
            self.assertTrue(error["message"])

    def test_a_store_that_is_missing_does_not_look_like_a_missing_key(self):
        for verb in (["get", "k"], ["scan"], ["export"], ["stats"], ["segments"], ["verify"],
                     ["expire", "k", "--never"], ["compact"], ["checkpoint"]):
            self.assertIn("there is no store", self.errors(*verb, expect=4))
        self.assertFalse((self.directory / "store").exists())

    def test_a_directory_of_something_else_is_left_alone(self):
        (self.directory / "store").mkdir()
        (self.directory / "store" / "letter.txt").write_text("dear")
        self.assertIn("letter.txt", self.errors("put", "k", "v", expect=2))
        self.assertEqual([p.name for p in (self.directory / "store").iterdir()], ["letter.txt"])

    def test_output_that_cannot_be_written_is_a_failure(self):
        self.talea("put", "k", "v")
        with open("/dev/full", "wb") as full:
            for arguments in [["--help"], ["get", "k"], ["get", "k", "-o", "json"], ["scan"],
                              ["export"], ["stats"], ["segments"], ["verify"], ["compact"],
                              ["checkpoint"]]:
                errors = self.errors(*arguments, expect=4, stdout=full)
                self.assertIn("No space left", errors, arguments)
            operation = b'{"op":"get","key":"k"}\n'
            self.assertIn("No space left",
                          self.errors("batch", expect=4, stdin=operation, stdout=full))

    def test_a_reader_that_goes_away_ends_it_quietly(self):
        self.import_rows({f"{n:05}": "x" * 200 for n in range(5000)}, "-q")
        for verb in ("scan", "export"):
            command = self.start(verb)
            self.assertTrue(re.match(rb".", command.stdout.readline()))
            command.stdout.close()
            self.assertEqual(command.stderr.read(), b"")
            self.assertEqual(command.wait(), 141)
            command.stderr.close()

    def start(self, verb):
        from talea_cli import PROGRAM, environment
        return subprocess.Popen([PROGRAM, "-s", "store", verb], cwd=self.directory,
                                env=environment(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)


if __name__ == "__main__":
    main()
