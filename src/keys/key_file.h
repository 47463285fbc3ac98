// The key file of a store: its data keys, sealed with a key that is derived from the master key.
//
// Format: docs/formats/keys.md.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "codec/format.h"
#include "crypto/key_ring.h"
#include "talea/result.h"

namespace talea {

inline constexpr const char* kKeyFileName = "KEYS";
inline constexpr const char* kKeyFileTemporaryName = "KEYS.tmp";
/// Of data keys in one file: each rotation makes one, and compaction lets the old ones go.
inline constexpr std::size_t kDataKeysMax = 1024;

struct KeyFile {
  StoreId store_id{};
  /// Grows with each file that is written.
  std::uint64_t generation = 0;
  /// 1 to kDataKeysMax, ids ascending.
  std::vector<DataKey> keys;
};

/// Sealed anew each time: `random` makes the salt.
Bytes encode_key_file(const KeyFile& file, const SecretKey& master, Random& random);

/// What is known of the key file of this store without any key.
/// Errors: corruption   damaged, or of another store
///         unsupported
Status check_key_file(BytesView bytes, const StoreId& store_id);
/// Errors: denied   intact, and sealed with another master key
///         and those of check_key_file()
Result<KeyFile> decode_key_file(BytesView bytes, const StoreId& store_id, const SecretKey& master);

}  // namespace talea
