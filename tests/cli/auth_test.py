#!/usr/bin/env python3
"""Users and API keys: users add, list, passwd, unlock, delete; keys issue, list, revoke."""

import fcntl
import json
import os
import pty
import re
import select
import subprocess
import termios
import time

from talea_cli import PROGRAM, SECONDS_MAX, TaleaTest, environment, main

USER_ID = re.compile(r"usr-[0-9a-f]{32}")
KEY_ID = re.compile(r"key-[0-9a-f]{32}")
TOKEN = re.compile(r"talea_[0-9a-f]{32}_[0-9a-f]{64}")
DAY_MS = 86_400_000


def lines(output):
    return [json.loads(line) for line in output.splitlines()]


class Users(TaleaTest):
    def add(self, name, password=b"correct horse\n", **options):
        return self.talea("users", "add", name, stdin=password, **options).decode().strip()

    def users(self):
        return {user["name"]: user for user in lines(self.talea("users", "list", "-o", "json"))}

    def test_a_user_is_created_listed_and_deleted(self):
        self.assertEqual(self.talea("put", "k", "v"), b"")
        alice = self.add("Alice")
        bob = self.add("bob")
        self.assertRegex(alice, USER_ID)
        self.assertNotEqual(alice, bob)
        self.assertEqual([user["id"] for user in self.users().values()], [alice, bob])
        self.assertIn("Alice", self.talea("users", "list").decode())
        self.talea("users", "delete", "ALICE")
        self.talea("users", "delete", bob)
        self.assertEqual(self.users(), {})
        self.assertIn("no users", self.errors("users", "list", expect=0))
        self.assertEqual(self.talea("scan"), b"k\tv\n")  # a space of their own

    def test_of_a_name_there_is_one(self):
        self.add("alice")
        errors = self.errors("users", "add", "ALICE", stdin=b"x\n", expect=1)
        self.assertIn("there is a user", errors)
        self.assertIn("users list", errors)

    def test_who_is_not_there_is_exit_code_1(self):
        self.add("alice")
        for verb in ("passwd", "unlock", "delete"):
            errors = self.errors("users", verb, "bob", stdin=b"x\n", expect=1)
            self.assertIn("there is no user 'bob'", errors)

    def test_a_store_that_is_not_there_is_created_by_add_alone(self):
        for verb in (["list"], ["passwd", "a"], ["unlock", "a"], ["delete", "a"]):
            self.errors("users", *verb, stdin=b"x\n", expect=4)
        self.assertEqual(list(self.directory.iterdir()), [])
        self.add("a")

    def test_list_changes_nothing(self):
        self.add("alice")
        before = self.contents()
        self.talea("users", "list")
        self.talea("keys", "list")
        self.assertEqual(self.contents(), before)

    def test_more_users_than_a_page_are_all_listed(self):
        names = [f"user{i:03}" for i in range(5)]
        for name in names:
            self.add(name)
        self.assertEqual(list(self.users()), names)

    # passwords

    def test_a_password_comes_from_a_pipe_or_a_file_and_from_its_first_line(self):
        before = self.users_changed("alice", stdin=b"one\n")
        (self.directory / "password").write_text("two\nnot this\n")
        self.talea("users", "passwd", "alice", "--password-file", "password")
        after = self.users()["alice"]
        self.assertGreaterEqual(after["password_changed_ms"], before["password_changed_ms"])
        self.assertEqual(after["id"], before["id"])

    def test_a_password_file_may_come_from_a_system_that_ends_lines_in_cr_lf(self):
        self.add("alice", b"x\r\n")
        self.assertIn("no password", self.errors("users", "add", "a", stdin=b"\r\n", expect=2))
        # 1024 bytes are allowed, and the CR is none of them.
        self.talea("users", "passwd", "alice", stdin=b"x" * 1024 + b"\r\n")

    def test_no_file_is_not_the_standard_input(self):
        errors = self.errors("users", "add", "a", "--password-file", "", stdin=b"x\n", expect=2)
        self.assertIn("--password-file: '' is no file", errors)

    def test_the_id_of_one_as_the_name_of_another_is_no_name_for_either(self):
        alice = self.add("alice")
        mallory = self.add(alice)
        for verb in ("passwd", "unlock", "delete"):
            errors = self.errors("users", verb, alice, stdin=b"x\n", expect=2)
            self.assertIn(f"is the id of alice and the name of {mallory}", errors)
        self.errors("keys", "issue", "--owner", alice, expect=2)
        self.talea("users", "delete", mallory)
        self.talea("users", "delete", alice)
        self.assertEqual(self.users(), {})

    def users_changed(self, name, stdin):
        self.add(name, stdin)
        return self.users()[name]

    def test_without_a_password_nothing_happens(self):
        for given in (b"", b"\n", b"\nlate\n"):
            self.assertIn("no password", self.errors("users", "add", "a", stdin=given, expect=2))
        (self.directory / "empty").write_text("")
        errors = self.errors("users", "add", "a", "--password-file", "empty", expect=2)
        self.assertIn("'empty' has no password", errors)
        self.errors("users", "add", "a", "--password-file", "missing", expect=4)
        self.errors("users", "add", "a", stdin=b"x" * 1025 + b"\n", expect=2)
        self.assertFalse((self.directory / "store").exists() and self.users())

    def read(self, terminal):
        """What is shown next; nothing at the end."""
        readable, _, _ = select.select([terminal], [], [], SECONDS_MAX)
        self.assertTrue(readable, "nothing within the deadline")
        try:
            return os.read(terminal, 1)
        except OSError:  # how a terminal ends
            return b""

    def ask(self, *answers, options=()):
        """Runs `users add` on a terminal; what it showed there, and its exit code."""
        terminal, child = pty.openpty()
        process = subprocess.Popen(
            [PROGRAM, "-s", "store", "users", "add", "alice", *options], cwd=self.directory,
            env=environment(), stdin=child, stdout=child, stderr=child,
            start_new_session=True,
            # Ctrl-C reaches whom the terminal controls.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(child)
        self.addCleanup(process.kill)
        shown = b""
        for prompt, answer in zip((b"Password: ", b"Again: "), answers):
            while not shown.endswith(prompt):
                shown += self.read(terminal)
            os.write(terminal, answer)
        while piece := self.read(terminal):
            shown += piece
        code = process.wait(SECONDS_MAX)
        os.close(terminal)
        return shown.decode(), code

    def test_on_a_terminal_it_is_asked_for_twice_and_not_shown(self):
        shown, code = self.ask(b"s3cret\n", b"s3cret\n")
        self.assertEqual(code, 0, shown)
        self.assertNotIn("s3cret", shown)
        self.assertEqual(list(self.users()), ["alice"])

    def test_a_dash_for_the_file_asks_on_a_terminal_too(self):
        shown, code = self.ask(b"s3cret\n", b"s3cret\n", options=("--password-file", "-"))
        self.assertEqual(code, 0, shown)
        self.assertNotIn("s3cret", shown)

    def test_two_answers_that_differ_change_nothing(self):
        shown, code = self.ask(b"one\n", b"two\n")
        self.assertEqual(code, 2, shown)
        self.assertIn("the two passwords differ", shown)
        self.assertFalse((self.directory / "store").exists())

    def test_ctrl_c_ends_the_question(self):
        shown, code = self.ask(b"\x03")
        self.assertEqual(code, 130, shown)
        self.assertFalse((self.directory / "store").exists())


class Keys(TaleaTest):
    def issue(self, *arguments):
        return self.json("keys", "issue", *arguments)

    def keys(self, *arguments):
        return lines(self.talea("keys", "list", "-o", "json", *arguments))

    def test_a_key_is_issued_once_listed_without_its_token_and_revoked(self):
        token = self.talea("keys", "issue", "--label", "nightly", "--scope", "read", "--scope",
                           "write").decode().strip()
        self.assertRegex(token, TOKEN)
        (key,) = self.keys()
        self.assertRegex(key["id"], KEY_ID)
        self.assertEqual((key["label"], key["scopes"], key["owner"]), ("nightly", ["read", "write"], ""))
        self.assertNotIn(token.rsplit("_", 1)[1], self.talea("keys", "list", "-o", "json").decode())
        self.assertIn("nightly", self.talea("keys", "list").decode())
        self.talea("keys", "revoke", key["id"])
        self.assertEqual(self.keys(), [])
        self.assertIn("no API key", self.errors("keys", "revoke", key["id"], expect=1))

    def test_keys_go_with_their_owner(self):
        owner = self.talea("users", "add", "alice", stdin=b"x\n").decode().strip()
        issued = self.issue("--owner", "Alice")
        self.assertEqual(issued["owner"], owner)
        self.issue()
        self.assertEqual([key["id"] for key in self.keys("--owner", "alice")], [issued["id"]])
        self.assertEqual(len(self.keys()), 2)
        self.talea("users", "delete", "alice")
        self.assertEqual(len(self.keys()), 1)

    def test_an_owner_who_is_not_there_is_exit_code_1(self):
        self.issue()
        for verb in ("issue", "list"):
            self.assertIn("there is no user 'bob'",
                          self.errors("keys", verb, "--owner", "bob", expect=1))

    def test_an_owner_without_a_name_is_not_nobody(self):
        for verb in ("issue", "list"):
            self.assertIn("--owner: '' is no user",
                          self.errors("keys", verb, "--owner", "", expect=2))
        self.assertFalse((self.directory / "store").exists())

    def test_a_key_whose_token_could_not_be_shown_is_revoked(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "-s", "store", "keys", "issue"], cwd=self.directory,
                                  env=environment(), stdout=full, stderr=subprocess.PIPE,
                                  timeout=SECONDS_MAX, check=False)
        self.assertEqual(done.returncode, 4)
        self.assertIn(b"the key was revoked", done.stderr)
        self.assertEqual(self.keys(), [])

    def test_a_key_expires(self):
        before = time.time_ns() // 1_000_000
        key = self.issue("--ttl", "2d")
        after = time.time_ns() // 1_000_000
        self.assertTrue(before + 2 * DAY_MS <= key["expires_ms"] <= after + 2 * DAY_MS)
        at = self.issue("--expires-at", "2999-12-24T18:00:00Z")
        self.assertEqual(at["expires_ms"], 32_503_053_600_000)
        self.errors("keys", "issue", "--expires-at", "2001-01-01T00:00:00Z", expect=2)
        self.errors("keys", "issue", "--ttl", "1h", "--expires-at", "2999-12-24T18:00:00Z", expect=2)
        self.errors("keys", "issue", "--ttl", "soon", expect=2)


class Usage(TaleaTest):
    def test_a_group_without_a_verb_says_what_there_is(self):
        self.assertIn("users add|list|passwd|unlock|delete", self.errors("users", expect=2))
        self.assertIn("keys issue|list|revoke", self.errors("keys", "isue", expect=2))
        self.assertIn("talea keys issue --help", self.errors("keys", "issue", "--owner", expect=2))

    def test_every_verb_has_help_with_examples(self):
        for words in (["users"], ["users", "add"], ["users", "list"], ["keys"], ["keys", "issue"]):
            self.assertIn("Examples:", self.talea(*words, "--help").decode())


if __name__ == "__main__":
    main()
