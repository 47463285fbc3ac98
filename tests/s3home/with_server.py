#!/usr/bin/env python3
"""Runs a program beside a fresh s3home_server, which it finds in TALEA_S3_ENDPOINT.

Usage: with_server.py S3HOME_SERVER PROGRAM [ARGUMENT...]
"""

import os
import subprocess
import sys


def main():
    with subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          encoding="utf-8") as server:
        environment = {**os.environ, "TALEA_S3_ENDPOINT": server.stdout.readline().strip()}
        status = subprocess.run(sys.argv[2:], env=environment, check=False).returncode
    return status or server.returncode


if __name__ == "__main__":
    sys.exit(main())
