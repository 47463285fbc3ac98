// From the URL of a store (store_url.h) to a Store: a directory, `rocksdb:` or `memory:`. What is
// on S3 is no Store, and is opened as a Home (home.h).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "home/store_url.h"
#include "store/store.h"
#include "talea/engine.h"

namespace talea {

/// A store on the machine's own clock, disk and threads.
/// Threads: safe, but for close() and destruction.
class OpenedStore : public Store {
 public:
  /// Makes durable what is not yet, and releases the store; every later call is refused. The
  /// destructor without it: as if the process had ended here.
  /// Errors: as Engine::close
  virtual Status close() = 0;
};

/// Opens, and by default creates, the store that `url` names.
///
/// `options`: what counts of them is for each store to say: all for our engine;
/// stores/rocksdb_store.h for RocksDB; in memory none, but create_if_missing, because nothing is
/// ever there, and read_only, because nothing ever comes.
/// Errors: as Engine::open, and those of parse_store_url(); invalid_argument   what is on S3;
///         unsupported   a store that is not in this build
Result<std::unique_ptr<OpenedStore>> open_store(std::string_view url, const Options& options = {});

}  // namespace talea
