#!/usr/bin/env python3
"""Installs the library into a fresh directory, and builds and runs a project that uses it.

Usage: package_test.py cmake|pkg-config --build DIR --cc COMPILER --cxx COMPILER [--flags FLAGS]
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

CONSUMER = Path(__file__).resolve().parent / "consumer"


def run(*command, **more):
    print("+", *command, flush=True)
    return subprocess.run([str(word) for word in command], check=True, **more)


def pkg_config(prefix, *arguments):
    path = next(prefix.rglob("talea.pc")).parent
    done = run("pkg-config", *arguments, stdout=subprocess.PIPE, text=True,
               env={**os.environ, "PKG_CONFIG_PATH": str(path)})
    return done.stdout.split()


def build_with_cmake(options, prefix, built):
    run("cmake", "-S", CONSUMER, "-B", built, f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_C_COMPILER={options.cc}", f"-DCMAKE_CXX_COMPILER={options.cxx}",
        f"-DCMAKE_C_FLAGS={options.flags}", f"-DCMAKE_CXX_FLAGS={options.flags}")
    run("cmake", "--build", built)
    alone = built / "c"
    run("cmake", "-S", CONSUMER.parent / "consumer_c", "-B", alone,
        f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_C_COMPILER={options.cc}",
        f"-DCMAKE_C_FLAGS={options.flags}")
    run("cmake", "--build", alone)
    run(alone / "consumer_c_alone", built / "store-alone",
        env={**os.environ, "LD_LIBRARY_PATH": str(next(prefix.rglob("libtalea.so")).parent)})


def build_with_pkg_config(options, prefix, built):
    built.mkdir()
    flags = options.flags.split()
    run(options.cxx, "-std=c++20", *flags, CONSUMER / "consumer.cc", "-o", built / "consumer_cpp",
        *pkg_config(prefix, "--cflags", "--libs", "talea"))
    run(options.cc, "-std=c11", *flags, CONSUMER / "consumer.c", "-o", built / "consumer_c",
        *pkg_config(prefix, "--cflags", "--libs", "talea-c"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("how", choices=["cmake", "pkg-config"])
    parser.add_argument("--build", required=True)
    parser.add_argument("--cc", required=True)
    parser.add_argument("--cxx", required=True)
    parser.add_argument("--flags", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.build, prefix="package-") as directory:
        prefix = Path(directory) / "prefix"
        built = Path(directory) / "consumer"
        run("cmake", "--install", options.build, "--prefix", prefix, "--component", "library")
        if options.how == "cmake":
            build_with_cmake(options, prefix, built)
        else:
            build_with_pkg_config(options, prefix, built)
        libraries = next(prefix.rglob("libtalea.so")).parent
        for name in ("consumer_cpp", "consumer_c"):
            run(built / name, Path(directory) / f"store-{name}",
                env={**os.environ, "LD_LIBRARY_PATH": str(libraries)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
