#!/usr/bin/env python3
"""Runs clang-tidy-14 on the sources that changed.

Changed means: different from the base, committed or not. The base is where this branch left
origin/main; on main itself, or where there is no origin/main, it is the commit before the last
one; where even that does not exist (a first commit, a shallow clone), everything counts as
changed. A changed header is read through the source beside it, else through the first source
that includes it.

A source that was clean is not read again until it, a header of ours that it includes, .clang-tidy
or clang-tidy itself changes.

Usage: tidy.py [--all] [--base COMMIT] [--build DIR]
  --all      every source; the environment's TIDY=all does the same
  --build    a built directory of the preset `check`: its compile commands and its dependencies
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TIDY = "clang-tidy-14"
ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = (".h", ".cc")


def git(*arguments):
    """The output of a git command; None when it fails."""
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def find_base():
    """The commit to compare with; None when there is none."""
    head = git("rev-parse", "HEAD")
    fork = git("merge-base", "HEAD", "origin/main")
    if fork and fork != head:
        return fork
    return git("rev-parse", "--verify", "--quiet", "HEAD~1")


def changed_files(base):
    """Paths, relative to the root, that differ from `base` or are new."""
    differing = git("diff", "--name-only", "--diff-filter=d", base)
    new = git("ls-files", "--others", "--exclude-standard")
    if differing is None or new is None:
        sys.exit(f"tidy: cannot compare with {base}")
    return {name for name in (differing + "\n" + new).splitlines() if name.endswith(SUFFIXES)}


def sources_for(changed, sources, dependencies):
    """The sources through which the changed files are read."""
    chosen = {name for name in changed if name in sources}
    for header in sorted(changed - chosen):
        if not header.endswith(".h"):
            print(f"tidy: {header} is not part of this build: not read")
            continue
        includers = sorted(name for name in sources if header in dependencies.get(name, ()))
        beside = str(Path(header).with_suffix(".cc"))
        if beside in includers:
            chosen.add(beside)
        elif includers:
            chosen.add(includers[0])
        else:
            print(f"tidy: no source includes {header}: not read")
    return sorted(chosen)


def compiled_sources(build):
    """Our sources that the build compiles, relative to the root, with their objects."""
    commands = json.loads((build / "compile_commands.json").read_text())
    result = {}
    for command in commands:
        path = Path(command["directory"], command["file"]).resolve()
        if path.is_relative_to(ROOT) and not path.is_relative_to(build):
            result[str(path.relative_to(ROOT))] = re.search(r" -o (\S+)", command["command"]).group(1)
    return result


def read_dependencies(build, objects):
    """Which of our files each source includes, as the last build saw it."""
    sources = {obj: name for name, obj in objects.items()}
    listing = subprocess.run(["ninja", "-C", str(build), "-t", "deps"], stdout=subprocess.PIPE,
                             text=True, check=True).stdout
    result, current = {}, None
    for line in listing.splitlines():
        if line and not line[0].isspace():
            current = sources.get(line.split(":")[0])
        elif line.strip() and current:
            path = (build / line.strip()).resolve()
            if path.is_relative_to(ROOT):
                result.setdefault(current, set()).add(str(path.relative_to(ROOT)))
    return result


def fingerprint(name, dependencies, salt):
    """A digest of all that the verdict on a source depends on; None before its first build."""
    if name not in dependencies:
        return None
    digest = hashlib.sha256(salt)
    for path in sorted(dependencies[name] | {name}):
        digest.update(path.encode() + b"\0" + (ROOT / path).read_bytes() + b"\0")
    return digest.hexdigest()


def tidy(build, name):
    """What clang-tidy has to say about a source; empty when it is clean."""
    done = subprocess.run([TIDY, "--quiet", "-p", str(build), str(ROOT / name)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode == 0:
        return ""
    # The rest of stderr counts warnings in headers of others.
    errors = [line for line in done.stderr.splitlines() if re.search(r"error:|Error ", line)]
    return done.stdout + "\n".join(errors) + "\n"


def main(arguments):
    parser = argparse.ArgumentParser(description="Runs clang-tidy-14 on the sources that changed.")
    parser.add_argument("--all", action="store_true", default=os.environ.get("TIDY") == "all")
    parser.add_argument("--base")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "check")
    options = parser.parse_args(arguments)
    build = options.build.resolve()

    objects = compiled_sources(build)
    dependencies = read_dependencies(build, objects)
    base = None if options.all else options.base or find_base()
    if base is None:
        names = sorted(objects)
        print(f"tidy: all {len(names)} sources")
    else:
        names = sources_for(changed_files(base), objects, dependencies)
        print(f"tidy: {len(names)} sources changed since {base[:12]}")

    version = subprocess.run([TIDY, "--version"], stdout=subprocess.PIPE, check=True).stdout
    salt = version + (ROOT / ".clang-tidy").read_bytes()
    clean = build / "tidy-clean"
    clean.mkdir(exist_ok=True)

    def check(name):
        mark = fingerprint(name, dependencies, salt)
        if mark and (clean / mark).exists():
            return ""
        said = tidy(build, name)
        if not said and mark:
            (clean / mark).touch()
        return said

    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, said in zip(names, pool.map(check, names)):
            if said:
                failed += 1
                print(f"--- {name}\n{said}", flush=True)
    print(f"tidy: {len(names) - failed} clean, {failed} not")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
