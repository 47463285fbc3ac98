#include "keys/key_keeper.h"

#include <gtest/gtest.h>

#include "io/crash_file_system.h"

namespace talea {
namespace {

using Fault = CrashFileSystem::Fault;

SecretKey master(unsigned char byte) {
  SecretKey key;
  for (unsigned char& at : key.bytes()) at = byte;
  return key;
}

class Keeper : public testing::Test {
 protected:
  Keeper() { make_directory(disk_); }

  static void make_directory(FileSystem& disk) {
    EXPECT_TRUE(disk.create_directory("store").ok());
    EXPECT_TRUE(disk.sync_directory(parent_path("store")).ok());
  }

  std::unique_ptr<KeyKeeper> keeper(FileSystem& disk, unsigned char byte = 1) {
    return std::make_unique<KeyKeeper>(disk, random_, "store", master(byte));
  }
  std::unique_ptr<KeyKeeper> made() {
    auto made = keeper(disk_);
    EXPECT_TRUE(made->create(kStore, 1000).ok());
    return made;
  }
  Code read_code(FileSystem& disk, unsigned char byte) {
    return keeper(disk, byte)->read(kStore).code();
  }

  static constexpr StoreId kStore = {1, 2, 3};
  CrashFileSystem disk_;
  SeededRandom random_{5};
};

TEST_F(Keeper, ReadsBackWhatItMade) {
  const auto first = made();
  EXPECT_EQ(first->ring().newest(), 1U);
  disk_.power_cut_losing_everything_unsynced();
  const auto again = keeper(disk_);
  ASSERT_TRUE(again->read(kStore).ok());
  EXPECT_EQ(again->ring().all().front().key.view(), first->ring().all().front().key.view());
}

TEST_F(Keeper, SaysWhatIsWrongWithTheFile) {
  (void)made();
  EXPECT_EQ(read_code(disk_, 2), Code::denied) << "another master key";
  EXPECT_EQ(keeper(disk_)->read({9}).code(), Code::corruption) << "another store";
  ASSERT_TRUE(disk_.flip_bit("store/KEYS", 90, 1).ok());
  EXPECT_EQ(read_code(disk_, 1), Code::corruption) << "damaged";
  EXPECT_EQ(read_code(disk_, 2), Code::corruption) << "damaged, whatever the key";
  ASSERT_TRUE(disk_.remove("store/KEYS").ok());
  EXPECT_EQ(read_code(disk_, 1), Code::corruption) << "missing";
}

TEST_F(Keeper, RotatesTheMasterKeyWithTheDataKeysAsTheyAre) {
  const auto before = made();
  ASSERT_TRUE(before->rotate_master(master(2)).ok());
  EXPECT_EQ(read_code(disk_, 1), Code::denied);
  const auto after = keeper(disk_, 2);
  ASSERT_TRUE(after->read(kStore).ok());
  EXPECT_EQ(after->ring().all().front().key.view(), before->ring().all().front().key.view());
  // From now on with the new one.
  ASSERT_TRUE(before->add(2000).ok());
  EXPECT_EQ(read_code(disk_, 2), Code::ok);
}

TEST_F(Keeper, MakesNewKeysAndDropsThoseThatNothingUses) {
  const auto keys = made();
  const auto of_first = keys->ring().cipher(1, {}, "");
  EXPECT_EQ(keys->add(2000).value(), 2U);
  EXPECT_EQ(keys->add(3000).value(), 3U);
  ASSERT_TRUE(keys->drop_unused().ok());
  const auto again = keeper(disk_);
  ASSERT_TRUE(again->read(kStore).ok());
  const std::vector<DataKey> left = again->ring().all();
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(left[0].id, 1U);
  EXPECT_EQ(left[1].id, 3U);
}

TEST_F(Keeper, UsesNoKeyThatIsNotDurableAndForgetsNoneThatMayBe) {
  for (std::uint64_t call = 1; call <= 4; ++call) {
    for (const Fault fault : {Fault::io_error, Fault::disk_full, Fault::crash}) {
      CrashFileSystem disk;
      make_directory(disk);
      const auto keys = keeper(disk);
      ASSERT_TRUE(keys->create(kStore, 1).ok());
      disk.fail_at(call, fault);
      EXPECT_FALSE(keys->add(2).ok()) << call;
      EXPECT_EQ(keys->ring().newest(), 1U) << "no file is made with it";
      disk.power_cut(call);
      disk.clear_faults();
      EXPECT_EQ(read_code(disk, 1), Code::ok) << call;
    }
  }
}

TEST_F(Keeper, KeepsAKeyThatCouldNotBeDropped) {
  const auto keys = made();
  ASSERT_TRUE(keys->add(2).ok());
  disk_.fail_at(1, Fault::io_error);
  EXPECT_FALSE(keys->drop_unused().ok());
  EXPECT_EQ(keys->ring().all().size(), 2U);
  EXPECT_TRUE(keys->drop_unused().ok());
  EXPECT_EQ(keys->ring().all().size(), 1U);
}

}  // namespace
}  // namespace talea
