#!/usr/bin/env python3
"""The program on S3, against the server that tests/s3/with_moto.py starts: copies between stores of
every kind, and backups."""

import json
import subprocess
import uuid

import boto3

from s3_homes_test import CREDENTIALS, ENDPOINT, NO_CREDENTIALS
from talea_cli import PROGRAM, SECONDS_MAX, TaleaTest, environment, main, ndjson


class OnS3(TaleaTest):
    def setUp(self):
        super().setUp()
        self.place = uuid.uuid4().hex
        self.s3 = boto3.client("s3", endpoint_url=ENDPOINT, region_name="us-east-1",
                               aws_access_key_id="id", aws_secret_access_key="secret")

    def run_talea(self, *arguments, env=None, **options):
        return super().run_talea(*arguments, env={**NO_CREDENTIALS, **CREDENTIALS, **(env or {})},
                                 **options)

    def url(self, scheme, name, bucket="versioned"):
        return f"{scheme}://{bucket}/{self.place}/{name}/?endpoint={ENDPOINT}"

    def places(self):
        """One of each kind, where nothing is yet."""
        return [self.url("immukv+s3", "a-ledger"), self.url("s4db+s3", "some-files")]

    def objects(self, prefix, bucket="plain"):
        listed = self.s3.list_objects_v2(Bucket=bucket, Prefix=f"{self.place}/{prefix}")
        return [found["Key"].split("/", 2)[2] for found in listed.get("Contents", [])]

    def copy(self, *arguments, **options):
        report = self.json("copy", *arguments, store=None, **options)
        self.assertTrue(report["equal"], report)
        self.assertEqual(report["source"], report["destination"])
        return report

    def fill(self, store, count):
        rows = {f"key{i}": json.dumps({"n": i}) for i in range(count)}
        self.talea("--retain", "all", "import", stdin=ndjson(rows), store=store)

    def test_round_the_homes_and_back(self):
        self.fill("data", 30)
        places = ["data", self.url("s4db+s3", "files"), self.url("immukv+s3", "ledger"),
                  self.url("s4db+s3", "second") + "&format=v2", self.url("immukv+s3", "other"),
                  "last"]
        for source, destination in zip(places, places[1:]):
            self.assertEqual(self.copy(source, destination)["written"], 30)
            self.assertEqual(self.copy(source, destination)["skipped"], 30)
        self.assertEqual({key: json.loads(value) for key, value in self.rows("last").items()},
                         {key: json.loads(value) for key, value in self.rows("data").items()})

    def test_the_history_of_a_ledger_goes_where_it_is_kept(self):
        ledger, second = self.url("immukv+s3", "a"), self.url("immukv+s3", "b")
        for value in (1, 2, 3):
            self.talea("--retain", "all", "put", "k", value, store="data")
            self.talea("put", "other", value, store="data")
        report = self.copy("data", ledger)
        self.assertTrue(report["history"])
        self.assertEqual(report["written"], 6)
        self.assertTrue(self.copy(ledger, second)["history"])
        self.assertEqual(self.copy(second, "back", "--retain", "all")["source"]["entries"], 6)
        self.assertEqual(len(self.talea("history", "k", store="back").splitlines()), 3)
        self.talea("put", "k", "4", store="data")
        self.assertEqual(self.copy("data", ledger)["written"], 1)
        more = self.copy(ledger, second)
        self.assertEqual((more["written"], more["skipped"]), (1, 6))
        self.talea("delete", "k", store="data")
        self.assertIn("--latest", self.errors("copy", "data", ledger, store=None, expect=4))

    def test_an_empty_store_is_copied(self):
        self.talea("import", store="data")
        for scheme in ("immukv+s3", "s4db+s3"):
            self.assertEqual(self.copy("data", self.url(scheme, "empty"))["written"], 0)

    def test_what_a_ledger_cannot_hold_is_listed(self):
        self.talea("put", "text", "no JSON", store="data")
        self.talea("put", "ttl", "1", "--ttl", "1h", store="data")
        ledger = self.url("immukv+s3", "ledger")
        listed = json.loads(self.talea("copy", "data", ledger, "--check", "-o", "json", store=None,
                                       expect=1))
        self.assertEqual([obstacle["key"] for obstacle in listed["obstacles"]], ["text", "ttl"])
        self.assertEqual(self.objects("", "versioned"), [])
        self.assertIn("2 obstacles; nothing was written",
                      self.errors("copy", "data", ledger, "--check", store=None, expect=1))
        errors = self.errors("copy", "data", ledger, store=None, expect=4)
        self.assertIn("'text'", errors)
        self.assertIn("--check", errors)

    def test_any_bytes_go_into_a_ledger_and_back_and_nothing_is_lost(self):
        rows = {f"key{i}": f"value {i}" for i in range(20)} | {"bytes": b"\xff\x00", "json": "{}"}
        self.import_rows(rows, store="data")
        ledger = self.url("immukv+s3", "ledger")
        check = self.json("copy", "data", ledger, "--check", "--values", "to-json", store=None)
        self.assertEqual((check["obstacles"], check["source"]["entries"]), ([], 22))
        refused = self.errors("copy", "data", ledger, store=None, expect=4)
        self.assertIn("--values to-json", refused)
        there = self.copy("data", ledger, "--values", "to-json")
        self.assertEqual((there["written"], there["source"]), (22, check["source"]))
        self.copy(ledger, "back", "--values", "from-json")
        self.assertEqual(self.rows("back"), self.rows("data"))

    def test_a_key_that_expires_is_told_where_none_can(self):
        self.talea("put", "ttl", "1", "--ttl", "1h", store="data")
        for place in self.places():
            errors = self.errors("copy", "data", place, store=None, expect=4)
            self.assertIn("key 'ttl' cannot be copied: it expires", errors)
            self.assertIn("--check", errors)

    def test_other_keys_at_the_destination_are_refused_or_merged(self):
        self.fill("data", 3)
        for place in self.places():
            self.talea("put", "other", "1", store=place)
            before = self.rows(place)
            self.assertIn("'other'", self.errors("copy", "data", place, store=None, expect=1))
            self.assertEqual(self.rows(place), before)
            self.assertTrue(self.copy("data", place, "--merge", "--latest")["equal"])
            self.assertEqual(len(self.rows(place)), 4)

    def test_why_there_is_no_history_is_told(self):
        for value in ("1", "2"):
            self.talea("--retain", "all", "put", "k", value, store="data")
        report = self.copy("data", self.url("s4db+s3", "files"))
        self.assertEqual((report["history"], report["written"]), (False, 1))
        self.assertIn("without its past", report["remark"])
        self.assertIn("no past", self.errors("copy", "data", self.url("s4db+s3", "files"),
                                             "--history", store=None, expect=4))

    def test_what_is_not_there_is_named(self):
        for scheme in ("immukv+s3", "s4db+s3"):
            for source in (self.url(scheme, "none"), self.url(scheme, "x", bucket="no-such-bucket")):
                errors = self.errors("copy", source, "copy", store=None, expect=4)
                self.assertIn(source.split("://")[1].split("/")[0], errors)
        self.fill("data", 1)
        unknown = self.errors("copy", "data", self.url("s4db+s3", "files"), store=None, expect=4,
                              env={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""})
        self.assertIn("give credentials", unknown)

    def test_a_copy_that_is_killed_goes_on(self):
        self.fill("data", 300)
        for place in self.places():
            process = subprocess.Popen(
                [PROGRAM, "copy", "data", place], cwd=self.directory,
                env={**environment(), **NO_CREDENTIALS, **CREDENTIALS}, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE)
            # Its first object is there; or it ended before that was seen.
            while not self.objects(place.split("/")[4] + "/", "versioned") and process.poll() is None:
                pass
            process.kill()
            process.communicate(timeout=SECONDS_MAX)
            report = self.copy("data", place)
            self.assertEqual(report["written"] + report["skipped"], 300)
            self.assertEqual(len(self.rows(place)), 300)
            self.talea("verify", "-q", store=place)

    def test_one_place_on_s3_is_refused(self):
        place = self.url("s4db+s3", "files")
        self.assertIn("one place", self.errors("copy", place, place + "&directory=here", store=None,
                                               expect=2))

    def test_backups_on_s3_are_made_listed_restored_and_pruned(self):
        target = f"s3://plain/{self.place}/backups?endpoint={ENDPOINT}"
        large = bytes(range(256)) * 100_000  # in two parts
        self.talea("put", "large", "-", stdin=large, store="data")
        first = self.json("backup", target, store="data")
        self.assertEqual(first["files_copied"], first["files"])
        self.talea("put", "a", "2", store="data")
        second = self.json("backup", target, store="data")
        self.assertLess(second["bytes_copied"], second["bytes"])
        self.talea("put", "a", "3", store="data")
        listed = self.json("backups", target, "--verify", store=None)
        self.assertEqual([info["last_sequence"] for info in listed["backups"]], [1, 2])
        self.json("restore", target, store="newest")
        self.assertEqual(self.talea("get", "a", store="newest"), b"2")
        self.assertEqual(self.talea("get", "large", store="newest"), large)
        self.json("restore", target, "--at", "1", store="older")
        self.assertEqual(self.talea("get", "a", store="older", expect=1), b"")
        self.talea("verify", store="newest")
        left = self.json("backups", target, "--keep", "1", store=None)["backups"]
        self.assertEqual([info["last_sequence"] for info in left], [2])
        self.json("restore", target, store="again")
        self.assertEqual(self.talea("get", "a", store="again"), b"2")
        self.assertEqual(sum(name.endswith(".talea") for name in self.objects("backups/")), 1)

    def test_damage_of_a_backup_on_s3_is_named_and_makes_no_store(self):
        target = f"s3://plain/{self.place}/backups?endpoint={ENDPOINT}"
        self.talea("put", "a", "1", store="data")
        self.json("backup", target, store="data")
        name = next(name for name in self.objects("backups/") if name.endswith(".log"))
        self.s3.put_object(Bucket="plain", Key=f"{self.place}/backups/{name}", Body=b"other")
        self.assertIn(name, self.errors("restore", target, expect=3, store="copy"))
        self.assertFalse((self.directory / "copy" / "MANIFEST").exists())
        self.assertIn("make the bucket",
                      self.errors("backup", f"s3://none/x?endpoint={ENDPOINT}", expect=4,
                                  store="data"))
        self.assertIn("no backup", self.errors("restore", f"s3://plain/none?endpoint={ENDPOINT}",
                                               expect=4, store="copy"))

    def test_a_backup_that_is_killed_harms_none_and_the_next_is_whole(self):
        target = f"s3://plain/{self.place}/backups?endpoint={ENDPOINT}"
        self.talea("put", "a", "1", store="data")
        self.json("backup", target, store="data")
        for i in range(3):  # some objects of several parts
            self.talea("put", f"large{i}", "-", stdin=bytes(20_000_000), store="data")
        before = len(self.objects("backups/"))
        process = subprocess.Popen(
            [PROGRAM, "-s", "data", "backup", target], cwd=self.directory,
            env={**environment(), **NO_CREDENTIALS, **CREDENTIALS}, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        while len(self.objects("backups/")) == before and process.poll() is None:
            pass
        process.kill()
        process.communicate(timeout=SECONDS_MAX)
        listed = self.json("backups", target, "--verify", store=None)["backups"]
        self.assertEqual([listed[0]["last_sequence"], listed[-1].get("problem")], [1, None])
        self.json("backup", target, store="data")
        self.json("restore", target, store="copy")
        self.assertEqual(self.rows("copy"), self.rows("data"))

    def test_a_place_that_is_none_for_backups_is_usage(self):
        self.talea("put", "a", "1", store="data")
        for target in ("ftp://host/x", self.url("immukv+s3", "ledger"), "s3://", "s3:backups"):
            for command in (["backup", target], ["backups", target], ["restore", target]):
                self.assertIn("s3://BUCKET/PREFIX",
                              self.errors(*command, store="data", expect=2), command)


if __name__ == "__main__":
    main()
