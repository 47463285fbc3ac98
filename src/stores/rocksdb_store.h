// The store in a RocksDB database: for whoever has RocksDB in operation already, and to keep the
// Store interface honest by a second engine that we did not write.
//
// Format: docs/formats/rocksdb-store.md.
#pragma once

#include <memory>
#include <string>

#include "stores/row_store.h"
#include "talea/engine.h"

namespace rocksdb {
class Env;
}

namespace talea {

/// Whether this build has RocksDB in it.
bool has_rocksdb();

/// Opens, and by default creates, the store in the RocksDB database in directory `path`, whose
/// parent must exist.
///
/// Of the options these count: create_if_missing, read_only, sync, sync_interval and
/// compress_from_bytes, of which any but 0 has RocksDB compress all its blocks with LZ4. What the
/// database costs in memory and threads is RocksDB's default. Who opens it for reading only sees it
/// as it is then, beside a writer as well.
///
/// Writes: one at a time, each with a sync of its own under SyncMode::always. A write that finds
/// the disk full is `exhausted`; any other that fails is `timed_out`, because RocksDB does not say
/// whether it happened. After either one the store is for reading, until it is opened again: writes
/// are `exhausted` then, or `io_error`.
///
/// `env`: the outside world as RocksDB sees it; null: the machine's. It outlives the store, as do
/// the references.
/// Errors: not_found         no database there, and create_if_missing is off or read_only is on
///         invalid_argument  a directory that holds other things, or a database of something else
///         unavailable       somebody has it open
///         corruption        what RocksDB or a row says is damaged; nothing was changed
///         unsupported       written by a newer version; or this build has no RocksDB
///         exhausted, denied, io_error   the disk is full, or the operating system refused
Result<std::unique_ptr<RowStore>> open_rocksdb_store(Clock& clock, Executor& executor,
                                                     const std::string& path,
                                                     const Options& options,
                                                     rocksdb::Env* env = nullptr);

}  // namespace talea
