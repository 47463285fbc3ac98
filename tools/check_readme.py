#!/usr/bin/env python3
"""Runs the code that README.md and docs/guide/*.md show, so that it stays true.

  ```cpp          a block with `int main` is compiled against include/ and the built library, and
                  run in an empty directory; a block without one is a fragment and is left alone
  ```sh           is run by `bash -euo pipefail` in an empty directory with `talea` in PATH
  ```sh no-run    is not run; the files it names below script/ have to exist and be executable
  ```sh s3        needs an S3 store: tests/s3/readme_test.py runs it beside one
  ```text output  after a block that is run: what that block prints, exactly

Every run has a directory of its own, so every block is complete in itself. A block that fails is
named as file:line, and the rest are run all the same.

Usage: check_readme.py --build DIR --program FILE [--root DIR]
  --build      a configured build directory that holds the target readme_probe: an empty program
               linked to the library, whose commands are used with a block in its place
  --program    the built `talea`
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

FENCE = re.compile(r"^(\s*)(```+)\s*(.*?)\s*$")
PROBE = "readme_probe"
SECONDS_MAX = 120


@dataclass
class Block:
    """A fenced block; `line` is where its text begins."""

    path: Path
    line: int
    info: list
    text: str
    output: Optional[str] = None  # what it has to print


class Failure(Exception):
    """Why a block is not true."""


def parse(path):
    """The fenced blocks of a Markdown file; an output block is attached to the one before it."""
    blocks = []
    fence, indent, current = None, 0, None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = FENCE.match(line)
        if fence is None:
            if found:
                fence, indent = found.group(2), len(found.group(1))
                current = Block(path, number + 1, found.group(3).split(), "")
        elif found and found.group(2).startswith(fence) and not found.group(3):
            if current.info[:1] == ["text"] and "output" in current.info[1:]:
                if not blocks:
                    raise Failure(f"{path}:{current.line}: an output block follows no block")
                blocks[-1].output = current.text
            else:
                blocks.append(current)
            fence = None
        else:
            current.text += line[min(indent, len(line) - len(line.lstrip())) :] + "\n"
    if fence is not None:
        raise Failure(f"{path}:{current.line}: the block is never closed")
    return blocks


def run(command, **options):
    """Runs a command; its whole output when it fails."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=SECONDS_MAX, check=False, **options
        )
    except subprocess.TimeoutExpired as error:
        raise Failure(f"did not end within {SECONDS_MAX} s") from error
    if done.returncode != 0:
        raise Failure(f"exit status {done.returncode}\n{done.stdout}")
    return done.stdout


def expect_output(block, output):
    if block.output is not None and block.output.rstrip("\n") != output.rstrip("\n"):
        raise Failure(f"it should print\n{block.output}but printed\n{output}")


class Checker:
    def __init__(self, root, build, program, s3=None):
        """`s3`: variables of the environment by which blocks find an S3 store; None: there is none."""
        self.root, self.build, self.program, self.s3 = root, build, program, s3

    def check(self, block):
        """Checks one block. False when there is nothing in it to run."""
        language = block.info[0] if block.info else ""
        if language == "cpp" and re.search(r"\bint\s+main\b", block.text):
            self.check_cpp(block)
        elif language == "sh" and "no-run" in block.info:
            self.check_scripts(block)
        elif language == "sh" and "s3" in block.info and self.s3 is None:
            return False
        elif language == "sh":
            self.check_sh(block)
        else:
            if block.output is not None:
                raise Failure("a block with an output has to be one that is run")
            return False
        return True

    def check_scripts(self, block):
        for name in re.findall(r"(?<![\w/.-])(?:\./)?(script/[\w-]+)", block.text):
            if not os.access(self.root / name, os.X_OK) or not (self.root / name).is_file():
                raise Failure(f"{name} is not an executable file")

    def check_sh(self, block):
        with tempfile.TemporaryDirectory(prefix="talea-readme-") as directory:
            environment = {k: v for k, v in os.environ.items() if not k.startswith("TALEA_")}
            environment["PATH"] = f"{self.program.parent}:{environment['PATH']}"
            if "s3" in block.info:
                environment.update(self.s3)
            command = ["bash", "-euo", "pipefail", "-c", block.text]
            expect_output(block, run(command, cwd=directory, env=environment))

    def check_cpp(self, block):
        compile_command, link_command = self.probe_commands()
        with tempfile.TemporaryDirectory(prefix="talea-readme-") as directory:
            source = Path(directory) / "block.cc"
            binary = Path(directory) / "block"
            work = Path(directory) / "empty"
            work.mkdir()
            # Errors of the compiler then name the line in the document.
            source.write_text(f'#line {block.line} "{block.path}"\n{block.text}')
            objects = source.with_suffix(".o")
            probe_object = argument_after(compile_command, "-o")
            link_command = [str(objects) if w == probe_object else w for w in link_command]
            run(with_arguments(compile_command, {"-c": str(source), "-o": str(objects)}),
                cwd=self.build)
            run(with_arguments(link_command, {"-o": str(binary)}), cwd=self.build)
            expect_output(block, run([str(binary)], cwd=work))

    def probe_commands(self):
        """The command that compiles the probe, and the one that links it, as word lists."""
        lines = run(["ninja", "-C", str(self.build), "-t", "commands", PROBE]).splitlines()
        compiles = [line for line in lines if line.endswith(f"{PROBE}.cc")]
        if not compiles:
            raise Failure(f"{self.build} has no target {PROBE}")
        # CMake wraps a link as `: && COMMAND && :`.
        link = [word for word in shlex.split(lines[-1]) if word not in (":", "&&")]
        return shlex.split(compiles[-1]), link


def argument_after(words, option):
    return words[words.index(option) + 1]


def with_arguments(words, values):
    """`words` with other arguments for the options in `values`, and without a dependency file."""
    result, position = [], 0
    while position < len(words):
        word = words[position]
        if word in values:
            result += [word, values[word]]
        if word in values or word in ("-MT", "-MF"):
            position += 1
        elif word != "-MD":
            result.append(word)
        position += 1
    return result


def documents(root):
    return [p for p in [root / "README.md", *sorted((root / "docs" / "guide").glob("*.md"))]
            if p.exists()]


def main(arguments):
    parser = argparse.ArgumentParser(description="Runs the code in README.md and docs/guide.")
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    options = parser.parse_args(arguments)
    checker = Checker(options.root, options.build.resolve(), options.program.resolve())

    checked, failed = 0, 0
    for path in documents(options.root):
        name = path.relative_to(options.root)
        try:
            blocks = parse(path)
        except Failure as failure:
            failed += 1
            print(failure)
            continue
        for block in blocks:
            try:
                checked += checker.check(block)
            except Failure as failure:
                failed += 1
                print(f"{name}:{block.line}: {failure}")
    print(f"{checked} blocks are true, {failed} are not")
    return 1 if failed or not checked else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
