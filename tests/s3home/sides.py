"""What takes part in a test: our drivers and the original clients, all behind lines of JSON.

A Side is a process that does what it is told:

    ours = Side([driver])
    ours.open(endpoint=..., bucket=..., prefix=...)
    ours.set(key="a", json="1")["entry"]["hash"]

An answer that says why it could not be done is raised as Failure.
"""

import contextlib
import functools
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENDPOINT = os.environ.get("TALEA_S3_ENDPOINT", "")
ANSWER_SECONDS = 120


class Failure(Exception):
    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


class Ended(AssertionError):
    """The process did, in the place of an answer."""


class Side:
    def __init__(self, command, environment=None):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**os.environ, **(environment or {})}, encoding="utf-8")

    def __getattr__(self, op):
        return lambda **fields: self.call(op, **fields)

    def call(self, op, **fields):
        try:
            self.process.stdin.write(json.dumps({"op": op, **fields}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Ended(f"before {op}: {self.process.args}") from None
        # A process that hangs must not hang the test.
        guard = threading.Timer(ANSWER_SECONDS, self.process.kill)
        guard.start()
        line = self.process.stdout.readline()
        guard.cancel()
        if not line:
            raise Ended(f"at {op}: {self.process.args}")
        answer = json.loads(line)
        if not answer.pop("ok"):
            raise Failure(answer["code"], answer["message"])
        return answer

    def end(self):
        self.process.stdin.close()
        status = self.process.wait(ANSWER_SECONDS)
        self.process.stdout.close()
        assert status == 0, f"exit status {status} of {self.process.args}"

    def kill(self):
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()


def original(peer, release=None):
    """An original client; `release` such as "immukv-0.1.7" in the place of the one installed."""
    path = str(Path(sys.prefix) / "releases" / release) if release else ""
    return Side([sys.executable, "-B", str(HERE / peer)],
                {"PYTHONPATH": path, "AWS_ENDPOINT_URL": ENDPOINT, "AWS_ACCESS_KEY_ID": "id",
                 "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"})


@functools.cache
def store():
    """The server itself, for what no home would do."""
    import boto3
    return boto3.client("s3", endpoint_url=ENDPOINT, region_name="us-east-1",
                        aws_access_key_id="id", aws_secret_access_key="secret")


def new_bucket(name, versioned):
    """A bucket for one test alone: moto looks through all of one for each list. Its name."""
    name = re.sub("[^a-z0-9]+", "-", name.lower())[:63].strip("-")
    store().create_bucket(Bucket=name)
    if versioned:
        store().put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def serve(operations):
    """The other end: does what the lines of standard input say."""
    for line in sys.stdin:
        fields = json.loads(line)
        try:
            answer = {"ok": True, **(operations[fields.pop("op")](**fields) or {})}
        except Exception as error:  # whatever the original raises is its answer
            answer = {"ok": False, "code": type(error).__name__, "message": str(error)}
        print(json.dumps(answer), flush=True)
