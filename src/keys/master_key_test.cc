#include "keys/master_key.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <cstdlib>

#include "io/crash_file_system.h"
#include "io/posix_file_system.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

constexpr const char* kDigits = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";

Bytes expected() {
  Bytes bytes;
  for (int i = 0; i < 32; ++i) bytes.push_back(static_cast<char>(i));
  return bytes;
}

Result<Bytes> loaded(FileSystem& disk, const Encryption& encryption) {
  const SecretKey key = TALEA_TRY(load_master_key(disk, encryption));
  return Bytes(key.view());
}

TEST(MasterKey, ComesFromAFileOfBytesOrDigits) {
  CrashFileSystem disk;
  ASSERT_TRUE(disk.write_file("raw", expected()).ok());
  ASSERT_TRUE(disk.write_file("digits", kDigits).ok());
  ASSERT_TRUE(disk.write_file("line", std::string(kDigits) + "\n").ok());
  for (const char* name : {"raw", "digits", "line"}) {
    EXPECT_EQ(loaded(disk, {.key_file = name}).value(), expected()) << name;
  }
}

TEST(MasterKey, OfAnotherFormIsRefusedWithoutShowingIt) {
  CrashFileSystem disk;
  for (const Bytes& content : {Bytes(), Bytes(31, 'a'), Bytes(33, 'a'), Bytes(64, 'g'),
                               std::string(kDigits) + "\n\n", Bytes(100'000, 'a')}) {
    ASSERT_TRUE(disk.write_file("key", content).ok());
    const auto status = loaded(disk, {.key_file = "key"}).status();
    EXPECT_EQ(status.code(), Code::invalid_argument) << content.size();
    EXPECT_EQ(status.to_string().find("aaaa"), std::string::npos);
  }
  EXPECT_EQ(loaded(disk, {.key_file = "absent"}).status().code(), Code::invalid_argument);
}

TEST(MasterKey, ComesFromAnEnvironmentVariable) {
  CrashFileSystem disk;
  constexpr const char* kName = "TALEA_TEST_MASTER_KEY";
  ASSERT_EQ(setenv(kName, kDigits, 1), 0);
  EXPECT_EQ(loaded(disk, {.key_variable = kName}).value(), expected());
  ASSERT_EQ(setenv(kName, "1234", 1), 0);
  EXPECT_EQ(loaded(disk, {.key_variable = kName}).status().code(), Code::invalid_argument);
  ASSERT_EQ(unsetenv(kName), 0);
  EXPECT_EQ(loaded(disk, {.key_variable = kName}).status().code(), Code::invalid_argument);
}

TEST(MasterKey, ComesFromAFunctionWhoseFailureIsPassedOn) {
  CrashFileSystem disk;
  EXPECT_EQ(loaded(disk, {.key_source = [] { return Result<Bytes>(expected()); }}).value(),
            expected());
  EXPECT_EQ(
      loaded(disk, {.key_source = [] { return Result<Bytes>(Bytes(64, 'a')); }}).status().code(),
      Code::invalid_argument);
  EXPECT_EQ(
      loaded(disk, {.key_source = [] { return Result<Bytes>(Status::unavailable("no service")); }})
          .status()
          .code(),
      Code::unavailable);
}

TEST(MasterKey, HasOneSource) {
  CrashFileSystem disk;
  EXPECT_EQ(loaded(disk, {}).status().code(), Code::invalid_argument);
  EXPECT_EQ(loaded(disk, {.key_file = "a", .key_variable = "b"}).status().code(),
            Code::invalid_argument);
}

TEST(MasterKey, InAFileThatOthersMayReadIsDenied) {
  PosixFileSystem disk;
  const std::string path = test_directory() + "/key";
  {
    const auto file = disk.open(path, OpenMode::create_new).value();
    ASSERT_TRUE(file->pwrite(0, kDigits).ok());
  }
  EXPECT_EQ(loaded(disk, {.key_file = path}).value(), expected());
  for (const mode_t mode : {0640U, 0604U, 0620U}) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
    const auto status = loaded(disk, {.key_file = path}).status();
    EXPECT_EQ(status.code(), Code::denied);
    EXPECT_NE(status.to_string().find("chmod 600"), std::string::npos);
  }
}

}  // namespace
}  // namespace talea
