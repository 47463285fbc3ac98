#!/usr/bin/env python3
"""batch: a client on a pipe."""

import base64
import json
import signal
import threading

from talea_cli import SECONDS_MAX, Session, TaleaTest, main


class Batch(TaleaTest):
    def answers(self, *lines, expect=0):
        """The result of each line, all given at once."""
        text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n"
                       for line in lines)
        return [json.loads(line)
                for line in self.talea("batch", stdin=text.encode(), expect=expect).splitlines()]

    def test_each_kind_of_operation_has_its_result(self):
        put, got, deleted, absent = self.answers(
            {"op": "put", "key": "k", "value": "v"}, {"op": "get", "key": "k"},
            {"op": "delete", "key": "k"}, {"op": "get", "key": "k"}, expect=1)
        self.assertEqual(put, {"sequence": 1})
        self.assertEqual(got, {"value": "v", "revision": 1})
        self.assertEqual(deleted, {"sequence": 2})
        self.assertEqual(absent, {"value": None})

    def test_nothing_in_is_nothing_out(self):
        self.assertEqual(self.talea("batch"), b"")

    def test_bytes_of_all_values_go_through(self):
        every = base64.b64encode(bytes(range(256))).decode()
        _, got = self.answers({"op": "put", "key_base64": every, "value_base64": every},
                              {"op": "get", "key_base64": every})
        self.assertEqual(got["value_base64"], every)

    def test_an_array_happens_as_a_whole_or_not_at_all(self):
        results = self.answers(
            [{"op": "put", "key": "a", "value": "1"}, {"op": "put", "key": "b", "value": "1"}],
            [{"op": "put", "key": "a", "value": "2"}, {"op": "delete", "key": "b"},
             {"op": "put", "key": "c", "value": "2", "if_revision": 99}], expect=1)
        self.assertEqual(results[0], {"sequence": 1})
        self.assertEqual(results[1]["error"]["code"], "conflict")
        self.assertEqual(results[1]["error"]["failed"],
                         {"operation": 2, "condition": "if_revision", "key": "c",
                          "found_revision": None})
        self.assertEqual(self.rows(), {b"a": b"1", b"b": b"1"})

    def test_a_condition_that_fails_says_what_was_found(self):
        results = self.answers({"op": "put", "key": "k", "value": "1", "if_absent": True},
                               {"op": "put", "key": "k", "value": "2", "if_absent": True},
                               {"op": "put", "key": "k", "value": "3", "if_revision": 1},
                               {"op": "delete", "key": "none", "if_present": True},
                               {"op": "get", "key": "k"}, expect=1)
        self.assertEqual(results[1]["error"]["failed"]["found_revision"], 1)
        self.assertEqual(results[2], {"sequence": 2})
        self.assertEqual(results[3]["error"]["failed"]["condition"], "if_present")
        self.assertEqual(results[4]["value"], "3")

    def test_a_bad_line_has_a_result_with_its_number_and_does_not_stop_the_next(self):
        bad = ["", "x", "5", "{", '{"op":"put","key":"k"}', '{"op":"put","key":"","value":"v"}',
               '{"op":"frob","key":"k"}', '{"key":"k"}', '{"op":"get"}',
               '{"op":"get","key":"k","value":"v"}', '{"op":"get","key":"k","if_absent":true}',
               '{"op":"put","key":"k","value":"v","ttl":5}', '{"op":"get","key":"k"} x',
               '[{"op":"get","key":"k"}]', '{"op":"put","key":"k","value_base64":"!"}']
        results = self.answers(*bad, {"op": "put", "key": "k", "value": "v"}, expect=4)
        for number, result in enumerate(results[:-1], 1):
            self.assertEqual(result["error"]["code"], "invalid_argument", bad[number - 1])
            self.assertEqual(result["error"]["line"], number)
            self.assertTrue(result["error"]["message"])
        self.assertEqual(results[-1], {"sequence": 1})

    def test_a_get_inside_an_array_is_refused_with_the_reason(self):
        result, = self.answers([{"op": "get", "key": "k"}], expect=4)
        self.assertIn("atomic write", result["error"]["message"])

    def test_the_last_line_needs_no_newline(self):
        self.assertEqual(self.talea("batch", stdin=b'{"op":"put","key":"k","value":"v"}'),
                         b'{"sequence":1}\n')

    def test_values_beyond_a_mebibyte_go_through(self):
        large = "x" * 3_000_000
        _, got = self.answers({"op": "put", "key": "k", "value": large}, {"op": "get", "key": "k"})
        self.assertEqual(got["value"], large)

    def test_a_result_is_there_before_the_next_line_is_written(self):
        session = Session(self.directory)
        for number in range(20):
            self.assertEqual(session.ask({"op": "put", "key": f"k{number}", "value": "v"}),
                             {"sequence": number + 1})
            self.assertEqual(session.ask({"op": "get", "key": f"k{number}"}),
                             {"value": "v", "revision": number + 1})
        self.assertEqual(session.close(), (0, ""))

    def test_a_second_owner_is_told_who_holds_the_store(self):
        session = Session(self.directory)
        session.ask({"op": "put", "key": "k", "value": "v"})
        for arguments in (["put", "k", "w"], ["get", "k"], ["batch"], ["verify"]):
            errors = self.errors(*arguments, expect=4)
            self.assertIn(f"process {session.process.pid} ", errors)
            self.assertIn("next: ", errors)
        self.assertEqual(session.close(), (0, ""))
        self.assertEqual(self.talea("get", "k"), b"v")

    def test_a_reader_that_goes_away_ends_it_quietly_and_in_good_order(self):
        session = Session(self.directory)
        session.ask({"op": "put", "key": "k", "value": "v"})
        session.process.stdout.close()
        session.send({"op": "put", "key": "k", "value": "w"})
        self.assertEqual(session.process.wait(SECONDS_MAX), 141)
        self.assertEqual(session.process.stderr.read(), b"")
        session.release()
        self.assertEqual(self.talea("get", "k"), b"w")
        self.assertTrue(all(s["sealed"] for s in self.json("segments")["segments"]))

    def test_what_was_acknowledged_survives_a_kill(self):
        session = Session(self.directory, "--segment-bytes", "65536")

        def feed():
            try:
                for number in range(1_000_000):
                    session.send({"op": "put", "key": f"key {number}", "value": f"value {number}"})
            except (BrokenPipeError, ValueError):
                pass

        feeder = threading.Thread(target=feed)
        feeder.start()
        acknowledged = 0
        while acknowledged < 500:
            self.assertEqual(session.receive(), {"sequence": acknowledged + 1})
            acknowledged += 1
        session.process.send_signal(signal.SIGKILL)
        session.process.wait()
        # What it had written before it died was acknowledged as well.
        rest = (session.buffer + session.process.stdout.read()).split(b"\n")
        acknowledged += sum(1 for line in rest[:-1] if b'"sequence"' in line)
        feeder.join()
        session.release()
        rows = self.rows()
        for number in range(acknowledged):
            self.assertEqual(rows.get(f"key {number}".encode()), f"value {number}".encode())
        # At most the one that was being written when it died is more.
        self.assertLessEqual(len(rows), acknowledged + 1)
        self.talea("verify")
        self.talea("put", "after", "the kill")


if __name__ == "__main__":
    main()
