#!/usr/bin/env python3
"""The program on the homes on S3: a ledger and bucket files, against the server that
tests/s3/with_moto.py starts."""

import base64
import contextlib
import fcntl
import http.client
import http.server
import json
import os
import signal
import subprocess
import threading
import urllib.parse
import urllib.request
import uuid

import boto3

from talea_cli import PROGRAM, SECONDS_MAX, Session, TaleaTest, environment, main, ndjson

ENDPOINT = os.environ["TALEA_S3_ENDPOINT"]
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
# Nothing of the machine's: neither its files nor the metadata of a cloud.
NO_CREDENTIALS = {name: "" for name in (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
    "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")}
NO_CREDENTIALS |= {"HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}

# Verbs of a store in a directory, with arguments that they take.
OF_A_DIRECTORY = (["expire", "k", "--never"], ["checkpoint"], ["rotate-key", "--data"],
                  ["backup", "./backups"], ["restore", "./backups"], ["users", "list"],
                  ["users", "unlock", "alice"], ["keys", "list"], ["keys", "issue"])


class Proxy(http.server.BaseHTTPRequestHandler):
    """Passes requests on to the server, but those that it refuses."""

    protocol_version = "HTTP/1.1"

    def refusal(self):
        """The status and the code of a refusal, or nothing."""
        return None

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        refusal = self.refusal()
        if refusal:
            self.answer(refusal[0], {}, f"<Error><Code>{refusal[1]}</Code></Error>".encode())
            return
        server = http.client.HTTPConnection(urllib.parse.urlsplit(ENDPOINT).netloc)
        with contextlib.closing(server):
            server.request(self.command, self.path, body, dict(self.headers))
            answer = server.getresponse()
            self.answer(answer.status, dict(answer.getheaders()), answer.read())

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on

    def answer(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                self.send_header(name, value)
        length = headers.get("Content-Length") if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class MayNotRemove(Proxy):
    def refusal(self):
        denied = self.command == "DELETE" or self.path.endswith("?delete=")
        return (403, "AccessDenied") if denied else None


class MayNotWrite(Proxy):
    def refusal(self):
        return (403, "AccessDenied") if self.command == "PUT" else None


class HasNoKey(Proxy):
    """The KMS key of the bucket is gone: a 400 for an object of one key."""

    def refusal(self):
        is_put = self.command == "PUT" and "keys" not in self.path
        return (400, "KMS.NotFoundException") if is_put else None


@contextlib.contextmanager
def served_by(handler):
    """The endpoint of such a server, on a port that is free."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        running = threading.Thread(target=server.serve_forever)
        running.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            running.join()


class S3Test(TaleaTest):
    scheme = ""
    bucket = "versioned"
    parameters = ""

    def setUp(self):
        super().setUp()
        self.prefix = f"{uuid.uuid4().hex}/"
        self.url = self.url_of(self.prefix)
        self.s3 = boto3.client(
            "s3", endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id="id",
            aws_secret_access_key="secret")

    def url_of(self, prefix, bucket=None, parameters=None):
        more = self.parameters if parameters is None else parameters
        return f"{self.scheme}://{bucket or self.bucket}/{prefix}?endpoint={ENDPOINT}{more}"

    def url_at(self, endpoint, parameters=""):
        return f"{self.scheme}://{self.bucket}/{self.prefix}?endpoint={endpoint}{parameters}"

    def run_talea(self, *arguments, store="home", env=None, **options):
        """As that of TaleaTest; the store is the home on S3 unless the test names another."""
        return super().run_talea(*arguments, store=self.url if store == "home" else store,
                                 env={**NO_CREDENTIALS, **CREDENTIALS, **(env or {})}, **options)

    def talea(self, *arguments, store="home", **options):
        return super().talea(*arguments, store=store, **options)

    def errors(self, *arguments, store="home", **options):
        return super().errors(*arguments, store=store, **options)

    def objects(self):
        """The names of what lies below the prefix, without it."""
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix)
        return [item["Key"][len(self.prefix):] for item in listed.get("Contents", [])]

    def body(self, name):
        return self.s3.get_object(Bucket=self.bucket, Key=self.prefix + name)["Body"].read()

    def put_body(self, name, body):
        self.s3.put_object(Bucket=self.bucket, Key=self.prefix + name, Body=body)

    def refusal(self, *arguments, expect=2, **options):
        """The message of a command that can never work, of one line and without a next step."""
        error = json.loads(self.errors("-o", "json", *arguments, expect=expect, **options))["error"]
        self.assertNotIn("\n", error["message"])
        if expect == 2:
            self.assertEqual(error["code"], "invalid_argument", arguments)
        return error["message"]

    def lines(self, *arguments, **options):
        return [json.loads(line) for line in
                self.talea(*arguments, "-o", "json", **options).splitlines()]

    def batch(self, *operations, expect=0):
        lines = "".join(json.dumps(one) + "\n" for one in operations).encode()
        return [json.loads(line) for line in self.talea("batch", stdin=lines, expect=expect).splitlines()]

    def keys(self, *arguments):
        return self.talea("scan", "--keys-only", *arguments).decode().split()


class BothHomes:
    """What is the same on the two."""

    def test_a_value_that_was_put_is_got(self):
        self.talea("put", "fruit/apple", '"red"')
        self.assertEqual(self.talea("get", "fruit/apple"), b'"red"')
        self.talea("get", "fruit/apple", "--out", "value")
        self.assertEqual((self.directory / "value").read_bytes(), b'"red"')
        self.assertEqual(self.json("get", "fruit/apple")["value"], '"red"')
        self.assertIn("no key 'none'", self.errors("get", "none", expect=1))
        self.assertEqual(self.talea("get", "none", "--out", "other", expect=1), b"")
        self.assertFalse((self.directory / "other").exists())

    def test_a_value_comes_from_a_file_or_a_pipe(self):
        (self.directory / "in").write_text("[1,2]")
        self.talea("put", "a", "@in")
        self.talea("put", "b", "-", stdin=b"[3]")
        self.assertEqual(self.talea("scan"), b"a\t[1,2]\nb\t[3]\n")

    def test_a_scan_is_of_a_range_in_order(self):
        self.import_rows({key: "1" for key in ("c", "b/2", "a", "b", "b/1")}, "-q")
        self.assertEqual(self.keys(), ["a", "b", "b/1", "b/2", "c"])
        self.assertEqual(self.keys("--reverse", "--limit", "2"), ["c", "b/2"])
        self.assertEqual(self.keys("--prefix", "b/"), ["b/1", "b/2"])
        self.assertEqual(self.keys("--start", "b", "--end", "b/2"), ["b", "b/1"])
        self.assertEqual([row["key"] for row in self.lines("scan", "--start", "b/2")], ["b/2", "c"])

    def test_an_export_can_be_imported(self):
        rows = {f"k{n:03}": json.dumps({"n": n, "text": "é"}) for n in range(60)}
        report = self.json("import", stdin=ndjson(rows))
        self.assertEqual((report["rows"], report["complete"]), (60, True))
        exported = self.talea("export")
        self.assertEqual({json.loads(line)["key"]: json.loads(json.loads(line)["value"])
                          for line in exported.splitlines()},
                         {key: json.loads(value) for key, value in rows.items()})
        self.talea("import", "-q", stdin=exported, store=self.url_of("copy-" + self.prefix))
        self.assertEqual(self.talea("export", store=self.url_of("copy-" + self.prefix)), exported)
        self.talea("import", "-q", stdin=exported, store="./local")
        self.assertEqual(self.talea("export", store="./local"), exported)
        self.assertEqual(self.json("export", "out.ndjson")["rows"], 60)
        self.assertEqual((self.directory / "out.ndjson").read_bytes(), exported)

    def test_a_bad_row_stops_an_import_or_is_left_out(self):
        bad = json.dumps({"key_base64": base64.b64encode(b"\xff").decode(), "value": "1"}).encode() + b"\n"
        lines = ndjson({"a": "1"}) + bad + ndjson({"b": "2"})
        errors = self.errors("import", stdin=lines, expect=4)
        self.assertIn("line 2: ", errors)
        self.assertIn("UTF-8", errors)
        self.assertIn("imported 1 rows", errors)
        self.assertEqual(self.keys(), ["a"])
        report = self.json("import", "--skip-bad", stdin=lines)
        self.assertEqual((report["rows"], report["skipped"]), (2, 1))
        self.assertEqual(self.keys(), ["a", "b"])
        expiring = json.dumps({"key": "c", "value": "1", "expires_at_ms": 32503053600000}).encode()
        self.assertIn("expires", self.errors("import", stdin=expiring, expect=4))

    def test_what_the_store_refuses_is_no_bad_line(self):
        self.talea("put", "a", "1")
        with served_by(HasNoKey) as endpoint:
            done = self.run_talea("import", "--skip-bad", "-o", "json", store=self.url_at(endpoint),
                                  stdin=ndjson({"b": "1", "c": "1"}))
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn(b"KMS.NotFoundException", done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual((report["rows"], report["skipped"], report["complete"]), (0, 0, False))
        self.assertEqual(self.keys(), ["a"])

    def test_what_is_of_a_store_in_a_directory_is_refused(self):
        self.talea("put", "k", "1")
        before = self.objects()
        for arguments in OF_A_DIRECTORY:
            self.assertIn("store in a directory", self.refusal(*arguments), arguments)
        for option in (["--ttl", "5m"], ["--expires-at", "2999-01-01T00:00:00Z"], ["--keep-ttl"]):
            self.assertIn("expires", self.refusal("put", "k", "2", *option))
        self.assertIn("the past", self.refusal("--retain", "all", "put", "k", "2"))
        (self.directory / "master.key").write_bytes(b"k" * 32)
        os.chmod(self.directory / "master.key", 0o600)
        self.assertIn("kms_key_id", self.refusal("--key-file", "master.key", "put", "k", "2"))
        self.assertEqual(self.objects(), before)
        self.assertEqual(self.talea("get", "k"), b"1")

    def test_what_is_missing_is_no_missing_key(self):
        for arguments in (["get", "k"], ["scan"], ["export"], ["stats"], ["verify"]):
            self.errors(*arguments, expect=4)
        self.assertEqual(self.objects(), [])
        missing = self.url_of("p/", bucket="no-such-bucket")
        for arguments in (["get", "k"], ["put", "k", "1"], ["scan"], ["verify"], ["stats"]):
            errors = self.errors(*arguments, store=missing, expect=4)
            self.assertIn("NoSuchBucket", errors)
            self.assertIn("make the bucket", errors)

    def test_without_credentials_it_says_where_they_are_looked_for(self):
        errors = self.errors("get", "k", expect=4, env=NO_CREDENTIALS)
        self.assertIn("next: give credentials", errors)
        self.assertIn("AWS_ACCESS_KEY_ID", errors)
        self.assertIn("docs/guide/s3.md", errors)

    def test_credentials_that_the_store_does_not_know_are_refused(self):
        self.talea("put", "k", "1")
        self.demand_known_credentials("0")
        self.addCleanup(self.demand_known_credentials, "inf")
        for arguments in (["get", "k"], ["put", "k", "2"], ["scan"]):
            error = json.loads(self.errors("-o", "json", *arguments, expect=4))["error"]
            self.assertIn(error["code"], ("unauthenticated", "denied"), error)
            self.assertIn("docs/guide/s3.md", error["next"])

    @staticmethod
    def demand_known_credentials(after):
        request = urllib.request.Request(ENDPOINT + "/moto-api/reset-auth", data=after.encode(),
                                         headers={"Content-Type": "text/plain"}, method="POST")
        with urllib.request.urlopen(request) as answer:
            answer.read()

    def test_urls_that_cannot_be_are_refused_without_their_secrets(self):
        for url in (f"{self.scheme}://AKID:s3cret@records/app/",
                    f"{self.scheme}://records/app/?secret_access_key=s3cret"):
            message = self.refusal("get", "k", store=url)
            self.assertNotIn("s3cret", message)
        for url in (f"{self.scheme}://b/p?s3cret", "rocksdb://user:s3cret@host/db",
                    "memory://user:s3cret@host"):
            self.assertNotIn("s3cret", self.refusal("get", "k", store=url))
        self.assertIn("endpoint, region, profile",
                      self.refusal("get", "k", store=f"{self.scheme}://b/p?regions=x"))
        self.assertIn("BUCKET/PREFIX", self.refusal("get", "k", store=f"{self.scheme}:b/p"))

    def test_a_command_that_is_shown_can_be_typed(self):
        self.talea("put", "k", "1")
        errors = self.errors("get", "none", expect=1)
        self.assertIn(f"talea -s '{self.url}' scan --keys-only", errors)

    def test_a_prefix_is_taken_as_it_is(self):
        bare = self.prefix.rstrip("/")
        self.talea("put", "k", "1")
        self.talea("put", "k", "2", store=self.url_of(bare))
        self.assertEqual(self.talea("get", "k"), b"1")
        self.assertEqual(self.talea("get", "k", store=self.url_of(bare)), b"2")
        self.talea("put", "k", "3", store=self.url_of(bare + "%20%3F/"))
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=bare + " ?/")
        self.assertGreater(listed["KeyCount"], 0)

    def test_the_environment_may_name_the_store(self):
        self.talea("put", "k", "1", store=None, env={"TALEA_STORE": self.url})
        self.assertEqual(self.talea("get", "k"), b"1")

    def test_a_session_answers_when_it_is_done(self):
        session = Session(self.directory, store=self.url, env=NO_CREDENTIALS | CREDENTIALS)
        try:
            self.assertIn("sequence", session.ask({"op": "put", "key": "a", "value": "1"}))
            self.assertEqual(self.talea("get", "a"), b"1")  # another process sees it
            self.assertEqual(session.ask({"op": "get", "key": "a"})["value"], "1")
            self.assertEqual(session.ask({"op": "get", "key": "none"}), {"value": None})
            self.assertEqual(session.ask({"op": "stats"})["stats"]["keys"], 1)
            error = session.ask({"op": "expire", "key": "a", "ttl_ms": 1000})["error"]
            self.assertIn("store in a directory", error["message"])
            error = session.ask({"op": "put", "key": "a", "value": "1", "ttl_ms": 1000})["error"]
            self.assertIn("expires", error["message"])
        finally:
            code, _ = session.close()
        self.assertEqual(code, 4)


class LedgerHome(BothHomes, S3Test):
    scheme = "immukv+s3"

    def test_writes_are_numbered_from_zero(self):
        self.assertEqual(self.json("put", "k", "1"), {"sequence": 0})
        self.assertEqual(self.json("put", "k", "2"), {"sequence": 1})
        self.assertEqual(self.json("get", "k"), {"key": "k", "value": "2", "revision": 1})
        self.assertEqual(self.lines("scan"), [{"key": "k", "value": "2", "revision": 1}])
        self.assertIn("_log.json", self.objects())
        self.assertIn("keys/k.json", self.objects())

    def test_a_value_that_is_not_json_is_refused_with_how_to_quote(self):
        for value in ("red", "", "{a:1}", "NaN"):
            message = self.refusal("put", "k", value)
            self.assertIn("JSON", message)
            self.assertIn("""'"red"'""", message)
        self.assertEqual(self.objects(), [])
        lines = ndjson({"a": "1", "b": "red", "c": "3"})
        self.assertIn("line 2: ", self.errors("import", stdin=lines, expect=4))
        self.assertEqual(self.keys(), ["a"])
        report = self.json("import", "--skip-bad", stdin=lines)
        self.assertEqual((report["rows"], report["skipped"], report["keys"]), (2, 1, None))

    def test_a_key_that_s3_cannot_hold_is_refused_with_all_lengths(self):
        room = 1024 - len(self.prefix) - len("keys/") - len(".json")
        self.talea("put", "k" * room, "1")
        message = self.refusal("put", "k" * (room + 1), "1")
        for length in (room + 1, len(self.prefix), 1025, 1024):
            self.assertIn(str(length), message)
        self.assertIn("control character", self.refusal("put", "a\nb", "1"))
        base64_key = base64.b64encode(b"\xff").decode()
        self.assertIn("UTF-8", self.refusal("put", "--key-base64", base64_key, "1"))
        self.assertIn("control character", self.refusal("get", "a\x7f"))

    def test_nothing_is_removed(self):
        self.talea("put", "k", "1")
        for arguments in (["delete", "k"], ["delete", "--must-exist", "none"]):
            message = self.refusal(*arguments)
            self.assertIn("keeps every value for ever", message)
            self.assertIn("null", message)
        self.assertEqual(self.talea("get", "k"), b"1")

    def test_conditions_hold_or_nothing_is_written(self):
        self.talea("put", "k", "1", "--if-absent")
        self.assertIn("has an entry", self.errors("put", "k", "2", "--if-absent", expect=1))
        self.talea("put", "k", "2", "--if-revision", "0")
        self.errors("put", "k", "3", "--if-revision", "0", expect=1)
        self.assertEqual(self.talea("get", "k"), b"2")

    def test_the_past_is_there(self):
        for value in ("1", "22", "null"):
            self.talea("put", "k", value)
        self.talea("put", "other", "1")
        history = self.lines("history", "k")
        self.assertEqual([(one["sequence"], one["op"], one["value_bytes"]) for one in history],
                         [(2, "put", 4), (1, "put", 2), (0, "put", 1)])
        self.assertEqual([one["sequence"] for one in self.lines("history", "k", "--limit", "1")], [2])
        self.assertEqual([one["sequence"] for one in self.lines("history", "k", "--before", "2")],
                         [1, 0])
        self.assertRegex(self.talea("history", "k").decode(), r"^2\t\d{4}-.*Z\tput\t4 bytes\n")
        self.assertIn("scan --keys-only", self.errors("history", "none", expect=1))
        self.assertEqual(self.talea("get", "k", "--at", "0"), b"1")
        self.assertEqual(self.talea("get", "k", "--at", "1"), b"22")
        self.assertEqual(self.talea("scan", "--at", "1"), b"k\t22\n")
        self.assertEqual(self.talea("get", "k", "--at", "2999-01-01T00:00:00Z"), b"null")
        self.errors("get", "k", "--at", "2001-01-01T00:00:00Z", expect=1)
        self.assertIn("yet to come", self.refusal("get", "k", "--at", "9"))

    def test_changes_are_the_log_in_its_order(self):
        for key, value in (("a", "1"), ("b", "2"), ("a", "3")):
            self.talea("put", key, value)
        self.assertEqual(self.talea("changes"), b"0\tput\ta\t1\n1\tput\tb\t2\n2\tput\ta\t3\n")
        self.assertEqual(self.talea("changes", "--after", "0", "--prefix", "a"), b"2\tput\ta\t3\n")
        self.assertEqual(self.talea("changes", "--limit", "1"), b"0\tput\ta\t1\n")
        first = self.lines("changes")[0]
        self.assertGreater(first.pop("time_ms"), 0)
        self.assertEqual(first, {"sequence": 0, "op": "put", "key": "a", "value": "1"})
        self.assertIn("--old-values", self.refusal("changes", "--old-values"))

    def test_an_array_is_refused_and_lines_are_entries(self):
        answers = self.batch(
            {"op": "put", "key": "a", "value": "1", "if_absent": True},
            [{"op": "put", "key": "b", "value": "1"}, {"op": "put", "key": "c", "value": "1"}],
            {"op": "delete", "key": "a"},
            {"op": "put", "key": "a", "value": "red"},
            {"op": "put", "key": "a", "value": "2", "if_revision": 0},
            {"op": "put", "key": "a", "value": "3", "if_absent": True},
            {"op": "get", "key": "a"}, expect=4)
        self.assertEqual(answers[0], {"sequence": 0})
        self.assertIn("no batches", answers[1]["error"]["message"])
        self.assertIn("null", answers[2]["error"]["message"])
        self.assertIn("JSON", answers[3]["error"]["message"])
        self.assertEqual(answers[4], {"sequence": 1})
        self.assertEqual(answers[5]["error"]["code"], "conflict")
        self.assertEqual(answers[6], {"value": "2", "revision": 1})
        self.assertEqual(self.keys(), ["a"])

    def test_stats_tell_the_head(self):
        self.talea("put", "a", "1")
        self.talea("put", "b", "2")
        stats = self.json("stats")
        newest = json.loads(self.body("_log.json"))
        self.assertEqual((stats["keys"], stats["last_sequence"], stats["last_key"], stats["head"]),
                         (2, 1, "b", newest["hash"]))
        self.assertRegex(self.talea("stats").decode(), r"last sequence +1\n")

    def test_verify_finds_what_was_changed(self):
        for key in ("a", "b", "c"):
            self.talea("put", key, "1")
        report = self.json("verify")
        self.assertEqual((report["entries"], report["keys"], report["findings"]), (3, 3, []))
        self.assertEqual(report["head"], json.loads(self.body("_log.json"))["hash"])
        self.assertIn("no damage found", self.talea("verify").decode())
        self.assertEqual(self.talea("verify", "--quiet"), b"")

        changed = self.body("keys/b.json").replace(b'"value":1', b'"value":2')
        self.put_body("keys/b.json", changed)
        done = self.run_talea("verify")
        self.assertEqual(done.returncode, 3)
        self.assertRegex(done.stdout.decode(), r"(?m)^b 1 key_object_differs: ")
        self.assertIn("repair", done.stderr.decode())
        found = json.loads(self.talea("verify", "-o", "json", expect=3))["findings"]
        self.assertEqual((found[0]["place"], found[0]["sequence"]), ("b", 1))

    def test_repair_writes_objects_that_lag(self):
        self.talea("put", "a", "1")
        self.talea("put", "a", "2")
        self.s3.delete_object(Bucket=self.bucket, Key=self.prefix + "keys/a.json")
        self.talea("verify", "-q", expect=3)
        report = self.json("repair")
        self.assertEqual(report["objects_written"], 2)  # one for each entry, in their order
        self.talea("verify", "-q")
        self.assertEqual(self.talea("get", "a"), b"2")
        self.assertIn("NEW_STORE", self.refusal("repair", "./new"))
        self.errors("repair", expect=4, store=self.url_of("none-" + self.prefix))

    def test_repair_writes_objects_of_older_entries(self):
        for key in ("a", "b", "c"):
            self.talea("put", key, "1")
        self.s3.delete_object(Bucket=self.bucket, Key=self.prefix + "keys/a.json")
        self.assertIn("a 0 key_object_missing", self.talea("verify", expect=3).decode())
        self.assertEqual(self.json("repair"),
                         {"entries_examined": 3, "objects_written": 1, "complete": True})
        self.talea("verify", "-q")

    def test_a_repair_says_where_it_stopped(self):
        for key in ("a", "b"):
            self.talea("put", key, "1")
        self.expire("a")
        self.assertIn("stopped at entry 1", self.errors("repair", expect=0))
        self.assertFalse(self.json("repair")["complete"])

    def expire(self, key):
        """Removes the entries of the key from the log."""
        name = self.prefix + "_log.json"
        for one in self.s3.list_object_versions(Bucket=self.bucket, Prefix=name)["Versions"]:
            at = {"Bucket": self.bucket, "Key": name, "VersionId": one["VersionId"]}
            if json.loads(self.s3.get_object(**at)["Body"].read())["key"] == key:
                self.s3.delete_object(**at)

    def test_what_expired_of_the_log_is_told(self):
        for key in ("a", "b", "c", "d"):
            self.talea("put", key, "1")
        self.expire("a")
        self.expire("b")
        told = self.errors("changes", expect=4)
        self.assertIn("entries 0 to 1", told)
        self.assertIn("--after 1", told)
        self.errors("changes", "--after", "0", expect=4)
        self.assertEqual(self.talea("changes", "--after", "1"), b"2\tput\tc\t1\n3\tput\td\t1\n")
        self.assertIn("oldest entry is 2", self.errors("get", "c", "--at", "1", expect=4))
        self.assertIn("oldest entry is 2", self.errors("scan", "--at", "0", expect=4))
        self.errors("get", "d", "--at", "2", expect=1)

    def test_a_key_that_is_committed_is_in_a_scan(self):
        self.talea("put", "a", "1")
        self.talea("put", "b", "2")
        self.s3.delete_object(Bucket=self.bucket, Key=self.prefix + "keys/b.json")
        self.assertEqual(self.talea("scan"), b"a\t1\nb\t2\n")
        self.assertEqual(len(self.talea("export").splitlines()), 2)
        self.assertEqual(self.json("stats")["keys"], 2)

    def test_verify_names_no_entry_that_it_does_not_know(self):
        self.talea("put", "a", "1")
        self.put_body("keys/b.json", b"nonsense")
        self.assertRegex(self.talea("verify", expect=3).decode(), r"(?m)^b - key_object_damaged: ")
        found = json.loads(self.talea("verify", "-o", "json", expect=3))["findings"]
        self.assertEqual((found[0]["place"], found[0]["sequence"]), ("b", None))

    def test_a_damaged_object_is_damage(self):
        self.talea("put", "a", "1")
        self.talea("put", "b", "1")
        self.put_body("keys/a.json", b"nonsense")
        errors = self.errors("get", "a", expect=3)
        self.assertIn("verify", errors)
        self.errors("scan", expect=3)

    def test_a_bucket_without_versions_is_refused(self):
        plain = self.url_of(self.prefix, bucket="plain")
        error = json.loads(self.errors("put", "k", "1", "-o", "json", store=plain, expect=4))["error"]
        self.assertEqual(error["code"], "unsupported")
        self.assertIn("version", error["message"])
        self.assertIn("talea doctor", error["next"])

    def test_what_it_has_no_use_for_is_refused(self):
        self.talea("put", "k", "1")
        for arguments in (["compact"], ["segments"]):
            self.assertIn("a ledger", self.refusal(*arguments))
        self.assertIn("bucket files", self.refusal("gc"))

    def test_reading_writes_nothing(self):
        self.talea("put", "a", "1")
        self.s3.delete_object(Bucket=self.bucket, Key=self.prefix + "keys/a.json")
        before = self.versions()
        self.assertEqual(self.talea("get", "a"), b"1")
        for arguments in (["scan"], ["export"], ["stats"], ["history", "a"], ["changes"]):
            self.talea(*arguments)
        self.talea("verify", expect=3)
        self.assertEqual(self.versions(), before)

    def versions(self):
        listed = self.s3.list_object_versions(Bucket=self.bucket, Prefix=self.prefix)
        return sorted((one["Key"], one["VersionId"]) for one in
                      listed.get("Versions", []) + listed.get("DeleteMarkers", []))

    def test_a_hash_profile_says_whose_clients_read_it(self):
        typescript = self.url_of(self.prefix, parameters="&hash_profile=typescript")
        self.talea("put", "k", "1.0", store=typescript)
        self.assertEqual(self.talea("get", "k"), b"1")
        self.refusal("put", "k", "9007199254740993", store=typescript)
        self.talea("verify", "-q")


class BucketFiles(BothHomes, S3Test):
    scheme = "s4db+s3"
    bucket = "plain"

    def test_a_write_is_in_the_bucket_when_the_command_ends(self):
        self.assertEqual(self.json("put", "k", "red"), {"sequence": None})
        self.assertEqual(self.json("get", "k"), {"key": "k", "value": "red"})
        self.assertEqual(self.lines("scan"), [{"key": "k", "value": "red"}])
        self.assertIn("index.idx", self.objects())
        self.assertIn("data_000001.s4db", self.objects())
        self.talea("put", "", "of the empty key")
        self.assertEqual(self.talea("get", ""), b"of the empty key")

    def test_a_key_is_deleted(self):
        self.talea("put", "k", "1")
        self.assertEqual(self.json("delete", "k"), {"sequence": None})
        self.talea("delete", "k")
        self.assertIn("no key 'k'", self.errors("delete", "--must-exist", "k", expect=1))
        self.errors("get", "k", expect=1)

    def test_there_are_no_conditions(self):
        for arguments in (["put", "k", "1", "--if-absent"], ["put", "k", "1", "--if-revision", "1"],
                          ["delete", "k", "--if-revision", "1"]):
            self.assertIn("no conditions", self.refusal(*arguments))
        self.assertEqual(self.objects(), [])

    def test_there_is_no_past(self):
        self.talea("put", "k", "1")
        for arguments in (["history", "k"], ["changes"], ["get", "k", "--at", "1"],
                          ["scan", "--at", "2026-01-01T00:00:00Z"]):
            self.assertIn("no past", self.refusal(*arguments))

    def test_bytes_need_version_2(self):
        (self.directory / "bytes").write_bytes(b"\x00\xff")
        message = self.refusal("put", "k", "@bytes")
        self.assertIn("?format=v2", message)
        second = self.url_of("v2-" + self.prefix, parameters="&format=v2")
        self.talea("put", "k", "@bytes", store=second)
        self.assertEqual(self.talea("get", "k", store=second), b"\x00\xff")
        # A database keeps what it was made with.
        self.talea("put", "l", "@bytes", store=self.url_of("v2-" + self.prefix))
        self.assertEqual(self.json("stats", store=second)["format"], 2)

    def test_a_key_that_is_too_long_or_no_text_is_refused(self):
        self.assertIn("65535", self.refusal("put", "k" * 65536, "1"))
        base64_key = base64.b64encode(b"\xff").decode()
        self.assertIn("UTF-8", self.refusal("put", "--key-base64", base64_key, "1"))
        self.talea("put", "a\nb", "1")
        self.assertEqual(self.lines("scan")[0]["key"], "a\nb")

    def test_an_array_is_one_upload(self):
        answers = self.batch(
            [{"op": "put", "key": "a", "value": "1"}, {"op": "put", "key": "b", "value": "2"},
             {"op": "delete", "key": "a"}],
            {"op": "put", "key": "c", "value": "3", "if_absent": True},
            [{"op": "put", "key": "c", "value": "3", "if_absent": True}],
            {"op": "delete", "key": "none", "if_present": True},
            {"op": "delete", "key": "b", "if_present": True},
            {"op": "get", "key": "b"}, expect=4)
        self.assertEqual(answers[0], {"sequence": None})
        self.assertIn("no conditions", answers[1]["error"]["message"])
        self.assertEqual(answers[2]["error"]["code"], "invalid_argument")
        self.assertEqual(answers[3]["error"]["code"], "conflict")
        self.assertEqual(answers[4:], [{"sequence": None}, {"value": None}])
        self.assertEqual(self.keys(), [])

    def test_a_directory_keeps_what_is_not_uploaded(self):
        url = self.url_of(self.prefix, parameters="&directory=mirror")
        self.errors("get", "k", store=url, expect=4)
        self.assertFalse((self.directory / "mirror").exists())
        self.talea("put", "k", "1", store=url)
        self.assertTrue((self.directory / "mirror").is_dir())
        self.assertEqual(self.talea("get", "k"), b"1")
        self.assertEqual(self.talea("get", "k", store=url), b"1")
        self.assertEqual(self.json("stats", store=url)["pending_writes"], 0)
        self.talea("put", "k", "2", store=url)
        self.assertEqual(self.talea("export"), self.talea("export", store=url))

    def test_a_write_that_a_directory_keeps_is_not_reported_as_not_done(self):
        self.talea("put", "a", "1")
        with served_by(MayNotWrite) as endpoint:
            kept = self.url_at(endpoint, "&directory=mirror")
            error = json.loads(self.errors("put", "b", "1", "-o", "json", store=kept, expect=4))["error"]
            self.assertEqual(error["code"], "timed_out")
            self.assertIn("AccessDenied", error["message"])
            self.assertIn("kept in the directory", error["message"])
            self.assertIn("import < /dev/null", error["next"])
            done = self.run_talea("import", "-o", "json", store=kept, stdin=ndjson({"c": "1", "d": "1"}))
            self.assertEqual(done.returncode, 4)
            report = json.loads(done.stdout)
            self.assertEqual((report["rows"], report["rows_pending"], report["complete"]), (0, 2, False))
            self.assertEqual(json.loads(done.stderr)["error"]["code"], "timed_out")
            # Without a directory it is not done.
            gone = self.url_at(endpoint)
            error = json.loads(self.errors("put", "x", "1", "-o", "json", store=gone, expect=4))["error"]
            self.assertEqual(error["code"], "denied")
            self.assertIn("2 more could not be uploaded", self.errors(
                "import", store=gone, stdin=ndjson({"x": "1", "y": "1"}), expect=4))
        self.assertEqual(self.keys(), ["a"])
        self.talea("import", "-q", store=self.url_of(self.prefix, parameters="&directory=mirror"))
        self.assertEqual(self.keys(), ["a", "b", "c", "d"])

    def test_an_interruption_is_told_also_when_the_upload_fails(self):
        with served_by(MayNotWrite) as endpoint:
            process = subprocess.Popen(
                [PROGRAM, "-s", self.url_at(endpoint, "&directory=mirror"), "import", "-o", "json"],
                cwd=self.directory, env=environment() | NO_CREDENTIALS | CREDENTIALS,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            # More than a pipe holds: when all is written, the program is reading.
            process.stdin.write(ndjson({f"{n:06}": "x" * 100 for n in range(10000)}))
            process.stdin.flush()
            process.send_signal(signal.SIGINT)
            report = json.loads(process.stdout.read())
            error = json.loads(process.stderr.read())["error"]
            process.stdin.close()
            self.assertEqual(process.wait(SECONDS_MAX), 130)
            process.stdout.close()
            process.stderr.close()
        self.assertEqual(report["rows"], 0)
        self.assertGreater(report["rows_pending"], 0)
        self.assertEqual(error["code"], "cancelled")
        self.assertIn("AccessDenied", error["message"])
        self.talea("import", "-q", store=self.url_of(self.prefix, parameters="&directory=mirror"))
        self.assertEqual(len(self.keys()), report["rows_pending"])

    def test_a_session_forgets_what_it_could_not_upload(self):
        refuses = threading.Event()

        class Sometimes(MayNotWrite):
            def refusal(self):
                return super().refusal() if refuses.is_set() else None

        with served_by(Sometimes) as endpoint:
            session = Session(self.directory, store=self.url_at(endpoint),
                              env=NO_CREDENTIALS | CREDENTIALS)
            try:
                self.assertIn("sequence", session.ask({"op": "put", "key": "a", "value": "1"}))
                refuses.set()
                error = session.ask({"op": "put", "key": "b", "value": "1"})["error"]
                self.assertEqual(error["code"], "denied")
                refuses.clear()
                self.assertEqual(session.ask({"op": "get", "key": "b"}), {"value": None})
                self.assertIn("sequence", session.ask({"op": "put", "key": "c", "value": "1"}))
            finally:
                session.close()
        self.assertEqual(self.keys(), ["a", "c"])

    def test_a_session_deletes_and_gets_what_others_put(self):
        session = Session(self.directory, store=self.url, env=NO_CREDENTIALS | CREDENTIALS)
        try:
            self.assertEqual(session.ask({"op": "get", "key": "a"}), {"value": None})
            self.talea("put", "a", "1")
            self.assertEqual(session.ask({"op": "get", "key": "a"}), {"value": "1"})
            self.talea("put", "b", "1")
            self.assertEqual(session.ask({"op": "delete", "key": "b"}), {"sequence": None})
            self.talea("put", "c", "1")
            self.assertEqual(session.ask([{"op": "delete", "key": "c"}]), {"sequence": None})
            self.talea("put", "d", "1")
            self.assertEqual(session.ask({"op": "delete", "key": "d", "if_present": True}),
                             {"sequence": None})
        finally:
            session.close()
        self.assertEqual(self.keys(), ["a"])

    def test_others_who_write_too_are_no_failed_condition(self):
        self.talea("put", "a", "1")

        class OthersCommit(Proxy):
            """Somebody else is always first."""

            def refusal(proxy):  # self is the test
                if proxy.command == "PUT" and "index.idx" in proxy.path:
                    self.talea("put", "other", uuid.uuid4().hex)

        with served_by(OthersCommit) as endpoint:
            for arguments in (["put", "b", "1"], ["compact", "--grace", "0"]):
                error = json.loads(self.errors("-o", "json", *arguments, store=self.url_at(endpoint),
                                               expect=4))["error"]
                self.assertEqual(error["code"], "unavailable", arguments)
                self.assertIn("others committed", error["message"])
        self.assertEqual(self.keys(), ["a", "other"])

    def mirror_contents(self):
        found = {}
        for path in [self.directory / "mirror", *sorted((self.directory / "mirror").iterdir())]:
            status = path.stat()
            found[path.name] = (path.read_bytes() if path.is_file() else None, status.st_mtime_ns,
                                status.st_ctime_ns)
        return found

    def test_reading_changes_nothing_in_a_directory_and_shares_it(self):
        url = self.url_of(self.prefix, parameters="&directory=mirror")
        self.talea("put", "a", "1", store=url)
        with served_by(MayNotWrite) as endpoint:
            self.errors("put", "b", "2", store=self.url_at(endpoint, "&directory=mirror"), expect=4)
        with open(self.directory / "mirror" / "talea.journal", "ab") as journal:
            journal.write(b"torn")
        for n in range(3):
            self.talea("put", "c", str(n))
        before = self.mirror_contents()
        with open(self.directory / "mirror" / "talea.lock", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)  # as another reader
            for arguments in (["get", "a"], ["get", "b"], ["scan"], ["export"], ["stats"],
                              ["segments"], ["verify"]):
                self.talea(*arguments, store=url)
            told = self.errors("put", "d", "1", store=url, expect=4)
            self.assertIn("next: wait until that process is done", told)
        self.assertEqual(self.mirror_contents(), before)
        self.talea("put", "d", "1", store=url)
        self.assertEqual(self.keys(), ["a", "b", "c", "d"])

    def test_a_refused_command_makes_no_directory_and_asks_nobody(self):
        nobody = f"{self.scheme}://b/p?endpoint=http://127.0.0.1:1&directory=mirror"
        for arguments in (["put", "k", "1", "--ttl", "5m"], ["put", "k", "1", "--if-absent"],
                          ["delete", "k", "--if-revision", "1"], ["history", "k"], ["changes"],
                          ["get", "k", "--at", "1"], ["gc", "--grace", "soon"],
                          ["compact", "--grace", "soon"]):
            self.refusal(*arguments, store=nobody)
        mistyped = self.url_of("none-" + self.prefix, parameters="&directory=mirror")
        for verb in ("compact", "gc", "repair"):
            self.errors(verb, expect=4, store=mistyped)
        self.assertFalse((self.directory / "mirror").exists())

    def test_a_damaged_journal_is_named(self):
        url = self.url_of(self.prefix, parameters="&directory=mirror")
        self.talea("put", "k", "0")
        with served_by(MayNotWrite) as endpoint:
            self.errors("put", "k", "1", store=self.url_at(endpoint, "&directory=mirror"), expect=4)
        journal = self.directory / "mirror" / "talea.journal"
        journal.write_bytes(b"damaged" + journal.read_bytes()[7:])
        for arguments in (["put", "k", "1"], ["get", "k"], ["repair"]):
            told = self.errors(*arguments, store=url, expect=3)
            self.assertIn("mirror/talea.journal", told)
            self.assertIn("Move this file away", told)
            self.assertNotIn("next:", told)
        journal.unlink()
        self.talea("put", "k", "2", store=url)

    def test_stats_and_segments_tell_what_is_there(self):
        self.talea("put", "a", "1")
        self.talea("put", "b", "2")
        stats = self.json("stats")
        self.assertEqual((stats["keys"], stats["format"], stats["pending_writes"]), (2, 1, 0))
        segments = self.json("segments")["segments"]
        self.assertEqual(sum(one["entries"] for one in segments), 2)
        self.assertTrue(all(one["file"].startswith("data_") for one in segments))
        self.assertIn("data_000001.s4db", self.talea("segments").decode())

    def test_compact_and_gc_remove_what_is_not_referred_to(self):
        for n in range(5):
            self.talea("put", "k", str(n))
        report = self.json("compact")
        self.assertEqual((report["keys"], report["files"]), (1, 1))
        self.assertEqual(self.talea("get", "k"), b"4")
        self.assertGreater(self.json("gc", "--grace", "24h")["files_left"], 0)
        report = self.json("gc", "--grace", "0")
        self.assertGreater(report["files_collected"], 0)
        self.assertEqual(self.json("gc", "--grace", "0"), {"files_collected": 0, "files_left": 0})
        self.assertEqual(len(self.json("segments")["segments"]), 1)
        self.assertEqual(self.talea("get", "k"), b"4")
        self.assertIn("7d", self.refusal("gc", "--grace", "a week"))
        self.assertIn("bucket files",
                      self.refusal("compact", "--grace", "1h", store="./local"))
        self.assertIn("compact", self.refusal("gc", store="./local"))
        self.errors("gc", expect=4, store=self.url_of("none-" + self.prefix))
        self.errors("compact", expect=4, store=self.url_of("none-" + self.prefix))

    def test_a_compaction_tells_that_it_may_not_remove_the_old_files(self):
        for n in range(3):
            self.talea("put", "k", str(n))
        with served_by(MayNotRemove) as endpoint:
            told = self.errors("compact", "--grace", "0", store=self.url_at(endpoint), expect=4)
        self.assertIn("compacted, but the old files stay", told)
        self.assertIn("gc", told)
        self.assertGreater(len(self.json("segments")["segments"]), 1)
        self.assertGreater(self.json("gc", "--grace", "0")["files_collected"], 0)
        self.assertEqual(len(self.json("segments")["segments"]), 1)
        self.assertEqual(self.talea("get", "k"), b"2")

    def test_verify_finds_entries_that_are_damaged(self):
        self.import_rows({f"k{n}": f"value of {n}" for n in range(20)}, "-q")
        report = self.json("verify")
        self.assertEqual((report["keys"], report["findings"]), (20, []))
        self.assertIn("no damage found", self.talea("verify").decode())
        name = self.json("segments")["segments"][0]["file"]
        self.put_body(name, self.body(name).replace(b"value of 7", b"value of 8"))
        done = self.run_talea("verify")
        self.assertEqual(done.returncode, 3)
        self.assertRegex(done.stdout.decode(), rf"(?m)^k7 .*{name}")
        self.assertIn("19 keys", done.stdout.decode())
        self.assertIn(" verify", self.errors("get", "k7", expect=3))
        self.talea("get", "k8")

    def test_a_data_file_that_is_missing_or_another_is_named(self):
        self.talea("put", "k", "1")
        name = self.json("segments")["segments"][0]["file"]
        whole = self.body(name)
        for spoil in (lambda: self.s3.delete_object(Bucket=self.bucket, Key=self.prefix + name),
                      lambda: self.put_body(name, b"x" * len(whole))):
            spoil()
            self.assertIn(name, self.errors("get", "k", expect=3))
            self.errors("verify", expect=3)
        self.put_body(name, whole)
        self.assertEqual(self.talea("get", "k"), b"1")

    def test_a_repair_over_damage_says_what_may_be_there(self):
        for value in ("old value", "new value"):
            self.talea("put", "k", value)
        name = self.json("segments")["segments"][-1]["file"]
        self.put_body(name, self.body(name).replace(b"new value", b"new walue"))
        self.s3.delete_object(Bucket=self.bucket, Key=self.prefix + "index.idx")
        done = self.run_talea("repair", "-o", "json")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertEqual(len(json.loads(done.stdout)["damage"]), 1)
        self.assertIn("older values", json.loads(done.stderr)["error"]["message"])
        self.talea("scan")

    def test_an_index_that_is_damaged_or_missing_is_made_anew(self):
        self.import_rows({"a": "1", "b": "2"}, "-q")
        self.talea("delete", "a")
        self.assertFalse(self.json("repair")["index_rebuilt"])
        for spoil in (lambda: self.put_body("index.idx", self.body("index.idx")[:-3]),
                      lambda: self.s3.delete_object(Bucket=self.bucket,
                                                    Key=self.prefix + "index.idx")):
            spoil()
            for arguments in (["get", "b"], ["scan"], ["put", "c", "1"], ["verify"]):
                self.assertIn(" repair", self.errors(*arguments, expect=3), arguments)
            report = self.json("repair")
            self.assertEqual((report["index_rebuilt"], report["keys_kept"], report["damage"]),
                             (True, 1, []))
            self.assertEqual(self.talea("scan"), b"b\t2\n")
        self.assertIn("nothing to mend", self.talea("repair").decode())
        self.assertIn("NEW_STORE", self.refusal("repair", "./new"))

    def test_an_import_that_fails_reports_no_rows(self):
        missing = self.url_of("p/", bucket="no-such-bucket")
        done = self.run_talea("import", "-o", "json", stdin=ndjson({"a": "1"}), store=missing)
        self.assertEqual((done.returncode, done.stdout), (4, b""))

    def test_reading_writes_nothing(self):
        self.talea("put", "a", "1")
        before = [(name, self.body(name)) for name in self.objects()]
        for arguments in (["get", "a"], ["scan"], ["export"], ["stats"], ["segments"], ["verify"]):
            self.talea(*arguments)
        self.assertEqual([(name, self.body(name)) for name in self.objects()], before)


class OtherHomes(TaleaTest):
    def test_memory_is_refused(self):
        self.assertIn("./data", self.errors("put", "k", "v", store="memory:", expect=2))

    def test_rocksdb_takes_the_verbs_of_every_home(self):
        done = self.run_talea("put", "k", "v", store="rocksdb:db")
        if done.returncode == 4 and b"RocksDB" in done.stderr:
            self.skipTest("a build without RocksDB")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.talea("put", "k", "w", "--if-revision", "1", "--ttl", "1h", store="rocksdb:db")
        self.errors("put", "k", "x", "--if-absent", store="rocksdb:db", expect=1)
        row = json.loads(self.talea("get", "k", "-o", "json", store="rocksdb:db"))
        self.assertGreater(row.pop("expires_at_ms"), 0)
        self.assertEqual(row, {"key": "k", "value": "w", "revision": 2})
        self.talea("import", "-q", store="rocksdb:db", stdin=ndjson({"a": b"\xff", "b": "2"}))
        self.talea("delete", "b", store="rocksdb:db")
        exported = self.talea("export", store="rocksdb:db")
        self.talea("import", "-q", store="./copy", stdin=exported)
        self.assertEqual(self.talea("export", store="./copy"), exported)
        self.talea("verify", "-q", store="rocksdb:db")
        self.assertEqual(json.loads(self.talea("stats", "-o", "json", store="rocksdb:db"))["keys"], 2)
        for arguments in (["history", "k"], ["get", "k", "--at", "1"], ["changes"]):
            self.assertIn("newest value", self.errors(*arguments, store="rocksdb:db", expect=2))
        for arguments in OF_A_DIRECTORY + (["compact"], ["segments"]):
            self.assertIn("store in a directory",
                          self.errors(*arguments, store="rocksdb:db", expect=2))
        self.assertIn("there is no store", self.errors("get", "k", store="rocksdb:none", expect=4))


if __name__ == "__main__":
    main()
