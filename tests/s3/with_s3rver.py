#!/usr/bin/env python3
"""Runs a program beside a fresh s3rver, a store that accepts conditions and ignores them.

It is installed below a directory of the build, once. The program finds it in TALEA_S3_ENDPOINT, with
the bucket `plain`, and its keys in TALEA_S3_KEY and TALEA_S3_SECRET.

Usage: with_s3rver.py DIRECTORY PROGRAM [ARGUMENT...] [-- PROGRAM [ARGUMENT...]]...
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from with_moto import run_programs

PACKAGE = "s3rver@3.7.1"
SERVER = """
const S3rver = require('s3rver');
new S3rver({address: '127.0.0.1', port: 0, silent: true, directory: process.argv[1],
            configureBuckets: [{name: 'plain'}]})
  .run().then(({port}) => console.log(port));
"""


def install(directory):
    stamp = directory / "made-of"
    if stamp.exists() and stamp.read_text() == PACKAGE:
        return
    directory.mkdir(parents=True, exist_ok=True)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-save", "--loglevel=error",
                    PACKAGE], cwd=directory, check=True)
    stamp.write_text(PACKAGE)


def main():
    if shutil.which("node") is None or shutil.which("npm") is None:
        sys.exit("with_s3rver.py: node and npm are missing; Debian has both")
    directory = Path(sys.argv[1])
    install(directory)
    with tempfile.TemporaryDirectory(prefix="talea-s3rver-") as data:
        server = subprocess.Popen(["node", "-e", SERVER, data], cwd=directory,
                                  stdout=subprocess.PIPE, text=True)
        try:
            port = server.stdout.readline().strip()
            if not port:
                sys.exit("with_s3rver.py: the server did not start")
            return run_programs(sys.argv[2:], TALEA_S3_ENDPOINT=f"http://127.0.0.1:{port}",
                                TALEA_S3_BUCKET="plain", TALEA_S3_KEY="S3RVER",
                                TALEA_S3_SECRET="S3RVER")
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    sys.exit(main())
