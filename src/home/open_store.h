// From the URL of a store to the store: which home holds it, and where.
//
//     ./data   file:data   file:///var/data     our engine, in that directory
//     rocksdb:PATH   rocksdb:///PATH            a RocksDB database, in that directory
//     memory:                                   in this process, until it is closed
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "store/store.h"
#include "talea/engine.h"

namespace talea {

enum class StoreScheme { file, rocksdb, memory };
std::string_view store_scheme_name(StoreScheme scheme);

struct StoreUrl {
  StoreScheme scheme = StoreScheme::file;
  std::string path;  // empty for memory
};

/// What is in front of the first colon is the scheme, unless there is a slash before it: `./a:b` is
/// a path.
/// Errors: invalid_argument   a scheme that there is not, a path that is missing or not wanted, or
///                            another host
Result<StoreUrl> parse_store_url(std::string_view url);

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
/// Errors: as Engine::open, and those of parse_store_url(); unsupported   a store that is not in
///         this build
Result<std::unique_ptr<OpenedStore>> open_store(std::string_view url, const Options& options = {});

}  // namespace talea
