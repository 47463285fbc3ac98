#include "bench/peer.h"

namespace talea::bench {

std::vector<std::unique_ptr<Peer>> make_peers() {
  std::vector<std::unique_ptr<Peer>> peers;
#ifdef TALEA_BENCH_HAS_ENGINE
  peers.push_back(make_talea_peer());
#endif
  peers.push_back(make_rocksdb_peer());
  peers.push_back(make_leveldb_peer());
  return peers;
}

}  // namespace talea::bench
