// A run as a file of a store: its name, its making and its opening.
//
//     auto writer = TALEA_TRY(RunFileWriter::create(file_system, directory, setup));
//     for (...) TALEA_TRY(writer->add(space, key, revision));   // in the order of rows
//     RunFileInfo info = TALEA_TRY(writer->finish());           // now the manifest may name it
//     auto run = TALEA_TRY(open_run(file_system, directory, info, store_id));
//
// Format: docs/formats/run.md, docs/formats/directory.md.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "index/run_reader.h"
#include "index/run_writer.h"
#include "io/file_system.h"

namespace talea {

/// "0000000017.run".
std::string run_file_name(std::uint32_t id);
/// The id; nothing when `name` is not exactly a name that run_file_name makes for an id from 1 on.
std::optional<std::uint32_t> parse_run_file_name(const std::string& name);

/// What the manifest states of a run.
struct RunFileInfo {
  std::uint32_t id = 0;
  std::uint64_t bytes = 0;
  std::uint64_t rows = 0;
  Sequence lowest_sequence = 0;  // 0 without rows
  Sequence highest_sequence = 0;

  bool operator==(const RunFileInfo&) const = default;
};

/// Writes a run into a new file. The file is removed when finish() was not called or failed; should
/// that fail too, the next open removes it.
///
/// Threads: externally synchronised.
class RunFileWriter {
 public:
  struct Setup {
    RunIdentity identity = {};  // its file id within 32 bits
    /// At least the distinct keys; see RunWriter::Options.
    std::uint64_t keys_expected = 0;
    std::uint64_t block_bytes = kRunBlockBytes;
    const KeyRing* keys = nullptr;  // as RunWriter::Options::keys
  };
  /// Errors: exhausted, denied, io_error; no file is left
  static Result<std::unique_ptr<RunFileWriter>> create(FileSystem& file_system,
                                                       const std::string& directory,
                                                       const Setup& setup);
  ~RunFileWriter();
  RunFileWriter(const RunFileWriter&) = delete;
  RunFileWriter& operator=(const RunFileWriter&) = delete;

  /// As RunWriter::add.
  /// Errors: exhausted, io_error   the writer is of no more use, and says so again
  Status add(Space space, BytesView key, const RunRevision& revision);
  Status add_row_key(BytesView row_key, const RunRevision& revision);

  /// Writes the rest and makes the file durable, name included. Call it once.
  /// Cost: writes filter and index, some 1.5 bytes a key, and waits for the disk.
  Result<RunFileInfo> finish();
  /// What was added.
  const RunStats& stats() const { return writer_.stats(); }

 private:
  RunFileWriter(FileSystem& file_system, const std::string& directory, const Setup& setup,
                std::unique_ptr<File> file);
  std::string path() const;

  FileSystem& file_system_;
  const std::string directory_;
  const std::uint32_t id_;
  RunWriter writer_;
  bool keep_ = false;
};

/// Opens the run that `info` describes, mapped unless `options` say otherwise, or it is encrypted:
/// then index and filter are held in memory, opened.
///
/// Cost: three reads.
/// Errors: corruption   it is missing, damaged, of another store, or not what `info` says
///         unsupported, io_error
Result<std::shared_ptr<const RunReader>> open_run(
    FileSystem& file_system, const std::string& directory, const RunFileInfo& info,
    const StoreId& store_id, const RunReader::Options& options = {.mapped = true});

}  // namespace talea
