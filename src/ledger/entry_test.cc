#include "ledger/entry.h"

#include <gtest/gtest.h>

#include "crypto/sha256.h"

namespace talea {
namespace {

LedgerEntry entry_with(BytesView value, HashForm form) {
  LedgerEntry entry;
  entry.key = "caf\xc3\xa9/\"k\"";
  entry.value = value;
  entry.sequence = 3;
  entry.timestamp_ms = 1'700'000'000'000;
  entry.previous_hash = kGenesisHash;
  entry.version_id = "v3";
  entry.previous_version_id = "v2";
  entry.previous_key_object_etag = "\"e\"";
  entry.hash = hash_of(entry, form);
  return entry;
}

std::string sha(BytesView text) { return "sha256:" + to_hex(Sha256::of(text)); }

// A body with one member replaced; empty: left out.
Bytes body_with(std::string_view name, std::string_view json) {
  struct Member {
    std::string_view name;
    std::string_view json;
  };
  Bytes body;
  for (const Member& member :
       {Member{"hash", "\"sha256:1\""}, Member{"key", "\"k\""}, Member{"log_version_id", "\"v\""},
        Member{"previous_hash", "\"sha256:0\""},
        Member{"previous_key_object_etag", "\"\\\"e\\\"\""}, Member{"previous_version_id", "\"p\""},
        Member{"sequence", "1"}, Member{"timestamp_ms", "5"}, Member{"value", "{}"}}) {
    const std::string_view text = member.name == name ? json : member.json;
    if (text.empty()) continue;
    body += body.empty() ? "{" : ",";
    body += '"' + std::string(member.name) + "\":" + std::string(text);
  }
  return body + "}";
}

TEST(LedgerEntryBody, ComesBackAsItWas) {
  for (const HashForm form : {HashForm::python, HashForm::typescript}) {
    const LedgerEntry entry = entry_with(R"({"a":[1,2.5]})", form);
    const LedgerEntry back = decode_log_entry(encode_log_entry(entry, form), "v3").value();
    EXPECT_EQ(back.key, entry.key);
    EXPECT_EQ(back.value, entry.value);
    EXPECT_EQ(back.sequence, 3);
    EXPECT_EQ(back.timestamp_ms, entry.timestamp_ms);
    EXPECT_EQ(back.hash, entry.hash);
    EXPECT_EQ(back.previous_hash, kGenesisHash);
    EXPECT_EQ(back.version_id, "v3");
    EXPECT_EQ(back.previous_version_id, "v2");
    EXPECT_EQ(back.previous_key_object_etag, "\"e\"");
    EXPECT_EQ(find_hash_form(back), form);
    const LedgerEntry of_key = decode_key_object(encode_key_object(entry, form)).value();
    EXPECT_EQ(of_key.version_id, "v3");
    EXPECT_EQ(of_key.value, entry.value);
    EXPECT_TRUE(of_key.previous_version_id.empty());
    EXPECT_EQ(find_hash_form(of_key), form);
  }
}

TEST(LedgerEntryBody, OfAFirstEntryNamesNothingBeforeIt) {
  LedgerEntry entry = entry_with("1", HashForm::python);
  entry.previous_version_id.clear();
  entry.previous_key_object_etag.clear();
  const Bytes body = encode_log_entry(entry, HashForm::python);
  EXPECT_EQ(body.find("previous_version_id"), Bytes::npos);
  EXPECT_EQ(body.find("previous_key_object_etag"), Bytes::npos);
}

TEST(LedgerEntryBody, KeepsTheBytesOfItsValue) {
  for (const char* value : {"20.0", "9007199254740993", "NaN", R"({ "b" : 1 , "a":[ ] })"}) {
    const auto entry = decode_log_entry(body_with("value", value), "v").value();
    EXPECT_EQ(entry.value, value);
    EXPECT_TRUE(encode_key_object(entry, HashForm::python)
                    .ends_with("\"value\":" + std::string(value) + "}"));
  }
}

TEST(LedgerEntryBody, IsReadInAnyOrderWithSpacesAndWithMembersOfOthers) {
  const auto entry = decode_log_entry(
      R"( { "value": "x", "sequence": 7, "later": {"a":NaN}, "timestamp_ms": 9,
            "key": "ü", "previous_hash": "sha256:a", "hash": "sha256:b" } )",
      "v");
  ASSERT_TRUE(entry.ok()) << entry.status().to_string();
  EXPECT_EQ(entry->key, "ü");
  EXPECT_EQ(entry->sequence, 7);
}

