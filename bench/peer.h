// Peer: what the benchmark asks of a key-value store, so that one workload drives all of them.
//
// A peer is one file, peer_NAME.cc, with a driver and the function that makes it; peers.cc lists
// those functions. Talea is one of the peers and is driven through its public interface only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "talea/bytes.h"
#include "talea/result.h"
#include "talea/status.h"

namespace talea::bench {

/// What a put that returned ok survives.
enum class Durability {
  /// The end of the process, at any moment, but not a power cut.
  process_crash,
  /// A power cut: each put is synced before it returns.
  power_cut,
};

/// One store under test.
///
/// Threads: put, get and sync from any number at once; the others need those to have returned.
class Peer {
 public:
  virtual ~Peer() = default;

  /// As it stands in the output and after --sides: one lower-case word.
  virtual std::string name() const = 0;
  virtual std::string version() const = 0;
  /// Every option that differs from the store's default, and the defaults that matter to a reader
  /// who wants to know whether the comparison is fair.
  virtual std::string options() const = 0;

  /// Opens a new store in `directory`, which does not exist but its parent does.
  virtual Status open(const std::string& directory, Durability durability) = 0;
  virtual Status put(BytesView key, BytesView value) = 0;
  /// False when there is no such key. `value` is overwritten, so that a caller can reuse it.
  virtual Result<bool> get(BytesView key, Bytes* value) = 0;
  /// Makes durable what was put before the call.
  virtual Status sync() = 0;
  virtual Status close() = 0;
};

/// Bytes of block cache that a peer with such a cache gets: more than any data set here.
inline constexpr std::size_t kBlockCacheBytes = 256 << 20;

/// All peers that this program was built with, Talea first.
std::vector<std::unique_ptr<Peer>> make_peers();

std::unique_ptr<Peer> make_talea_peer();
std::unique_ptr<Peer> make_rocksdb_peer();
std::unique_ptr<Peer> make_leveldb_peer();

}  // namespace talea::bench
