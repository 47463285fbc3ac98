#!/usr/bin/env python3
"""Runs a program beside a fresh moto server, on a port that is free.

The program finds it in TALEA_S3_ENDPOINT, with two buckets: `versioned` and `plain`.

Usage: with_moto.py PROGRAM [ARGUMENT...] [-- PROGRAM [ARGUMENT...]]...
"""

import contextlib
import logging
import os
import subprocess
import sys
import threading

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

KEYS = {"aws_access_key_id": "id", "aws_secret_access_key": "secret"}


def client(endpoint, ca_file=None):
    return boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", verify=ca_file, **KEYS)


def make_buckets(s3):
    for bucket in ("versioned", "plain"):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})


@contextlib.contextmanager
def running_moto(certificate=None, key=None):
    """A server until the end of the block; its endpoint. With a certificate it speaks TLS."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    tls = (certificate, key) if certificate else None
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app),
                         threaded=True, ssl_context=tls)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
        endpoint = f"{scheme}://{host}:{server.port}"
        make_buckets(client(endpoint, certificate))
        yield endpoint
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run_programs(words, **variables):
    """Runs the programs in `words`, between which there is a `--`; how many failed."""
    environment = {**os.environ, **variables}
    failed = 0
    while words:
        end = words.index("--") if "--" in words else len(words)
        failed += subprocess.run(words[:end], env=environment, check=False).returncode != 0
        words = words[end + 1:]
    return failed


def main():
    with running_moto() as endpoint:
        return run_programs(sys.argv[1:], TALEA_S3_ENDPOINT=endpoint)


if __name__ == "__main__":
    sys.exit(main())
