// The objects behind the pointers of talea.h.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "talea/engine.h"
#include "talea/talea.h"

namespace talea::capi {

// An engine, and whether talea_close() was called: rows and readers have what they give in memory,
// and would go on after it.
struct OpenEngine : Engine {
  explicit OpenEngine(Engine opened) : Engine(std::move(opened)) {}
  Status check_open() const {
    if (!is_closed.load()) [[likely]]
      return {};
    return Status::invalid_argument("the engine is closed");
  }

  std::atomic<bool> is_closed{false};
};

}  // namespace talea::capi

// NOLINTBEGIN(readability-identifier-naming): the names are those of talea.h.

struct talea_options {
  talea::Options options;
};

// The one exception to who shares: the languages behind this interface free objects in any order,
// so whatever was made with an engine keeps it. It is declared first, and so destroyed last.
struct talea_engine {
  std::shared_ptr<talea::capi::OpenEngine> engine;
};

struct talea_batch {
  talea::Batch batch;
};

struct talea_stored {
  talea::StoredValue value;
};

struct talea_scan {
  std::shared_ptr<talea::capi::OpenEngine> engine;
  talea::Scan scan;
  bool has_row = false;
};

struct talea_snapshot {
  std::shared_ptr<talea::capi::OpenEngine> engine;
  talea::Snapshot snapshot;
};

struct talea_changes {
  std::shared_ptr<talea::capi::OpenEngine> engine;
  talea::ChangeReader changes;
  bool has_change = false;
};

struct talea_writer {
  std::shared_ptr<talea::capi::OpenEngine> engine;
  talea::ValueWriter writer;
};

struct talea_reader {
  std::shared_ptr<talea::capi::OpenEngine> engine;
  talea::ValueReader reader;
};

// NOLINTEND(readability-identifier-naming)
