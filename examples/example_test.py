#!/usr/bin/env python3
"""Runs an example in a fresh directory, and compares with what its last lines say it prints.

Usage: example_test.py PROGRAM SOURCE
"""

import subprocess
import sys
import tempfile
from pathlib import Path

SECONDS_MAX = 120
HEADING = "// Prints:\n//\n"
INDENT = "//     "


def expected(source):
    """What the comment at the end of the source says."""
    _, heading, lines = source.rpartition(HEADING)
    if not heading or not lines:
        sys.exit("the example does not end with what it prints")
    for line in lines.splitlines():
        if not line.startswith(INDENT):
            sys.exit(f"not a line of what is printed: {line}")
    return "".join(line[len(INDENT):] + "\n" for line in lines.splitlines())


def main():
    program, source = sys.argv[1:]
    wanted = expected(Path(source).read_text())
    with tempfile.TemporaryDirectory(prefix="talea-example-") as directory:
        done = subprocess.run([program, f"{directory}/data"], cwd=directory, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS_MAX,
                              check=False)
    if done.returncode != 0 or done.stdout != wanted or done.stderr:
        sys.exit(f"exit status {done.returncode}\n{done.stderr}printed\n{done.stdout}and not\n{wanted}")


if __name__ == "__main__":
    main()
