#!/usr/bin/env python3
"""TLS: a server is believed when a certificate that we trust has its name, and not otherwise."""

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))

from talea_cli import TaleaTest, main  # noqa: E402
from with_moto import running_moto  # noqa: E402


def make_certificate(directory):
    """One that nobody signed but itself, for the name localhost."""
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return str(certificate), str(key)


class Tls(TaleaTest):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="talea-tls-"))
        cls.certificate, key = make_certificate(Path(directory))
        cls.endpoint = stack.enter_context(running_moto(cls.certificate, key))

    def doctor(self, endpoint, expect, **env):
        keys = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "no_proxy": "*",
                "HOME": str(self.directory)}
        unset = {name: "" for name in os.environ if name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE")}
        done = self.run_talea("doctor", f"s3://versioned/?endpoint={endpoint}", store=None,
                              env={**unset, **keys, **env})
        self.assertEqual(done.returncode, expect, done.stderr)
        return (done.stdout + done.stderr).decode()

    def test_a_certificate_that_is_not_trusted_is_refused(self):
        self.assertIn("the server cannot prove who it is", self.doctor(self.endpoint, 4))

    def test_one_that_is_trusted_is_taken(self):
        for variable in ("AWS_CA_BUNDLE", "SSL_CERT_FILE"):
            output = self.doctor(self.endpoint, 0, **{variable: self.certificate})
            self.assertIn("immukv+s3: yes\ns4db+s3: yes\n", output)

    def test_the_name_has_to_be_that_of_the_certificate(self):
        elsewhere = self.endpoint.replace("localhost", "127.0.0.1")
        output = self.doctor(elsewhere, 4, AWS_CA_BUNDLE=self.certificate)
        self.assertIn("the server cannot prove who it is", output)

    def test_certificates_that_cannot_be_read_are_refused(self):
        missing = str(self.directory / "none.pem")
        self.assertIn("cannot prove", self.doctor(self.endpoint, 4, AWS_CA_BUNDLE=missing))

    def test_stores_trust_what_the_doctor_trusts(self):
        env = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "no_proxy": "*",
               "HOME": str(self.directory), "AWS_CA_BUNDLE": self.certificate}
        for scheme, value in (("immukv+s3", b'{"n":1}'), ("s4db+s3", b"text")):
            store = f"{scheme}://versioned/tls-{scheme}/?endpoint={self.endpoint}"
            self.talea("put", "k", value.decode(), store=store, env=env)
            self.assertEqual(self.talea("get", "k", store=store, env=env), value)


if __name__ == "__main__":
    main()
