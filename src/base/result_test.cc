#include "talea/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace talea {
namespace {

Result<int> parse_digit(char digit) {
  if (digit < '0' || digit > '9') return Status::invalid_argument("not a digit");
  return digit - '0';
}

Status require_even(int number) {
  if (number % 2 != 0) return Status::conflict("odd");
  return {};
}

Result<std::string> describe(char digit) {
  const int number = TALEA_TRY(parse_digit(digit));
  TALEA_TRY(require_even(number));
  return "even " + std::to_string(number);
}

TEST(Result, HoldsAValue) {
  Result<std::string> result = std::string("bravo");
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result.status().ok());
  EXPECT_EQ(*result, "bravo");
  EXPECT_EQ(result->size(), 5u);
  *result += "!";
  EXPECT_EQ(result.value(), "bravo!");
}

TEST(Result, HoldsAFailure) {
  const Result<std::string> result = Status::not_found("no store in ./data");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().to_string(), "not_found: no store in ./data");
}

TEST(Result, MovesAValueThatCannotBeCopied) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  ASSERT_TRUE(result.ok());
  const std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 7);
}

TEST(Result, AbsenceIsAValue) {
  const Result<std::optional<std::string>> result = std::optional<std::string>();
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->has_value());
}

TEST(ResultDeathTest, AskingAFailureForItsValueIsABug) {
  EXPECT_DEATH((void)*parse_digit('x'), "value\\(\\) of a failed Result: invalid_argument");
}

TEST(ResultDeathTest, ASuccessWithoutAValueIsABug) {
  EXPECT_DEATH((void)Result<int>(Status()), "made from an ok Status");
}

TEST(Try, GivesTheValue) {
  const Result<std::string> result = describe('4');
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(*result, "even 4");
}

TEST(Try, PassesTheFailureOfAResultOn) {
  const Result<std::string> result = describe('x');
  EXPECT_EQ(result.status().code(), Code::invalid_argument);
}

TEST(Try, PassesTheFailureOfAStatusOn) {
  const Result<std::string> result = describe('3');
  EXPECT_EQ(result.status().code(), Code::conflict);
}

TEST(Try, MovesTheValueOut) {
  const auto take = [](Result<std::unique_ptr<int>> result) -> Result<int> {
    const std::unique_ptr<int> owned = TALEA_TRY(std::move(result));
    return *owned;
  };
  EXPECT_EQ(*take(std::make_unique<int>(9)), 9);
}

TEST(Try, WorksInAFunctionThatReturnsAStatus) {
  const auto check = [](char digit) -> Status {
    TALEA_TRY(require_even(TALEA_TRY(parse_digit(digit))));
    return {};
  };
  EXPECT_TRUE(check('2').ok());
  EXPECT_EQ(check('1').code(), Code::conflict);
  EXPECT_EQ(check('-').code(), Code::invalid_argument);
}

TEST(Try, TheExpressionIsEvaluatedOnce) {
  int calls = 0;
  const auto once = [&calls]() -> Result<int> {
    const auto count = [&calls]() -> Result<int> { return ++calls; };
    return TALEA_TRY(count());
  };
  EXPECT_EQ(*once(), 1);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace talea
