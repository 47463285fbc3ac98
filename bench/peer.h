// Peer: what the benchmark asks of a key-value store, so that one workload drives all of them.
//
// A peer is one file, peer_NAME.cc, with a driver and the function that makes it; peers.cc lists
// those functions. Talea is one of the peers and is driven through its public interface only.
//
// Not every store can do everything: a hash file has no order. Such a call is `unsupported`, which
// is the default here, and its row says "none" instead of a figure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "talea/bytes.h"
#include "talea/result.h"
#include "talea/status.h"

namespace talea::bench {

/// What a put that returned ok survives.
enum class Durability : std::uint8_t {
  /// The end of the process, at any moment, but not a power cut.
  process_crash,
  /// A power cut: each put is synced before it returns.
  power_cut,
};

struct OpenOptions {
  Durability durability = Durability::process_crash;
  /// What the store will hold in the end. Hash files lay out their buckets for it, and maps their
  /// address space; a store that grows by itself ignores it.
  std::uint64_t expected_keys = 1 << 16;
  std::uint64_t expected_bytes = 16 << 20;
  /// Check the checksum of a value at every read, not only when it is read first. A store without
  /// this choice ignores it.
  bool verify_every_read = false;
  /// False where the row is about the compaction that is asked for: a store that would have done
  /// it by itself before may be told not to.
  bool compacts_by_itself = true;
  /// How many threads a store with workers of its own is to have; none: as many as it likes.
  std::optional<unsigned> workers = {};
  /// Compress values of so many bytes and more; 0: none. Of Talea alone: where the row says so.
  std::uint64_t compress_from_bytes = 0;
};

struct Entry {
  BytesView key;
  BytesView value;
};

/// What becomes of the rows of a scan: every byte of every key and value is read, as a caller would
/// who has a use for them, so that no side gets away with returning references to what it has not
/// read.
class RowSum {
 public:
  void add(BytesView key, BytesView value) {
    ++rows_;
    bytes_ += key.size() + value.size();
    sum_ += sum_of(key) + sum_of(value);
  }
  std::uint64_t rows() const { return rows_; }
  /// Of keys and values.
  std::uint64_t bytes() const { return bytes_; }
  /// The same on every side for the same rows.
  std::uint64_t sum() const { return sum_; }

 private:
  static std::uint64_t sum_of(BytesView bytes) {
    std::uint64_t sum = 0;
    std::uint64_t word = 0;
    for (; bytes.size() >= sizeof word; bytes.remove_prefix(sizeof word)) {
      std::memcpy(&word, bytes.data(), sizeof word);
      sum += word;
    }
    for (const char byte : bytes) sum += static_cast<unsigned char>(byte);
    return sum;
  }

  std::uint64_t rows_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t sum_ = 0;
};

struct DiskUse {
  /// Blocks that the files of the directory occupy, as du(1) counts them.
  std::uint64_t bytes = 0;
  /// Of these, what was reserved ahead and holds nothing yet.
  std::uint64_t free_tail_bytes = 0;
  /// Of these, an index or a checkpoint of it, beside the data.
  std::uint64_t index_bytes = 0;
};

/// One store under test.
///
/// Threads: put, put_batch, remove, get, multi_get, scan, scan_prefix and sync from any number at
/// once, unless the peer says otherwise; the others need those to have returned.
class Peer {
 public:
  virtual ~Peer() = default;

  /// As it stands in the output and after --sides: one lower-case word.
  virtual std::string name() const = 0;
  virtual std::string version() const = 0;
  /// Every option that differs from the store's default, and the defaults that matter to a reader
  /// who wants to know whether the comparison is fair.
  virtual std::string options() const = 0;

  /// Opens the store in `directory`, or makes one there; the parent of `directory` exists.
  virtual Status open(const std::string& directory, const OpenOptions& options) = 0;
  /// Closing what is not open is no error.
  virtual Status close() = 0;

  virtual Status put(BytesView key, BytesView value) = 0;
  /// All of `entries`, as one unit where the store has such a thing. Distinct keys.
  virtual Status put_batch(std::span<const Entry> entries) = 0;
  virtual Status remove(BytesView key) = 0;
  /// False when there is no such key. `value` is overwritten and keeps its capacity, so that a
  /// caller who reuses it causes no allocation.
  virtual Result<bool> get(BytesView key, Bytes& value) = 0;
  /// Looks up all of `keys`; `values` has as many elements. One of an absent key becomes nothing,
  /// and buffers that are there are used again.
  virtual Status multi_get(std::span<const BytesView> keys, std::span<std::optional<Bytes>> values);
  /// Adds up to `rows` rows in key order, beginning with the first key that is not below `start`.
  virtual Status scan(BytesView start, std::uint64_t rows, RowSum& sum);
  /// Adds all rows whose keys begin with `prefix`, in any order.
  virtual Status scan_prefix(BytesView prefix, RowSum& sum);
  /// Puts `entries`, durably, with `in_flight` of them under way at any time, from one thread; the
  /// last is durable on return. For Durability::power_cut.
  virtual Status put_in_flight(std::span<const Entry> entries, std::size_t in_flight);

  /// Makes durable what was put before the call.
  virtual Status sync() = 0;
  /// Reclaims all the garbage there is, and returns when that is done.
  virtual Status compact();
  /// Waits until the store says that no work of its own is under way; settle() in drive.h waits
  /// for more.
  virtual Status settle() { return {}; }
  /// Of the open store in `directory`. The default knows no tail and no index of its own.
  virtual Result<DiskUse> disk_use(const std::string& directory);
};

/// Blocks that the files below `directory` occupy, in bytes.
Result<std::uint64_t> disk_blocks_bytes(const std::string& directory);

/// Bytes of block cache that a peer with such a cache gets: more than any data set here.
inline constexpr std::size_t kBlockCacheBytes = std::size_t{4} << 30;

/// All peers that this program was built with, Talea first.
std::vector<std::unique_ptr<Peer>> make_peers();

std::unique_ptr<Peer> make_talea_peer();
std::unique_ptr<Peer> make_rocksdb_peer();
std::unique_ptr<Peer> make_leveldb_peer();
/// LMDB twice: as it is, and mapped for writing with MDB_NOSYNC.
std::unique_ptr<Peer> make_lmdb_peer();
std::unique_ptr<Peer> make_lmdb_writemap_peer();
std::unique_ptr<Peer> make_tkrzw_peer();
std::unique_ptr<Peer> make_kyoto_peer();
/// No store: the limit of an append-only log under an index of bare slots.
std::unique_ptr<Peer> make_ceiling_peer();
/// hightower-kv twice: with its workers, and without; both null when it was not built.
std::unique_ptr<Peer> make_hightower_peer();
std::unique_ptr<Peer> make_hightower_inline_peer();

}  // namespace talea::bench
