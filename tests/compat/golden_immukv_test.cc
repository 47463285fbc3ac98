// What ImmuKV's two clients computed: tests/compat/golden/immukv-v1/vectors.json has the texts that
// they hashed, and the hashes. An entry made of the members of such a text is intact, and made of
// its values we print the same text.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "codec/canonical_json.h"
#include "crypto/sha256.h"
#include "ledger/entry.h"
#include "tests/compat/golden.h"

namespace talea {
namespace {

const std::string kFolder = "immukv-v1/";

Bytes golden(const std::string& name) {
  const Bytes bytes = read_whole_file(kGoldenDirectory + kFolder + name);
  EXPECT_FALSE(bytes.empty()) << name;
  return bytes;
}

nlohmann::json vectors() { return nlohmann::json::parse(golden("vectors.json")); }

// The entry whose text was hashed.
LedgerEntry entry_of(const std::string& text, const std::string& hash) {
  LedgerEntry entry;
  entry.hash = hash;
  const auto members = scan_json_object(text);
  EXPECT_TRUE(members.ok()) << text;
  for (const JsonMember& member : *members) {
    if (member.name == "key") entry.key = *parse_json_string(member.value);
    if (member.name.starts_with("previous")) {
      entry.previous_hash = *parse_json_string(member.value);
    }
    if (member.name == "sequence") entry.sequence = *parse_json_integer(member.value);
    if (member.name.starts_with("timestamp")) {
      entry.timestamp_ms = static_cast<std::uint64_t>(*parse_json_integer(member.value));
    }
    if (member.name == "value") entry.value = member.value;
  }
  return entry;
}

TEST(GoldenImmukv, EachVectorIsIntactInItsForm) {
  const auto all = vectors();
  ASSERT_EQ(all["json_forms"].size(), 8U);
  for (const auto& vector : all["json_forms"]) {
    for (const HashForm form : {HashForm::python, HashForm::typescript}) {
      const auto& side = vector[form == HashForm::python ? "python" : "typescript"];
      const LedgerEntry entry = entry_of(side["text"], side["hash"]);
      EXPECT_EQ(find_hash_form(entry), form) << vector["name"];
      EXPECT_EQ(hash_of(entry, form), side["hash"]) << vector["name"];
    }
  }
}

TEST(GoldenImmukv, OurCanonicalValuesAreTheirs) {
  const auto all = vectors();
  for (const auto& vector : all["json_forms"]) {
    const Bytes python = entry_of(vector["python"]["text"], "").value;
    const Bytes typescript = entry_of(vector["typescript"]["text"], "").value;
    EXPECT_EQ(*canonical_json(python, JsonForm::python), python) << vector["name"];
    EXPECT_EQ(*canonical_json(python, JsonForm::typescript), typescript) << vector["name"];
    EXPECT_EQ(*canonical_json(typescript, JsonForm::typescript), typescript) << vector["name"];
  }
}

TEST(GoldenImmukv, ThePipeFormIsTheirs) {
  const auto all = vectors();
  for (const auto& vector : all["pipe_form"]) {
    const std::string text = vector["text"];
    const std::string hash = vector["hash"];
    EXPECT_EQ("sha256:" + to_hex(Sha256::of(text)), hash);
  }
  const auto entry = decode_log_entry(golden("log-entry-pipe.json"), "v").value();
  EXPECT_EQ(find_hash_form(entry), HashForm::pipe);
  EXPECT_EQ(entry.hash, all["pipe_form"][0]["hash"]);
  EXPECT_TRUE(entry.previous_version_id.empty()) << "null is missing";
  EXPECT_TRUE(entry.previous_key_object_etag.empty()) << "null is missing";
}

TEST(GoldenImmukv, ObjectsAreReadAndWrittenByteForByte) {
  for (const char* name : {"log-entry-0.json", "log-entry-1.json"}) {
    const Bytes body = golden(name);
    const auto entry = decode_log_entry(body, "VER0").value();
    EXPECT_EQ(find_hash_form(entry), HashForm::python) << name;
    EXPECT_EQ(encode_log_entry(entry, HashForm::python), body) << name;
  }
  const auto entry = decode_log_entry(golden("log-entry-0.json"), "VER0").value();
  EXPECT_EQ(encode_key_object(entry, HashForm::python), golden("key-object-0.json"));
  const auto key_object = decode_key_object(golden("key-object-0.json")).value();
  EXPECT_EQ(key_object.version_id, "VER0");
  EXPECT_EQ(find_hash_form(key_object), HashForm::python);
}

TEST(GoldenImmukv, ANullThatPythonLeftOutIsReadAndIntact) {
  const auto entry = decode_log_entry(golden("log-entry-python-null.json"), "v").value();
  EXPECT_TRUE(entry.value_is_missing);
  EXPECT_EQ(entry.value, "null");
  EXPECT_EQ(find_hash_form(entry), HashForm::python);
}

}  // namespace
}  // namespace talea
