#include "talea/status.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

namespace talea {
namespace {

TEST(Status, IsOkWhenNothingWasSaid) {
  const Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.code(), Code::ok);
  EXPECT_EQ(status.message(), "");
  EXPECT_EQ(status.to_string(), "ok");
}

TEST(Status, CarriesCodeAndMessage) {
  const Status status = Status::exhausted("key of 70000 bytes; the limit is 65536");
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.code(), Code::exhausted);
  EXPECT_EQ(status.message(), "key of 70000 bytes; the limit is 65536");
  EXPECT_EQ(status.to_string(), "exhausted: key of 70000 bytes; the limit is 65536");
}

TEST(Status, ContextGoesInFrontAndKeepsTheCode) {
  Status status = Status::corruption("bad checksum");
  status = std::move(status).with_context("segment 17 at offset 4096");
  EXPECT_EQ(status.to_string(), "corruption: segment 17 at offset 4096: bad checksum");
}

TEST(Status, ContextLeavesSuccessAlone) {
  EXPECT_TRUE(Status().with_context("replay segment 17").ok());
}

TEST(Status, CopiesAreIndependent) {
  const Status first = Status::io_error("write: no space left");
  Status copy = first;
  copy = std::move(copy).with_context("put");
  EXPECT_EQ(first.message(), "write: no space left");
  EXPECT_EQ(copy.message(), "put: write: no space left");
  copy = first;
  EXPECT_EQ(copy.message(), "write: no space left");
  copy = Status();
  EXPECT_TRUE(copy.ok());
}

TEST(Status, EveryMakerMakesItsCode) {
  const std::pair<Status, Code> made[] = {
      {Status::invalid_argument("m"), Code::invalid_argument},
      {Status::unauthenticated("m"), Code::unauthenticated},
      {Status::denied("m"), Code::denied},
      {Status::not_found("m"), Code::not_found},
      {Status::conflict("m"), Code::conflict},
      {Status::exhausted("m"), Code::exhausted},
      {Status::unavailable("m"), Code::unavailable},
      {Status::timed_out("m"), Code::timed_out},
      {Status::cancelled("m"), Code::cancelled},
      {Status::corruption("m"), Code::corruption},
      {Status::io_error("m"), Code::io_error},
      {Status::unsupported("m"), Code::unsupported},
  };
  std::set<std::string> names;
  for (const auto& [status, code] : made) {
    EXPECT_EQ(status.code(), code);
    EXPECT_EQ(status.message(), "m");
    names.emplace(code_name(code));
  }
  EXPECT_EQ(names.size(), std::size(made)) << "two codes share a name";
  EXPECT_EQ(names.count("unknown_code"), 0u);
}

TEST(StatusDeathTest, AFailureWithTheCodeOfSuccessIsABug) {
  EXPECT_DEATH((void)Status(Code::ok, "no"), "invariant broken");
}

}  // namespace
}  // namespace talea
