#include "index/run_file.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "io/crash_file_system.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using Fault = CrashFileSystem::Fault;

class RunFile : public testing::Test {
 protected:
  RunFile() {
    EXPECT_TRUE(disk_.create_directory("store").ok());
    EXPECT_TRUE(disk_.sync_directory(".").ok());
    store_id_[3] = 7;
  }

  RunFileInfo write(std::uint32_t id, std::uint64_t rows) {
    RunFileWriter::Setup setup{.keys_expected = rows};
    setup.identity.file_id = id;
    setup.identity.store_id = store_id_;
    auto writer = RunFileWriter::create(disk_, "store", setup).value();
    for (std::uint64_t i = 0; i < rows; ++i) {
      EXPECT_TRUE(writer
                      ->add(Space::user, "key " + std::to_string(1000 + i),
                            {.sequence = 50 + i, .address = {.segment = 1, .offset = i}})
                      .ok());
    }
    return writer->finish().value();
  }
  Code code_of_opening(const RunFileInfo& info) {
    return open_run(disk_, "store", info, store_id_).status().code();
  }

  CrashFileSystem disk_;
  StoreId store_id_{};
};

TEST_F(RunFile, IsDurableWithItsNameAndReadBack) {
  const RunFileInfo info = write(17, 300);
  disk_.power_cut(test_seed());
  EXPECT_EQ(info.id, 17U);
  EXPECT_EQ(info.rows, 300U);
  EXPECT_EQ(info.lowest_sequence, 50U);
  EXPECT_EQ(info.highest_sequence, 349U);
  EXPECT_EQ(info.bytes, disk_.open("store/0000000017.run", OpenMode::read).value()->size().value());
  for (const RunReader::Options& options :
       {RunReader::Options{.mapped = true}, RunReader::Options{}}) {
    const auto run = open_run(disk_, "store", info, store_id_, options);
    ASSERT_TRUE(run.ok()) << run.status().to_string();
    EXPECT_EQ((*run)->get(Space::user, "key 1299").value()->sequence, 349U);
    EXPECT_FALSE((*run)->get(Space::user, "key 1300").value().has_value());
    EXPECT_EQ((*run)->verify().to_string(), "ok");
  }
}

TEST_F(RunFile, WithoutRowsIsLegal) {
  const RunFileInfo info = write(17, 0);
  EXPECT_EQ(info.lowest_sequence, 0U);
  const auto run = open_run(disk_, "store", info, store_id_).value();
  EXPECT_FALSE(run->get(Space::user, "key").value().has_value());
  RunIterator rows = run->iterate();
  ASSERT_TRUE(rows.seek_last().ok());
  EXPECT_FALSE(rows.valid());
}

TEST_F(RunFile, ThatIsNotWhatTheManifestSaysIsCorruption) {
  const RunFileInfo info = write(17, 300);
  EXPECT_EQ(code_of_opening(info), Code::ok);
  for (int field = 0; field < 4; ++field) {
    RunFileInfo other = info;
    ++(field == 0   ? other.bytes
       : field == 1 ? other.rows
       : field == 2 ? other.lowest_sequence
                    : other.highest_sequence);
    EXPECT_EQ(code_of_opening(other), Code::corruption) << field;
  }
  RunFileInfo missing = info;
  missing.id = 18;
  EXPECT_EQ(open_run(disk_, "store", missing, store_id_).status().to_string(),
            "corruption: 0000000018.run is missing; the manifest says that it belongs to the "
            "store. Restore it from a backup");
  ASSERT_TRUE(disk_.rename("store/0000000017.run", "store/0000000018.run").ok());
  EXPECT_EQ(code_of_opening(missing), Code::corruption) << "renamed";
  store_id_[0] ^= 1;
  missing.id = 17;
  ASSERT_TRUE(disk_.rename("store/0000000018.run", "store/0000000017.run").ok());
  EXPECT_EQ(code_of_opening(info), Code::corruption) << "of another store";
}

TEST_F(RunFile, OfAnyOtherNameIsNotOurs) {
  EXPECT_EQ(run_file_name(17), "0000000017.run");
  EXPECT_EQ(run_file_name(UINT32_MAX), "4294967295.run");
  EXPECT_EQ(parse_run_file_name("0000000017.run"), 17U);
  EXPECT_EQ(parse_run_file_name("4294967295.run"), UINT32_MAX);
  for (const char* name : {"", ".run", "17.run", "0000000000.run", "4294967296.run",
                           "00000000017.run", "000000001a.run", "0000000017.log", "+000000017.run",
                           "0000000017.run~", " 000000017.run"}) {
    EXPECT_FALSE(parse_run_file_name(name).has_value()) << name;
  }
}

TEST_F(RunFile, OfANameThatIsTakenIsRefusedAndTheOtherStays) {
  const RunFileInfo info = write(17, 3);
  RunFileWriter::Setup setup;
  setup.identity.file_id = 17;
  EXPECT_FALSE(RunFileWriter::create(disk_, "store", setup).ok());
  EXPECT_EQ(code_of_opening(info), Code::ok);
}

}  // namespace
}  // namespace talea
