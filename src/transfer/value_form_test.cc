#include "transfer/value_form.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

TEST(ValueForm, BytesBecomeJsonAndComeBack) {
  SeededRandom random(test_seed());
  for (int round = 0; round < 2000; ++round) {
    Bytes value(random.next_u64() % 20, '\0');
    const bool is_text = round % 2 == 0;
    for (char& c : value) c = static_cast<char>(random.next_u64() % (is_text ? 128 : 256));
    const Bytes json = in_form(ValueForm::to_json, value).value();
    EXPECT_TRUE(comparable_json(json).ok()) << json;
    EXPECT_EQ(in_form(ValueForm::from_json, json).value(), value);
    EXPECT_EQ(in_form(ValueForm::from_json, " \n" + json + "\t").value(), value);
  }
}

TEST(ValueForm, OtherJsonIsNotTakenForBytes) {
  for (const char* json :
       {"", " ", "1", "null", "{}", "[\"a\"]", R"({"base64":1})", R"({"base64":"AA=","b":1})",
        R"({"base64":"?"})", R"({"base63":"AA=="})", "\"a", "\"a\" x"}) {
    EXPECT_EQ(in_form(ValueForm::from_json, json).status().code(), Code::invalid_argument) << json;
  }
}

TEST(ComparableJson, IsOneTextForOneValue) {
  const auto same = [](BytesView left, BytesView right) {
    return comparable_json(left).value() == comparable_json(right).value();
  };
  EXPECT_TRUE(same(R"({"b":1,"a":[2]})", R"( {"a":[2.0], "b":1e0} )"));
  EXPECT_TRUE(same(R"("\u00fc")", "\"\xc3\xbc\""));
  EXPECT_TRUE(same("20.0", "20"));
  EXPECT_FALSE(same("9007199254740993", "9007199254740992"));
  EXPECT_FALSE(same("[1,2]", "[2,1]"));
  EXPECT_FALSE(same(R"({"__proto__":1})", "{}"));
  EXPECT_FALSE(same("\"1\"", "1"));
  EXPECT_EQ(comparable_json("NaN").status().code(), Code::invalid_argument);
}

}  // namespace
}  // namespace talea