TEST(LedgerEntryBody, TakesNullAsMissingWhereAMemberMayBe) {
  for (const char* name : {"previous_version_id", "previous_key_object_etag"}) {
    for (const char* json : {"null", ""}) {
      const auto entry = decode_log_entry(body_with(name, json), "v").value();
      EXPECT_EQ(entry.previous_version_id, name[9] == 'v' ? "" : "p");
      EXPECT_EQ(entry.previous_key_object_etag, name[9] == 'v' ? "\"e\"" : "");
    }
  }
}

TEST(LedgerEntryBody, WithoutAValueHasNull) {
  const auto entry = decode_log_entry(body_with("value", ""), "v").value();
  EXPECT_EQ(entry.value, "null");
  EXPECT_TRUE(entry.value_is_missing);
  EXPECT_TRUE(encode_key_object(entry, HashForm::python).ends_with("\"value\":null}"));
  EXPECT_FALSE(decode_log_entry(body_with("value", "null"), "v").value().value_is_missing);
}

TEST(LedgerEntryBody, ThatIsNoneIsCorruptionAndSaysWhy) {
  struct Case {
    const char* name;
    const char* json;
  };
  for (const Case& wrong : {Case{"hash", ""},
                            Case{"hash", "1"},
                            Case{"hash", "\"md5:1\""},
                            Case{"hash", "null"},
                            Case{"key", ""},
                            Case{"key", "null"},
                            Case{"key", "\"\\ud800\""},
                            Case{"previous_hash", ""},
                            Case{"previous_hash", "\"x\""},
                            Case{"sequence", ""},
                            Case{"sequence", "true"},
                            Case{"sequence", "\"1\""},
                            Case{"sequence", "1.0"},
                            Case{"sequence", "-2"},
                            Case{"sequence", "99999999999999999999"},
                            Case{"timestamp_ms", ""},
                            Case{"timestamp_ms", "0"},
                            Case{"timestamp_ms", "-5"},
                            Case{"timestamp_ms", "1e3"},
                            Case{"previous_version_id", "1"},
                            Case{"previous_key_object_etag", "[]"}}) {
    const auto entry = decode_log_entry(body_with(wrong.name, wrong.json), "v");
    EXPECT_EQ(entry.status().code(), Code::corruption) << wrong.name << " " << wrong.json;
    EXPECT_NE(entry.status().message().find(wrong.name), std::string_view::npos);
  }
  EXPECT_EQ(decode_key_object(body_with("log_version_id", "")).status().code(), Code::corruption);
  EXPECT_TRUE(decode_log_entry(body_with("sequence", "-1"), "v").ok());
  for (const char* body : {"", "[]", "null", "{", "{}", "{\"hash\":1,\"hash\":2}"}) {
    EXPECT_EQ(decode_log_entry(body, "v").status().code(), Code::corruption) << body;
    EXPECT_EQ(decode_key_object(body).status().code(), Code::corruption) << body;
  }
}

TEST(LedgerEntryHash, TellsEveryChange) {
  const LedgerEntry intact = entry_with("{\"a\":1}", HashForm::python);
  const auto changed = [&](auto change) {
    LedgerEntry entry = intact;
    change(entry);
    return find_hash_form(entry);
  };
  EXPECT_EQ(find_hash_form(intact), HashForm::python);
  EXPECT_EQ(changed([](auto& e) { e.key += "x"; }), HashForm::none);
  EXPECT_EQ(changed([](auto& e) { e.key = "\xff"; }), HashForm::none);
  EXPECT_EQ(changed([](auto& e) { e.value = "{\"a\":2}"; }), HashForm::none);
  EXPECT_EQ(changed([](auto& e) { e.value = "no JSON"; }), HashForm::none);
  EXPECT_EQ(changed([](auto& e) { e.sequence += 1; }), HashForm::none);
  EXPECT_EQ(changed([](auto& e) { e.timestamp_ms += 1; }), HashForm::none);
  EXPECT_EQ(changed([](auto& e) { e.previous_hash = "sha256:x"; }), HashForm::none);
  EXPECT_EQ(changed([](auto& e) { e.hash.back() = e.hash.back() == '0' ? '1' : '0'; }),
            HashForm::none);
  EXPECT_EQ(changed([](auto& e) { e.version_id = "other"; }), HashForm::python)
      << "versions are in no hash";
}

