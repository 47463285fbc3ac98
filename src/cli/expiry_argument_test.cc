#include "cli/expiry_argument.h"

#include <gtest/gtest.h>

#include "talea/limits.h"

namespace talea::cli {
namespace {

void expect(const Result<std::optional<Expiry>>& read, Expiry::Kind kind, std::uint64_t ms) {
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  ASSERT_TRUE(read->has_value());
  EXPECT_EQ((*read)->kind(), kind);
  EXPECT_EQ((*read)->ms(), ms);
}

void expect_refusal(const Result<std::optional<Expiry>>& read, std::string_view part) {
  EXPECT_EQ(read.status().code(), Code::invalid_argument);
  EXPECT_NE(read.status().message().find(part), std::string::npos) << read.status().to_string();
}

TEST(ExpiryArgument, EachOptionIsAnExpiry) {
  expect(ExpiryArgument{.ttl = "30s"}.expiry(), Expiry::Kind::after, 30'000);
  expect(ExpiryArgument{.expires_at = "1970-01-01T00:00:01Z"}.expiry(), Expiry::Kind::at, 1000);
  expect(ExpiryArgument{.keep = true}.expiry(), Expiry::Kind::keep, 0);
  expect(ExpiryArgument{.never = true}.expiry(), Expiry::Kind::never, 0);
  EXPECT_EQ(*ExpiryArgument().expiry(), std::nullopt);
}

TEST(ExpiryArgument, OnlyOneMayBeGiven) {
  expect_refusal(ExpiryArgument{.ttl = "30s", .expires_at = "5"}.expiry(),
                 "--ttl and --expires-at contradict each other");
  expect_refusal(ExpiryArgument{.ttl = "30s", .keep = true}.expiry(), "--ttl and --keep-ttl");
  expect_refusal(ExpiryArgument{.expires_at = "5", .never = true}.expiry(),
                 "--expires-at and --never");
}

TEST(ExpiryArgument, ATimeThatIsNoneIsRefused) {
  expect_refusal(ExpiryArgument{.ttl = "30"}.expiry(), "--ttl: '30' has no unit");
  expect_refusal(ExpiryArgument{.expires_at = "soon"}.expiry(),
                 "--expires-at: 'soon' is not a time");
}

TEST(ExpiryOfRow, EachFieldIsAnExpiry) {
  expect(expiry_of({.ttl_ms = 1}), Expiry::Kind::after, 1);
  expect(expiry_of({.ttl_ms = kTimeToLiveMsMax}), Expiry::Kind::after, kTimeToLiveMsMax);
  expect(expiry_of({.expires_at_ms = kExpiryMsMax}), Expiry::Kind::at, kExpiryMsMax);
  expect(expiry_of({.keep_ttl = true}), Expiry::Kind::keep, 0);
  expect(expiry_of({.never = true}), Expiry::Kind::never, 0);
  EXPECT_EQ(*expiry_of({}), std::nullopt);
}

TEST(ExpiryOfRow, ANumberOutOfRangeIsRefusedWithTheRange) {
  for (const std::uint64_t ms : {std::uint64_t{0}, kTimeToLiveMsMax + 1, UINT64_MAX}) {
    expect_refusal(expiry_of({.ttl_ms = ms}), "\"ttl_ms\" has to be 1 to 3162240000000");
    expect_refusal(expiry_of({.ttl_ms = ms}), "this one is " + std::to_string(ms));
  }
  for (const std::uint64_t ms : {std::uint64_t{0}, kExpiryMsMax + 1, UINT64_MAX}) {
    expect_refusal(expiry_of({.expires_at_ms = ms}),
                   "\"expires_at_ms\" has to be 1 to 253402300799999");
  }
}

TEST(ExpiryOfRow, OnlyOneMayBeGiven) {
  expect_refusal(expiry_of({.ttl_ms = 1, .keep_ttl = true}), "\"ttl_ms\" and \"keep_ttl\"");
  expect_refusal(expiry_of({.ttl_ms = 1, .expires_at_ms = 1, .never = true}), "contradict");
}

}  // namespace
}  // namespace talea::cli
