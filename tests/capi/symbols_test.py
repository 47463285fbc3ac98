#!/usr/bin/env python3
"""Compares what libtalea.so shows with src/capi/symbols.txt, and that with talea.h.

The list is the promise to those who linked with the library: a name on it stays within a major
version. A new function gets a line there; --write writes the lines of the library.

Usage: symbols_test.py LIBRARY [--write]
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LIST = ROOT / "src" / "capi" / "symbols.txt"
HEADER = ROOT / "include" / "talea" / "talea.h"


def exported(library):
    """The dynamic symbols that `library` defines."""
    lines = subprocess.run(["nm", "-D", "--defined-only", library], check=True,
                           stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return {line.split()[-1].split("@")[0] for line in lines}


def declared():
    """The functions that the header declares."""
    return set(re.findall(r"TALEA_API[^;(]*?\b(talea_\w+)\(", HEADER.read_text()))


def compare(what, found, listed):
    for name in sorted(found - listed):
        print(f"{what} has {name}; {LIST.name} has not")
    for name in sorted(listed - found):
        print(f"{LIST.name} has {name}; {what} has not")
    return found == listed


def main():
    library = sys.argv[1]
    symbols = exported(library)
    if "--write" in sys.argv:
        LIST.write_text("".join(f"{name}\n" for name in sorted(symbols)))
    lines = LIST.read_text().split()
    good = lines == sorted(set(lines))
    if not good:
        print(f"{LIST.name} is not sorted, or has a name twice")
    good &= compare(library, symbols, set(lines))
    good &= compare(HEADER.name, declared(), set(lines))
    return 0 if good and lines else 1


if __name__ == "__main__":
    sys.exit(main())