TEST(LedgerEntryHash, IsFoundWhenTheOtherLanguagePrintedTheValueAnew) {
  LedgerEntry entry = entry_with("1e-05", HashForm::python);
  entry.value = "0.00001";
  EXPECT_EQ(find_hash_form(entry), HashForm::python);
  entry = entry_with("0.00001", HashForm::typescript);
  entry.value = "1e-05";
  EXPECT_EQ(find_hash_form(entry), HashForm::typescript);
  entry = entry_with("20.0", HashForm::python);
  entry.value = "20";
  EXPECT_EQ(find_hash_form(entry), HashForm::none) << "what is lost is lost";
}

TEST(LedgerEntryHash, OfUndefinedHadNoValue) {
  LedgerEntry entry = entry_with("null", HashForm::typescript);
  entry.key = "k";
  entry.value_is_missing = true;
  entry.hash =
      sha("{\"key\":\"k\",\"previousHash\":\"sha256:genesis\",\"sequence\":3,"
          "\"timestampMs\":1700000000000}");
  EXPECT_EQ(find_hash_form(entry), HashForm::typescript);
  entry.value_is_missing = false;
  EXPECT_EQ(find_hash_form(entry), HashForm::none);
}

TEST(LedgerEntryHash, OfThePipeFormIsOfTheSortedValueInEitherLanguage) {
  LedgerEntry entry = entry_with(R"({"b":"ü","a":1})", HashForm::python);
  entry.hash = sha("3|" + entry.key + R"(|{"a":1,"b":"\u00fc"}|1700000000000|sha256:genesis)");
  EXPECT_EQ(find_hash_form(entry), HashForm::pipe) << "Python";
  entry.hash = sha("3|" + entry.key + R"(|{"a":1,"b":"ü"}|1700000000000|sha256:genesis)");
  EXPECT_EQ(find_hash_form(entry), HashForm::pipe) << "TypeScript";
}

TEST(LedgerKey, IsCheckedWithThePrefixCounted) {
  EXPECT_TRUE(check_ledger_key("", 0).ok());
  EXPECT_TRUE(check_ledger_key("a/b c+%../ü", 4).ok());
  EXPECT_TRUE(check_ledger_key(std::string(1014, 'k'), 0).ok());
  EXPECT_EQ(check_ledger_key(std::string(1015, 'k'), 0).code(), Code::invalid_argument);
  EXPECT_TRUE(check_ledger_key(std::string(1004, 'k'), 10).ok());
  EXPECT_EQ(check_ledger_key(std::string(1005, 'k'), 10).code(), Code::invalid_argument);
  for (const char* key : {"a\nb", "\x01", "a\x7f", "\xff", "\xed\xa0\x80"}) {
    EXPECT_EQ(check_ledger_key(key, 0).code(), Code::invalid_argument) << key;
  }
}

TEST(CanonicalValue, IsWhatTheClientsOfTheFormFindIntact) {
  EXPECT_EQ(*canonical_value(" {\"b\":20.0, \"a\":1e-5} ", HashForm::python),
            R"({"a":1e-05,"b":20.0})");
  EXPECT_EQ(*canonical_value(" {\"b\":20.0, \"a\":1e-5} ", HashForm::typescript),
            R"({"a":0.00001,"b":20})");
  for (const char* value : {"", "NaN", "{", "{\"a\":1,\"a\":2}", "1e999", "undefined"}) {
    EXPECT_EQ(canonical_value(value, HashForm::python).status().code(), Code::invalid_argument)
        << value;
  }
  EXPECT_FALSE(canonical_value("9007199254740993", HashForm::typescript).ok());
  EXPECT_TRUE(canonical_value("9007199254740993", HashForm::python).ok());
}

}  // namespace
}  // namespace talea
