#!/usr/bin/env python3
"""Runs a program beside a fresh moto server, on a port that is free.

The program finds it in TALEA_S3_ENDPOINT, with two buckets: `versioned` and `plain`.

Usage: with_moto.py PROGRAM [ARGUMENT...]
"""

import logging
import os
import subprocess
import sys

import boto3
from moto.server import ThreadedMotoServer


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    try:
        s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1",
                          aws_access_key_id="id", aws_secret_access_key="secret")
        s3.create_bucket(Bucket="versioned")
        s3.put_bucket_versioning(Bucket="versioned",
                                 VersioningConfiguration={"Status": "Enabled"})
        s3.create_bucket(Bucket="plain")
        environment = {**os.environ, "TALEA_S3_ENDPOINT": endpoint}
        return subprocess.run(sys.argv[1:], env=environment, check=False).returncode
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
