#include "bench/peer.h"

namespace talea::bench {

std::vector<std::unique_ptr<Peer>> make_peers() {
  std::vector<std::unique_ptr<Peer>> peers;
  peers.push_back(make_talea_peer());
  peers.push_back(make_rocksdb_peer());
  peers.push_back(make_leveldb_peer());
  peers.push_back(make_lmdb_peer());
  peers.push_back(make_lmdb_writemap_peer());
  peers.push_back(make_tkrzw_peer());
  peers.push_back(make_kyoto_peer());
  peers.push_back(make_ceiling_peer());
  peers.push_back(make_hightower_peer());
  peers.push_back(make_hightower_inline_peer());
  std::erase(peers, nullptr);
  return peers;
}

}  // namespace talea::bench
