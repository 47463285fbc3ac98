#!/usr/bin/env python3
"""`talea doctor` of places on S3: on a moto server, and on what answers like a store that refuses."""

import contextlib
import http.server
import json
import os
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))

from talea_cli import TaleaTest, main  # noqa: E402
from with_moto import client, running_moto  # noqa: E402

# The first version is read again once it has been replaced.
CHECKS = ["put", "versioning", "range", "put if absent", "put if matches, stale",
          "put if matches, current", "version ids", "list after write", "list of versions", "delete"]


def error(code, message="", extra=""):
    return (f"<Error><Code>{code}</Code><Message>{message}</Message>{extra}</Error>").encode()


class DoctorTest(TaleaTest):
    def environment(self, **more):
        """Nothing of this machine's but what a test gives."""
        unset = {name: "" for name in os.environ if name.startswith("AWS_")}
        return {**unset, "HOME": str(self.directory), "AWS_EC2_METADATA_DISABLED": "true",
                "no_proxy": "*", **more}

    def keys(self, **more):
        return self.environment(AWS_ACCESS_KEY_ID="id", AWS_SECRET_ACCESS_KEY="secret", **more)


class OnAStore(DoctorTest):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.endpoint = stack.enter_context(running_moto())

    def doctor(self, url, *arguments, expect=0):
        return self.talea("doctor", f"{url}?endpoint={self.endpoint}", *arguments, store=None,
                          env=self.keys(), expect=expect).decode()

    def test_a_store_that_takes_both(self):
        output = self.doctor("s3://versioned/app/")
        self.assertIn("\nimmukv+s3: yes\ns4db+s3: yes\n", output)
        for check in CHECKS:
            self.assertRegex(output, rf"(?m)^{check} +kept +\d")
        self.assertIn("immukv+s3 put of another key", output)
        left = client(self.endpoint).list_object_versions(Bucket="versioned")
        self.assertEqual((left.get("Versions"), left.get("DeleteMarkers")), (None, None))

    def test_one_that_keeps_no_versions(self):
        output = self.doctor("s3://plain/app/", expect=1)
        self.assertIn("immukv+s3: no: the bucket keeps no versions", output)
        self.assertIn("s4db+s3: yes\n", output)
        self.assertIn("s4db+s3: yes\n", self.doctor("s4db+s3://plain/app/"))
        self.assertNotIn("s4db", self.doctor("immukv+s3://plain/app/", expect=1))

    def test_json(self):
        report = json.loads(self.doctor("s3://plain/app/", "-o", "json", "--price-put", "6",
                                        expect=1))
        self.assertEqual(report["may_be_written"], False)
        self.assertEqual([check["name"] for check in report["checks"]], CHECKS)
        self.assertEqual(report["checks"][1]["verdict"], "missing")
        self.assertTrue(all(check["took_ns"] > 0 for check in report["checks"]))
        self.assertEqual([(home["home"], home["may_be_written"]) for home in report["homes"]],
                         [("immukv+s3", False), ("s4db+s3", True)])
        self.assertIn("was never enabled", report["homes"][0]["why_not"])
        self.assertEqual(report["prices"]["put_million_dollars"], 6)
        self.assertGreater(report["probe"]["puts"], 3)
        self.assertLessEqual(sum(each["sent"] for each in report["probe"]["requests"]), 20)

    def test_the_store_of_s_is_examined_too(self):
        output = self.talea("doctor", "-q", store=f"s4db+s3://plain/app/?endpoint={self.endpoint}",
                            env=self.keys()).decode()
        self.assertTrue(output.endswith("may be written\ns4db+s3: yes\n"), output)

    def test_what_it_cost_is_told(self):
        done = self.run_talea("doctor", f"s3://versioned/app/?endpoint={self.endpoint}", "--cost",
                              store=None, env=self.keys())
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr.decode(), r"probe +PutObject +\d")
        self.assertRegex(done.stderr.decode(), r"at the price of a PUT, \d+ of a GET, .* US dollars\n$")

    def test_a_bucket_that_is_not_there(self):
        done = self.run_talea("doctor", f"s3://nowhere/?endpoint={self.endpoint}", store=None,
                              env=self.keys())
        self.assertEqual(done.returncode, 4)
        message = done.stderr.decode()
        self.assertIn("NoSuchBucket", message)
        self.assertIn("next: make the bucket, and enable versioning for a ledger", message)
        self.assertIn("--bucket nowhere", message)


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers every request with what the server of the test has."""

    def answer(self):
        length = int(self.headers.get("content-length", 0))
        self.rfile.read(length)
        status, headers, body = self.server.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_HEAD = do_DELETE = answer

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def answering(status, headers, body):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.answer = (status, headers, body)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class WhereNothingCanBeAsked(DoctorTest):
    def message(self, url, expect=4, env=None):
        done = self.run_talea("doctor", url, store=None, env=env or self.keys())
        self.assertEqual((done.returncode, done.stdout), (expect, b""), done.stderr)
        return done.stderr.decode()

    def test_no_credentials(self):
        message = self.message("s3://records/?endpoint=http://127.0.0.1:1", env=self.environment())
        for place in ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "~/.aws/credentials",
                      "a container", "an EC2 instance"):
            self.assertIn(place, message)
        self.assertIn("next: export AWS_ACCESS_KEY_ID", message)

    def test_a_profile_that_is_not_there(self):
        message = self.message("s3://records/?profile=work&endpoint=http://127.0.0.1:1",
                               env=self.environment())
        self.assertIn('the profile "work" is not there', message)

    def test_another_region(self):
        moved = error("PermanentRedirect", "The bucket must be addressed elsewhere.")
        with answering(301, {"x-amz-bucket-region": "eu-west-1"}, moved) as endpoint:
            message = self.message(f"s3://records/?endpoint={endpoint}", expect=2)
        self.assertIn("the bucket is in region eu-west-1: give that", message)
        malformed = error("AuthorizationHeaderMalformed", "the region is wrong",
                          "<Region>eu-west-1</Region>")
        with answering(400, {}, malformed) as endpoint:
            message = self.message(f"s3://records/?endpoint={endpoint}")
        self.assertIn("the bucket is in region eu-west-1: give that", message)
        self.assertIn("?region=NAME", message)

    def test_no_permission_to_put(self):
        with answering(403, {}, error("AccessDenied", "Access Denied")) as endpoint:
            message = self.message(f"s3://records/?endpoint={endpoint}")
        self.assertIn("the credentials lack s3:PutObject", message)
        self.assertIn("next: add what the message names to the policy", message)

    def test_keys_that_the_store_does_not_know(self):
        with answering(403, {}, error("InvalidAccessKeyId", "no such key")) as endpoint:
            self.assertIn("InvalidAccessKeyId", self.message(f"s3://records/?endpoint={endpoint}"))

    def test_a_server_that_is_no_store(self):
        with answering(200, {}, b"<html>It works!</html>") as endpoint:
            self.assertIn("is this an S3 store?", self.message(f"s3://records/?endpoint={endpoint}"))

    def test_a_host_that_nobody_knows(self):
        message = self.message(f"s3://records/?endpoint=http://{'a' * 64}.invalid")
        self.assertIn("check the endpoint", message)
        self.assertIn("next: name the store with ?endpoint=", message)

    def test_options_that_cannot_be(self):
        self.assertIn("is none: it is https://host",
                      self.message("s3://records/?endpoint=localhost", expect=2))
        self.assertIn("no parameter 'endpont'",
                      self.message("s3://records/?endpont=http://localhost", expect=2))


if __name__ == "__main__":
    main()
