// json_writer.h and json_reader.h, and that each reads what the other wrote.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "cli/json_reader.h"
#include "cli/json_writer.h"
#include "cli/line_reader.h"
#include "tests/support/test_directory.h"

namespace talea::cli {
namespace {

// The reader wants readable bytes behind a line; these hold what would continue the JSON.
std::string padded(const std::string& line) { return line + std::string(kLinePaddingBytes, '}'); }

Status read_status(const std::string& line) {
  JsonReader reader;
  const std::string buffer = padded(line);
  return reader.read(std::string_view(buffer).substr(0, line.size())).status();
}

TEST(JsonWriter, FieldsStandInTheOrderInWhichTheyWereAdded) {
  EXPECT_EQ(JsonObject()
                .text("a", "x\"\\\n\x01")
                .number("b", 18446744073709551615U)
                .boolean("c", true)
                .null("d")
                .decimal("e", 1.5)
                .json("f", "[]")
                .close(),
            R"({"a":"x\"\\\n\u0001","b":18446744073709551615,"c":true,"d":null,"e":1.500,"f":[]})");
}

TEST(JsonWriter, BytesThatAreNotUtf8AreInBase64) {
  EXPECT_EQ(JsonObject().bytes("key", "\xFF\x00").close(), R"({"key_base64":"/w=="})");
  EXPECT_EQ(JsonObject().bytes("key", "\xC3\xA9").close(), "{\"key\":\"\xC3\xA9\"}");
}

TEST(JsonWriter, AKeyThatNeverExpiresHasNoExpiry) {
  EXPECT_EQ(JsonObject().text("key", "k").expiry(0).close(), R"({"key":"k"})");
  EXPECT_EQ(JsonObject().text("key", "k").expiry(7).close(), R"({"key":"k","expires_at_ms":7})");
}

TEST(JsonWriter, ALargeTextOfControlCharactersIsShorterInBase64) {
  EXPECT_TRUE(fits_json_string(std::string(1024, '\x01')));
  EXPECT_FALSE(fits_json_string(std::string(2 * kMiB, '\x01')));
  EXPECT_TRUE(fits_json_string(std::string(2 * kMiB, 'a')));
}

TEST(JsonReader, ReadsAllFieldsOfAnOperation) {
  JsonReader reader;
  const std::string line =
      R"( {"op":"put","key_base64":"AP8=","value":"v","if_absent":true,"if_revision":7} )";
  const std::string buffer = padded(line);
  const auto read = reader.read(std::string_view(buffer).substr(0, line.size()));
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_FALSE((*read)->is_array);
  const JsonRow& row = (*read)->rows.front();
  EXPECT_EQ(row.op, "put");
  EXPECT_EQ(row.key, BytesView("\x00\xFF", 2));
  EXPECT_EQ(row.value, "v");
  EXPECT_TRUE(row.if_absent);
  EXPECT_FALSE(row.if_present);
  EXPECT_EQ(row.if_revision, 7U);
}

TEST(JsonReader, ReadsWhenAKeyExpires) {
  JsonReader reader;
  const std::string line =
      R"([{"ttl_ms":5},{"expires_at_ms":18446744073709551615},{"keep_ttl":true},{"never":true},{}])";
  const std::string buffer = padded(line);
  const auto read = reader.read(std::string_view(buffer).substr(0, line.size()));
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  const std::vector<JsonRow>& rows = (*read)->rows;
  EXPECT_EQ(rows[0].ttl_ms, 5U);
  EXPECT_EQ(rows[1].expires_at_ms, UINT64_MAX);
  EXPECT_TRUE(rows[2].keep_ttl);
  EXPECT_TRUE(rows[3].never);
  for (std::size_t row = 0; row < 4; ++row) EXPECT_TRUE(rows[row].has_expiry()) << row;
  EXPECT_FALSE(rows[4].has_expiry());
}

TEST(JsonReader, RefusesWhatItDoesNotUnderstand) {
  for (const char* line : {
           "",
           "x",
           "5",
           "null",
           "{",
           R"({"key":"a")",
           R"({"key":"a"}})",
           R"({"key":"a"} {"key":"b"})",
           R"({"key":"a"}])",
           R"({"key":"a",})",
           R"({"key" "a"})",
           R"({"key":a})",
           R"({"key":"\ud800"})",
           R"({"key":"\x"})",
           "{\"key\":\"\xFF\"}",
           R"({"key":5})",
           R"({"key":null})",
           R"({"key":["a"]})",
           R"({"key_base64":"!"})",
           R"({"key":"a","key_base64":"YQ=="})",
           R"({"if_absent":1})",
           R"({"if_revision":-1})",
           R"({"if_revision":1.5})",
           R"({"if_revision":18446744073709551616})",
           R"({"unknown":1})",
           R"({"ttl_ms":-1})",
           R"({"ttl_ms":"30s"})",
           R"({"ttl_ms":1,"ttl_ms":2})",
           R"({"expires_at_ms":1.5})",
           R"({"expires_at_ms":null})",
           R"({"keep_ttl":1})",
           R"({"never":"true"})",
           "[1]",
           R"([{"key":"a"})",
           R"([{"key":"a"},])",
           R"([{"key":"a"}]])",
       }) {
    EXPECT_EQ(read_status(line).code(), Code::invalid_argument) << line;
  }
}

TEST(JsonReader, ALineThatFailedDoesNotHarmTheNext) {
  JsonReader reader;
  const std::string bad = padded(R"({"key":"a","value":)");
  EXPECT_FALSE(reader.read(std::string_view(bad).substr(0, bad.size() - kLinePaddingBytes)).ok());
  const std::string good = padded(R"([{"key":"a"},{"key":"b"}])");
  const auto read = reader.read(std::string_view(good).substr(0, good.size() - kLinePaddingBytes));
  ASSERT_TRUE(read.ok());
  EXPECT_TRUE((*read)->is_array);
  EXPECT_EQ((*read)->rows.size(), 2U);
}

TEST(Json, AnyBytesComeBackAsTheyWere) {
  std::mt19937_64 random(test_seed());
  JsonReader reader;
  for (int round = 0; round < 2000; ++round) {
    Bytes value(random() % 300, '\0');
    // Half of the rounds stay within ASCII, so that both forms are tested.
    for (char& byte : value) byte = static_cast<char>(random() % (round % 2 == 0 ? 128 : 256));
    const std::string line = JsonObject().bytes("key", value).close();
    const std::string buffer = padded(line);
    const auto read = reader.read(std::string_view(buffer).substr(0, line.size()));
    ASSERT_TRUE(read.ok()) << line;
    ASSERT_EQ((*read)->rows.front().key, value) << line;
  }
}

}  // namespace
}  // namespace talea::cli
