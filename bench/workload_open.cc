#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/assert.h"
#include "bench/workloads.h"

namespace talea::bench {
namespace {

constexpr std::uint64_t kCheckedEntriesMax = 1 << 14;

// From the call that opens the store until a value is there and is the right one.
Result<Cost> timed_open(Peer& peer, const std::string& store, const DataSet& data,
                        std::uint64_t position) {
  Bytes value;
  const Stopwatch stopwatch;
  TALEA_TRY(peer.open(store, data.open_options()));
  const bool found = TALEA_TRY(peer.get(data.key(position), value));
  const Cost cost = stopwatch.elapsed();
  if (found && value == data.value(position)) return cost;
  return Status::corruption(peer.name() + " returned a wrong or no value right after opening");
}

// Works without privileges, for files that nobody has open.
Status drop_from_page_cache(const std::string& directory) {
  std::error_code error;
  std::filesystem::recursive_directory_iterator files(directory, error);
  for (const auto end = std::filesystem::end(files); !error && files != end;
       files.increment(error)) {
    if (!files->is_regular_file()) continue;
    const int file = ::open(files->path().c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return Status::io_error("open a file: " + std::string(std::strerror(errno)));
    // Dirty pages stay, so they are written first.
    const bool dropped =
        ::fsync(file) == 0 && ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0;
    ::close(file);
    if (!dropped) return Status::io_error("drop a file from the page cache");
  }
  return error ? Status::io_error("list " + directory + ": " + error.message()) : Status();
}

}  // namespace

OpenWorkload::OpenWorkload(Description description, const DataSet::Shape& shape,
                           const ChildProgram& program)
    : Workload(std::move(description)), shape_(shape), program_(program) {
  TALEA_ASSERT(this->description().rows.size() == 4);
}

Result<Figures> OpenWorkload::run_round(Peer& peer, const std::string& directory, unsigned round) {
  const std::string store = directory + "/store";
  TALEA_TRY(
      program_.run({.side = peer.name(), .directory = store, .data = shape_}, ChildEnd::killed));
  const DataSet data(shape_);
  const std::uint64_t position = data.size() / 2 + round;

  const auto checked_close = [&]() -> Result<Cost> {
    TALEA_TRY(check_entries(peer, data, 0, kCheckedEntriesMax));
    return timed_threads(1, [&](unsigned) { return peer.close(); });
  };
  Figures figures = no_figures();
  figures[0] = Figure::duration(TALEA_TRY(timed_open(peer, store, data, position)));
  figures[1] = Figure::duration(TALEA_TRY(checked_close()));
  figures[2] = Figure::duration(TALEA_TRY(timed_open(peer, store, data, position)));
  TALEA_TRY(checked_close());
  TALEA_TRY(drop_from_page_cache(store));
  figures[3] = Figure::duration(TALEA_TRY(timed_open(peer, store, data, position)));
  TALEA_TRY(peer.close());
  return figures;
}

}  // namespace talea::bench
