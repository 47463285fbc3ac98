// The objects behind the pointers of talea.h.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "talea/engine.h"
#include "talea/talea.h"

// NOLINTBEGIN(readability-identifier-naming): the names are those of talea.h.

struct talea_options {
  talea::Options options;
};

// The one exception to who shares: the languages behind this interface free objects in any order,
// so whatever was made with an engine keeps it. It is declared first, and so destroyed last.
struct talea_engine {
  std::shared_ptr<talea::Engine> engine;
};

struct talea_batch {
  talea::Batch batch;
};

struct talea_stored {
  talea::StoredValue value;
};

struct talea_scan {
  std::shared_ptr<talea::Engine> engine;
  talea::Scan scan;
  bool has_row = false;
};

struct talea_snapshot {
  std::shared_ptr<talea::Engine> engine;
  talea::Snapshot snapshot;
};

struct talea_changes {
  std::shared_ptr<talea::Engine> engine;
  talea::ChangeReader changes;
  bool has_change = false;
};

struct talea_writer {
  std::shared_ptr<talea::Engine> engine;
  talea::ValueWriter writer;
};

struct talea_reader {
  std::shared_ptr<talea::Engine> engine;
  talea::ValueReader reader;
};

// NOLINTEND(readability-identifier-naming)
