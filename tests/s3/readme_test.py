#!/usr/bin/env python3
"""What README.md and the guides show of S3, run as it is written, on a moto server."""

import contextlib
import os
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import check_readme  # noqa: E402
from with_moto import KEYS, client, running_moto  # noqa: E402

BUCKET = "records"  # as the pages call it


class Pages(unittest.TestCase):
    @contextlib.contextmanager
    def fresh_store(self):
        """A bucket with versioning; what finds it is in the environment, as on a user's machine."""
        with running_moto() as endpoint, tempfile.TemporaryDirectory() as home:
            # What servers of one process have, they have in common.
            reset = urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")
            urllib.request.urlopen(reset).close()
            s3 = client(endpoint)
            s3.create_bucket(Bucket=BUCKET)
            s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
            unset = {name: "" for name in os.environ if name.startswith("AWS_")}
            yield {**unset, **{name.upper(): value for name, value in KEYS.items()},
                   "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": endpoint, "HOME": home,
                   "no_proxy": "*"}

    def check_page(self, page, blocks_min):
        blocks = [block for block in check_readme.parse(ROOT / page) if "s3" in block.info]
        self.assertGreaterEqual(len(blocks), blocks_min)
        for block in blocks:
            with self.subTest(page=page, line=block.line), self.fresh_store() as environment:
                checker = check_readme.Checker(ROOT, None, Path(os.environ["TALEA_PROGRAM"]),
                                               environment)
                self.assertTrue(checker.check(block))

    def test_the_readme(self):
        self.check_page("README.md", 1)

    def test_the_guide_to_s3(self):
        self.check_page("docs/guide/s3.md", 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
