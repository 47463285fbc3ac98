#!/usr/bin/env python3
"""Checks that includes run down the table src/LAYERS, and only down.

A module is a directory of src/. It may include itself and modules of lower layers; never one of
its own layer and never one above. Beside that:

  - every directory of src/ has a line in src/LAYERS, and every include names a module that has one;
  - a CMakeLists.txt of a module DEPENDS on nothing that the module may not include;
  - a public header (include/talea) includes the standard library and talea/ only, that of C no C++;
  - the tests' support code is included by tests only;
  - OpenSSL is named in the modules crypto and net only;
  - __builtin_prefetch is named in base/prefetch.h only, which says what the compiler does to others.

Usage: check_layers.py [ROOT]     prints one line `file:line: problem` for each violation.
"""

import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
DEPENDS = re.compile(r"\bDEPENDS\b([^)]*?)(?=\b[A-Z_]{4,}\b|\))", re.S)
OPENSSL_MODULES = {"crypto", "net"}
C_HEADERS = {"stddef.h", "stdint.h"}


class BadLayers(Exception):
    """src/LAYERS itself cannot be read."""


def read_layers(path):
    """The layer of each module, by name."""
    layers = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or not words[1].isdigit():
            raise BadLayers(f"{path}:{number}: expected `module layer`, found `{line.strip()}`")
        if words[0] in layers:
            raise BadLayers(f"{path}:{number}: {words[0]} has two lines")
        layers[words[0]] = int(words[1])
    return layers


def includes(path):
    """(line, quote, target) of each include in a file."""
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found.group(1), found.group(2)


def sources(directory):
    """The C++ files below a directory, in a stable order."""
    return sorted(p for p in directory.rglob("*") if p.suffix in (".h", ".cc") and p.is_file())


def may_not_use(layers, module, target):
    """Why `module` may not use module `target`; None when it may."""
    if target == module:
        return None
    if target not in layers:
        return f"unknown module {target}: it has no line in src/LAYERS"
    mine, theirs = layers[module], layers[target]
    if theirs > mine:
        return f"upward: {module} (layer {mine}) may not use {target} (layer {theirs})"
    if theirs == mine:
        return f"sideways: {module} and {target} are both in layer {mine}"
    return None


def check_source(layers, module, path):
    for number, quote, target in includes(path):
        if quote == "<":
            if target.startswith("openssl/") and module not in OPENSSL_MODULES:
                yield number, f"<{target}>: OpenSSL is named in crypto and net only"
            continue
        first = target.split("/")[0]
        if "/" not in target:
            yield number, f'"{target}": write the path from src/, as in "{module}/{target}"'
        elif first == "talea":
            continue
        elif first == "tests":
            if not path.name.endswith("_test.cc"):
                yield number, f'"{target}": support code of tests is for tests'
        else:
            problem = may_not_use(layers, module, first)
            if problem:
                yield number, problem
    if path.name != "prefetch.h":
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if "__builtin_prefetch" in line:
                yield number, "__builtin_prefetch: ask through prefetch_line() of base/prefetch.h"


def check_depends(layers, module, path):
    text = re.sub(r"#[^\n]*", "", path.read_text())
    for found in DEPENDS.finditer(text):
        number = text.count("\n", 0, found.start()) + 1
        for target in found.group(1).split():
            problem = may_not_use(layers, module, target)
            if problem:
                yield number, problem


def check_public_header(path):
    if path.name == "talea.h":
        for number, quote, target in includes(path):
            if quote != "<" or target not in C_HEADERS:
                allowed = ", ".join(sorted(C_HEADERS))
                yield number, f"the header of C may not include {target}: only {allowed}"
        return
    for number, quote, target in includes(path):
        standard = quote == "<" and "/" not in target and "." not in target
        # Who uses the C++ interface has no need of that of C.
        ours = quote == '"' and target.startswith("talea/") and target != "talea/talea.h"
        if not standard and not ours:
            yield number, f"a public header may not include {target}: only std and talea/"


def check(root):
    """All violations below `root`, as (path, line, problem)."""
    layers = read_layers(root / "src" / "LAYERS")
    for directory in sorted(p for p in (root / "src").iterdir() if p.is_dir()):
        module = directory.name
        files = sources(directory)
        if module not in layers:
            # An empty directory is not a module yet.
            if files:
                yield directory, 1, f"module {module} has no line in src/LAYERS"
            continue
        for path in files:
            for number, problem in check_source(layers, module, path):
                yield path, number, problem
        if (directory / "CMakeLists.txt").exists():
            path = directory / "CMakeLists.txt"
            for number, problem in check_depends(layers, module, path):
                yield path, number, problem
    for path in sources(root / "include" / "talea"):
        for number, problem in check_public_header(path):
            yield path, number, problem
    for name in ("tests", "fuzz", "bench", "examples"):
        for path in sources(root / name):
            for number, quote, target in includes(path):
                if quote == "<" and target.startswith("openssl/"):
                    yield path, number, f"<{target}>: OpenSSL is named in crypto and net only"


def main(arguments):
    root = Path(arguments[1] if len(arguments) > 1 else Path(__file__).parent.parent)
    try:
        problems = list(check(root))
    except (BadLayers, OSError) as error:
        print(error)
        return 2
    for path, number, problem in problems:
        print(f"{path.relative_to(root)}:{number}: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
