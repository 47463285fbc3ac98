#!/usr/bin/env python3
"""Plants each violation that check_layers.py knows in a small tree and expects it to be found."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import check_layers

LAYERS = "# module layer\nbase 0\ncodec 1\nio 1\ncrypto 1\nnet 2\nengine 3\n"


class CheckLayers(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        self.write("src/LAYERS", LAYERS)
        self.write("src/base/clock.h", "#include <cstdint>\n")
        self.write("src/codec/varint.h", '#include "base/clock.h"\n#include "talea/bytes.h"\n')
        self.write("src/codec/varint_test.cc", '#include "tests/support/test_directory.h"\n')
        self.write("src/codec/CMakeLists.txt", "talea_module(codec DEPENDS base LIBRARIES x)\n")
        self.write("src/io/file.cc", '#include "io/file.h"\n  #  include "base/clock.h"\n')
        self.write("src/engine/engine.cc", '#include "codec/varint.h"\n#include <fcntl.h>\n')
        self.write("src/crypto/hash.cc", "#include <openssl/evp.h>\n")
        self.write("include/talea/bytes.h", '#include <string>\n#include "talea/limits.h"\n')

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def problems(self):
        return [
            f"{path.relative_to(self.root)}:{line}: {problem}"
            for path, line, problem in check_layers.check(self.root)
        ]

    def expect_one(self, *parts):
        found = self.problems()
        self.assertEqual(len(found), 1, found)
        for part in parts:
            self.assertIn(part, found[0])

    def test_a_lawful_tree_passes(self):
        self.assertEqual(self.problems(), [])

    def test_an_upward_include_is_found(self):
        self.write("src/base/clock.h", '// the clock\n#include "engine/engine.h"\n')
        self.expect_one("src/base/clock.h:2:", "upward", "engine")

    def test_a_sideways_include_is_found(self):
        self.write("src/io/file.cc", '#include "codec/varint.h"\n')
        self.expect_one("src/io/file.cc:1:", "sideways", "codec")

    def test_a_violation_in_a_test_or_a_subdirectory_is_found(self):
        self.write("src/io/deep/file_test.cc", '#include "codec/varint.h"\n')
        self.expect_one("src/io/deep/file_test.cc:1:", "sideways")

    def test_an_include_of_an_unknown_module_is_found(self):
        self.write("src/engine/engine.cc", '#include "utils/strings.h"\n')
        self.expect_one("src/engine/engine.cc:1:", "unknown module utils")

    def test_an_include_without_its_module_is_found(self):
        self.write("src/io/file.cc", '#include "file.h"\n')
        self.expect_one("src/io/file.cc:1:", "io/file.h")

    def test_a_module_without_a_layer_is_found(self):
        self.write("src/common/strings.h", "#include <string>\n")
        self.expect_one("src/common:1:", "no line in src/LAYERS")

    def test_an_empty_directory_is_no_module(self):
        (self.root / "src" / "later").mkdir()
        self.assertEqual(self.problems(), [])

    def test_an_upward_cmake_dependency_is_found(self):
        self.write("src/codec/CMakeLists.txt", "talea_module(codec\n  DEPENDS base engine)\n")
        self.expect_one("src/codec/CMakeLists.txt:2:", "upward", "engine")

    def test_a_public_header_with_a_private_include_is_found(self):
        self.write("include/talea/bytes.h", '#include "base/clock.h"\n')
        self.expect_one("include/talea/bytes.h:1:", "base/clock.h")

    def test_a_public_header_with_a_system_include_is_found(self):
        self.write("include/talea/bytes.h", "#include <sys/stat.h>\n")
        self.expect_one("include/talea/bytes.h:1:", "sys/stat.h")

    def test_the_header_of_c_includes_c_only(self):
        self.write("include/talea/talea.h", "#include <stddef.h>\n#include <stdint.h>\n")
        self.assertEqual(self.problems(), [])
        self.write("include/talea/talea.h", "#include <string>\n")
        self.expect_one("include/talea/talea.h:1:", "string")

    def test_the_cxx_interface_without_that_of_c(self):
        self.write("include/talea/bytes.h", '#include "talea/talea.h"\n')
        self.expect_one("include/talea/bytes.h:1:", "talea/talea.h")

    def test_openssl_outside_crypto_and_net_is_found(self):
        self.write("src/engine/engine.cc", "#include <openssl/sha.h>\n")
        self.expect_one("src/engine/engine.cc:1:", "OpenSSL")

    def test_openssl_in_a_bench_is_found(self):
        self.write("bench/hash.cc", "#include <openssl/sha.h>\n")
        self.expect_one("bench/hash.cc:1:", "OpenSSL")

    def test_a_prefetch_past_base_is_found(self):
        self.write("src/base/prefetch.h", "__builtin_prefetch(address);\n")
        self.write("src/io/file.cc", "void f() {\n__builtin_prefetch(at);\n}\n")
        self.expect_one("src/io/file.cc:2:", "prefetch_line()")

    def test_test_support_outside_a_test_is_found(self):
        self.write("src/io/file.cc", '#include "tests/support/test_directory.h"\n')
        self.expect_one("src/io/file.cc:1:", "for tests")

    def test_a_broken_table_is_refused(self):
        for broken in ("base zero\n", "base 0\nbase 1\n", "base\n"):
            self.write("src/LAYERS", broken)
            with self.assertRaises(check_layers.BadLayers):
                self.problems()

    def test_the_program_fails_and_says_where(self):
        self.write("src/io/file.cc", '#include "codec/varint.h"\n')
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            self.assertEqual(check_layers.main(["check_layers.py", str(self.root)]), 1)
        self.assertTrue(output.getvalue().startswith("src/io/file.cc:1: sideways"))


if __name__ == "__main__":
    unittest.main()
