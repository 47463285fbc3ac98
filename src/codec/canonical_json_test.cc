#include "codec/canonical_json.h"

#include <gtest/gtest.h>

#include "talea/limits.h"

namespace talea {
namespace {

using Form = JsonForm;

Bytes canonical(BytesView json, Form form) {
  const auto printed = canonical_json(json, form, {.allow_nan = true});
  EXPECT_TRUE(printed.ok()) << json << ": " << printed.status().to_string();
  return printed.ok() ? *printed : Bytes();
}
Bytes python(BytesView json) { return canonical(json, Form::python); }
Bytes typescript(BytesView json) { return canonical(json, Form::typescript); }

Code code_of(BytesView json, const JsonReading& reading = {}, Form form = Form::python) {
  return canonical_json(json, form, reading).status().code();
}

TEST(CanonicalJson, LeavesNoSpace) {
  EXPECT_EQ(python(" { \"a\" :\t[ 1 ,\r\n2 ] , \"b\" : { } } "), R"({"a":[1,2],"b":{}})");
  EXPECT_EQ(python("[ ]"), "[]");
  EXPECT_EQ(python("[true,false,null]"), "[true,false,null]");
}

TEST(CanonicalJson, OfANumberIsWhatEachLanguagePrints) {
  struct Case {
    const char* given;
    const char* python;
    const char* typescript;
  };
  for (const Case& number : {
           Case{"0", "0", "0"},
           Case{"-0", "0", "0"},
           Case{"-0.0", "-0.0", "0"},
           Case{"1.0", "1.0", "1"},
           Case{"20.00", "20.0", "20"},
           Case{"1E2", "100.0", "100"},
           Case{"-1.5e0", "-1.5", "-1.5"},
           Case{"1e15", "1000000000000000.0", "1000000000000000"},
           Case{"1e16", "1e+16", "10000000000000000"},
           Case{"123456789012345678.0", "1.2345678901234568e+17", "123456789012345680"},
           Case{"1e20", "1e+20", "100000000000000000000"},
           Case{"1e21", "1e+21", "1e+21"},
           Case{"1.5e300", "1.5e+300", "1.5e+300"},
           Case{"0.0001", "0.0001", "0.0001"},
           Case{"0.00001", "1e-05", "0.00001"},
           Case{"0.000001", "1e-06", "0.000001"},
           Case{"0.0000001", "1e-07", "1e-7"},
           Case{"1.5e-10", "1.5e-10", "1.5e-10"},
           Case{"5e-324", "5e-324", "5e-324"},
           Case{"0.1000000000000000055511151231257827", "0.1", "0.1"},
           Case{"9007199254740993", "9007199254740993", "9007199254740992"},
           Case{"100000000000000000000", "100000000000000000000", "100000000000000000000"},
           Case{"1000000000000000000000", "1000000000000000000000", "1e+21"},
           Case{"1e-400", "0.0", "0"},
           Case{"-1e-400", "-0.0", "0"},
           Case{"NaN", "NaN", "null"},
           Case{"-Infinity", "-Infinity", "null"},
       }) {
    EXPECT_EQ(python(number.given), number.python) << number.given;
    EXPECT_EQ(typescript(number.given), number.typescript) << number.given;
  }
}

TEST(CanonicalJson, RefusesADoubleBeyondTheRange) {
  for (const char* number : {"1e309", "-1e309", "1e99999999999999999999", "123e308"}) {
    EXPECT_EQ(code_of(number), Code::invalid_argument) << number;
  }
  const Bytes long_and_large = "1" + Bytes(400, '0') + "e-5";
  EXPECT_EQ(code_of(long_and_large), Code::invalid_argument);
  const Bytes long_and_small = "0." + Bytes(400, '0') + "1e5";
  EXPECT_EQ(python(long_and_small), "0.0");
  EXPECT_EQ(python("0e99999999999999999999"), "0.0");
  EXPECT_EQ(python("1e-99999999999999999999"), "0.0");
  const Bytes long_integer = "1" + Bytes(400, '0');
  EXPECT_EQ(python(long_integer), long_integer);
  EXPECT_EQ(code_of(long_integer, {}, Form::typescript), Code::invalid_argument);
}

TEST(CanonicalJson, TakesIntegersOfAsManyDigitsAsPython) {
  const Bytes longest(kJsonIntegerDigitsMax, '7');
  EXPECT_EQ(python(longest), longest);
  EXPECT_EQ(python("-" + longest), "-" + longest);
  EXPECT_EQ(code_of(longest + "7"), Code::invalid_argument);
}

TEST(CanonicalJson, RefusesLossWhereItIsAskedTo) {
  const JsonReading strict{.refuse_loss = true};
  const auto of = [&](BytesView json) { return code_of(json, strict, Form::typescript); };
  EXPECT_EQ(of("9007199254740993"), Code::invalid_argument);
  EXPECT_EQ(of("1152921504606846976"), Code::invalid_argument) << "2^60 prints as ...847000";
  EXPECT_EQ(of("9007199254740992"), Code::ok);
  EXPECT_EQ(of("-0"), Code::ok);
  EXPECT_EQ(of(R"({"__proto__":1})"), Code::invalid_argument);
  EXPECT_EQ(code_of(R"({"__proto__":9007199254740993})", strict), Code::ok) << "python";
}

TEST(CanonicalJson, EscapesAsEachLanguageDoes) {
  const char* const text = R"("\u0000\b\t\n\u000b\f\r\u001F\/\"\\ \u007f\u0080\u20AC\uD83D\uDE00")";
  EXPECT_EQ(python(text), R"("\u0000\b\t\n\u000b\f\r\u001f/\"\\ \u007f\u0080\u20ac\ud83d\ude00")");
  EXPECT_EQ(typescript(text), R"("\u0000\b\t\n\u000b\f\r\u001f/\"\\ )"
                              "\x7f"
                              R"(\u0080\u20ac\ud83d\ude00")");
  EXPECT_EQ(canonical(text, Form::typescript_raw), R"("\u0000\b\t\n\u000b\f\r\u001f/\"\\ )"
                                                   "\x7f\xc2\x80\xe2\x82\xac\xf0\x9f\x98\x80\"");
}

TEST(CanonicalJson, KeepsHalvesOfSurrogatePairs) {
  for (const Form form : {Form::python, Form::typescript, Form::typescript_raw}) {
    EXPECT_EQ(canonical(R"("\uD83Dx\uDE00\ud83d\ud83d\ude00")", form),
              form == Form::typescript_raw ? "\"\\ud83dx\\ude00\\ud83d\xf0\x9f\x98\x80\""
                                           : R"("\ud83dx\ude00\ud83d\ud83d\ude00")");
  }
}

TEST(CanonicalJson, OrdersMembersAsEachLanguageDoes) {
  EXPECT_EQ(python(R"({"b":1,"a":2,"B":3,"":4})"), R"({"":4,"B":3,"a":2,"b":1})");
  const char* const numbers =
      R"({"10":1,"9":2,"a":3,"4294967294":4,"4294967295":5,"01":6,"0":7,"-1":8})";
  EXPECT_EQ(python(numbers),
            R"({"-1":8,"0":7,"01":6,"10":1,"4294967294":4,"4294967295":5,"9":2,"a":3})");
  EXPECT_EQ(typescript(numbers),
            R"({"0":7,"9":2,"10":1,"4294967294":4,"-1":8,"01":6,"4294967295":5,"a":3})");
  const char* const planes = R"({"\uFF5E":1,"\uD83D\uDE00":2,"\uD83D":3})";
  EXPECT_EQ(python(planes), R"({"\ud83d":3,"\uff5e":1,"\ud83d\ude00":2})");
  EXPECT_EQ(typescript(planes), R"({"\ud83d":3,"\ud83d\ude00":2,"\uff5e":1})");
}

TEST(CanonicalJson, OrdersMembersAtEveryDepth) {
  EXPECT_EQ(python(R"([{"b":{"d":1,"c":[{"f":1,"e":2}]},"a":0}])"),
            R"([{"a":0,"b":{"c":[{"e":2,"f":1}],"d":1}}])");
}

TEST(CanonicalJson, LosesAMemberProtoInTypeScriptAlone) {
  EXPECT_EQ(python(R"({"__proto__":1,"a":2})"), R"({"__proto__":1,"a":2})");
  EXPECT_EQ(typescript(R"({"__proto__":{"x":1},"a":2})"), R"({"a":2})");
  EXPECT_EQ(typescript(R"({"__proto__":1})"), "{}");
}

TEST(CanonicalJson, RefusesWhatIsNotJson) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "}",
                           "[1,]",
                           "[1 2]",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{1:2}",
                           "01",
                           "+1",
                           "1.",
                           ".5",
                           "1e",
                           "1e+",
                           "-",
                           "0x1",
                           "tru",
                           "nul",
                           "nan",
                           "NaN",
                           "Infinity",
                           "-Infinity",
                           "'a'",
                           "\"",
                           "\"\\\"",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\u-123\"",
                           "\"\\u12g4\"",
                           "\"\t\"",
                           "\"\xff\"",
                           "\"\xc0\x80\"",
                           "\"\xed\xa0\x80\"",
                           "\"\xf4\x90\x80\x80\"",
                           "\"\xe2\x82\"",
                           "1 2",
                           "[] []",
                           "// 1"}) {
    EXPECT_EQ(code_of(text), Code::invalid_argument) << text;
  }
}

