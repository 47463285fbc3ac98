#!/usr/bin/env python3
"""Fails where a page of docs/guide names a test that there is not.

A test is named as `Suite.Test` in backticks, as GoogleTest does. Reads the sources, so nothing has to
be built.

Usage: check_named_tests.py [ROOT]
"""

import re
import sys
from pathlib import Path

NAMED = re.compile(r"`([A-Z]\w+\.[A-Z]\w+)`")
DECLARED = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)


def declared_tests(root):
    tests = set()
    for folder in ("src", "tests", "bench", "fuzz"):
        for source in (root / folder).rglob("*_test.cc"):
            tests.update(".".join(found) for found in DECLARED.findall(source.read_text()))
    return tests


def main(root):
    tests = declared_tests(root)
    missing = []
    for page in sorted((root / "docs" / "guide").glob("*.md")):
        for number, line in enumerate(page.read_text().splitlines(), 1):
            missing += [f"{page.relative_to(root)}:{number}: there is no test {name}"
                        for name in NAMED.findall(line) if name not in tests]
    print("\n".join(missing) if missing else "every test that is named is there")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()))
