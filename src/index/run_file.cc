#include "index/run_file.h"

#include <charconv>
#include <utility>

#include "base/assert.h"

namespace talea {

namespace {

constexpr std::size_t kIdDigits = 10;
constexpr std::string_view kSuffix = ".run";

}  // namespace

std::string run_file_name(std::uint32_t id) {
  const std::string digits = std::to_string(id);
  return std::string(kIdDigits - digits.size(), '0') + digits + std::string(kSuffix);
}

std::optional<std::uint32_t> parse_run_file_name(const std::string& name) {
  if (name.size() != kIdDigits + kSuffix.size()) return std::nullopt;
  std::uint32_t id = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + kIdDigits, id);
  if (error != std::errc() || id == 0 || name != run_file_name(id)) return std::nullopt;
  return id;
}

// ---- RunFileWriter

RunFileWriter::RunFileWriter(FileSystem& file_system, const std::string& directory,
                             const Setup& setup, std::unique_ptr<File> file)
    : file_system_(file_system),
      directory_(directory),
      id_(static_cast<std::uint32_t>(setup.identity.file_id)),
      writer_(std::move(file), {.identity = setup.identity,
                                .keys_expected = setup.keys_expected,
                                .block_bytes = setup.block_bytes,
                                .keys = setup.keys}) {}

Result<std::unique_ptr<RunFileWriter>> RunFileWriter::create(FileSystem& file_system,
                                                             const std::string& directory,
                                                             const Setup& setup) {
  TALEA_ASSERT(setup.identity.file_id > 0 && setup.identity.file_id <= UINT32_MAX);
  const auto id = static_cast<std::uint32_t>(setup.identity.file_id);
  std::unique_ptr<File> file =
      TALEA_TRY(file_system.open(join_path(directory, run_file_name(id)), OpenMode::create_new));
  return std::unique_ptr<RunFileWriter>(
      new RunFileWriter(file_system, directory, setup, std::move(file)));
}

RunFileWriter::~RunFileWriter() {
  if (!keep_) (void)file_system_.remove(path()).ok();
}

std::string RunFileWriter::path() const { return join_path(directory_, run_file_name(id_)); }

Status RunFileWriter::add(Space space, BytesView key, const RunRevision& revision) {
  return writer_.add(space, key, revision);
}

Status RunFileWriter::add_row_key(BytesView row_key, const RunRevision& revision) {
  return writer_.add_row_key(row_key, revision);
}

Result<RunFileInfo> RunFileWriter::finish() {
  Result<RunStats> stats = writer_.finish();
  if (!stats.ok()) return std::move(stats).status().with_context("write " + path());
  TALEA_TRY(file_system_.sync_directory(directory_).with_context("sync " + path()));
  keep_ = true;
  return RunFileInfo{.id = id_,
                     .bytes = writer_.file_bytes(),
                     .rows = stats->rows,
                     .lowest_sequence = stats->sequence_min,
                     .highest_sequence = stats->sequence_max};
}

// ---- Opening

Result<std::shared_ptr<const RunReader>> open_run(FileSystem& file_system,
                                                  const std::string& directory,
                                                  const RunFileInfo& info, const StoreId& store_id,
                                                  const RunReader::Options& options) {
  const std::string name = run_file_name(info.id);
  auto file = file_system.open(join_path(directory, name), OpenMode::read);
  if (file.status().code() == Code::not_found) {
    return Status::corruption(name +
                              " is missing; the manifest says that it belongs to the store. "
                              "Restore it from a backup");
  }
  if (!file.ok()) return std::move(file).status();
  RunReader::Options effective = options;
  if (options.keys != nullptr) effective.mapped = false;
  auto run = std::make_shared<const RunReader>(
      TALEA_TRY(RunReader::open(std::move(*file), name, effective)));
  const RunIdentity& identity = run->header().identity;
  if (identity.file_id != info.id || identity.store_id != store_id) {
    return Status::corruption(name + ": another file, or one of another store, has this name");
  }
  const RunFileInfo found{.id = info.id,
                          .bytes = run->layout().file_bytes(),
                          .rows = run->stats().rows,
                          .lowest_sequence = run->stats().sequence_min,
                          .highest_sequence = run->stats().sequence_max};
  if (found != info) {
    return Status::corruption(
        name + ": it has " + std::to_string(found.rows) + " rows in " +
        std::to_string(found.bytes) + " bytes, sequences " + std::to_string(found.lowest_sequence) +
        " to " + std::to_string(found.highest_sequence) + "; the manifest says otherwise");
  }
  return run;
}

}  // namespace talea