TEST(CanonicalJson, RefusesAMemberTwice) {
  EXPECT_EQ(code_of(R"({"a":1,"b":2,"a":1})"), Code::invalid_argument);
  EXPECT_EQ(code_of(R"({"a":1,"\u0061":1})"), Code::invalid_argument);
  EXPECT_EQ(code_of(R"([{"x":{"a":1,"a":1}}])"), Code::invalid_argument);
}

TEST(CanonicalJson, IsAsDeepAsTheLimitAndNoDeeper) {
  const auto nested = [](std::size_t depth) { return Bytes(depth, '[') + Bytes(depth, ']'); };
  EXPECT_EQ(python(nested(kJsonDepthMax)), nested(kJsonDepthMax));
  EXPECT_EQ(code_of(nested(kJsonDepthMax + 1)), Code::invalid_argument);
  EXPECT_EQ(code_of(Bytes(1'000'000, '[')), Code::invalid_argument);
}

TEST(CanonicalJson, OfItselfIsItself) {
  for (const Form form : {Form::python, Form::typescript, Form::typescript_raw}) {
    const Bytes once = canonical(R"({"b":[1.50,"\u00e9\/"],"10":1e22,"9":{"z":1,"y":[]}})", form);
    EXPECT_EQ(canonical(once, form), once);
  }
}

