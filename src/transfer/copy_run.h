// CopyRun: what every part of a copy works with.
#pragma once

#include <string>

#include "transfer/acceptance.h"
#include "transfer/copy.h"

namespace talea {

/// References: outlive it. `destination`: nothing only in a check, where there is none yet.
struct CopyRun {
  Home& source;
  Home* destination;
  const CopyOptions& options;
  const CopySeams& seams;
  const Acceptance& acceptance;
  CopyReport& report;
  std::uint64_t entries = 0;

  /// Before each entry that is read of the source.
  /// Errors: cancelled
  Status begin_entry() {
    if (options.is_interrupted && options.is_interrupted()) {
      return Status::cancelled(
          "the copy was interrupted; the same command goes on where this one stopped");
    }
    if (options.progress) options.progress(entries, report.bytes);
    ++entries;
    return {};
  }
};

/// Looks for keys of the destination that the source does not have. None without a destination.
/// `found` is called for each; its failure ends the search.
Status find_other_keys(const CopyRun& run, bool with_past,
                       const std::function<Status(BytesView key)>& found);

/// The first such key as a `conflict`.
Status refuse_other_keys(const CopyRun& run, bool with_past);

}  // namespace talea