TEST(CanonicalJsonString, IsQuotedAndEscaped) {
  EXPECT_EQ(*canonical_json_string("caf\xc3\xa9/\x7f\"", Form::python), R"("caf\u00e9/\u007f\"")");
  EXPECT_EQ(*canonical_json_string("\x7f", Form::typescript), "\"\x7f\"");
  EXPECT_EQ(canonical_json_string("\xc3", Form::python).status().code(), Code::invalid_argument);
}

TEST(ScanJsonObject, GivesTheBytesOfEachMember) {
  const Bytes text = "{ \"a\" : [1, {\"x\":NaN}] , \"\\u0062\":\"}\\\"\",\"c\":1.50}";
  const auto members = scan_json_object(text).value();
  ASSERT_EQ(members.size(), 3U);
  EXPECT_EQ(members[0].name, "a");
  EXPECT_EQ(members[0].value, "[1, {\"x\":NaN}]");
  EXPECT_EQ(members[1].name, "b");
  EXPECT_EQ(members[1].value, "\"}\\\"\"");
  EXPECT_EQ(members[2].value, "1.50");
  EXPECT_TRUE(scan_json_object(" {} ").value().empty());
}

TEST(ScanJsonObject, RefusesWhatIsNoObject) {
  for (const char* text : {"", "[]", "1", "{", "{\"a\":1", "{\"a\":1 2}", "{\"a\":1}x", "{\"a\" 1}",
                           "{\"a\":1,\"a\":2}", "{\"\\ud800\":1}", "{\"a\":1,}", "{\"a\":}"}) {
    EXPECT_EQ(scan_json_object(text).status().code(), Code::invalid_argument) << text;
  }
}

TEST(ParseJsonString, GivesUtf8) {
  EXPECT_EQ(*parse_json_string(R"("a\u00e9\ud83d\ude00")"), "a\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_FALSE(parse_json_string(R"("\ud83d")").ok());
  EXPECT_FALSE(parse_json_string(R"("a" )").ok());
  EXPECT_FALSE(parse_json_string("1").ok());
}

TEST(ParseJsonInteger, TakesIntegersOnly) {
  EXPECT_EQ(*parse_json_integer("0"), 0);
  EXPECT_EQ(*parse_json_integer("-1"), -1);
  EXPECT_EQ(*parse_json_integer("9223372036854775807"), INT64_MAX);
  for (const char* text :
       {"", "-", "01", "-01", "1.0", "1e2", "true", "9223372036854775808", " 1"}) {
    EXPECT_FALSE(parse_json_integer(text).ok()) << text;
  }
}

}  // namespace
}  // namespace talea
