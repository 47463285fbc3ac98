// KeyKeeper: the data keys of an open store, in memory and in its key file.
//
// The file is replaced as a whole, as the manifest is: written beside, synced, renamed, the
// directory synced. A key is used only when the file that has it is durable, and leaves the file
// only when nothing names it; so whatever stops a replacement leaves every file of the store with
// its key.
#pragma once

#include <string>
#include <vector>

#include "base/mutex.h"
#include "io/file_system.h"
#include "keys/key_file.h"

namespace talea {

/// Threads: safe. Its mutex is held while the file is written, which is rare.
class KeyKeeper {
 public:
  /// Everything outlives it. Nothing is written yet.
  KeyKeeper(FileSystem& file_system, Random& random, std::string directory,
            const SecretKey& master);

  /// Makes the first data key of a store that is being made, and the file.
  /// Errors: exhausted, denied, io_error; also of what follows, but for read()
  Status create(const StoreId& store_id, std::uint64_t now_ms) TALEA_EXCLUDES(mutex_);
  /// Reads the file of the store.
  /// Errors: corruption   missing, damaged, or of another store
  ///         denied       another master key
  ///         unsupported, io_error
  Status read(const StoreId& store_id) TALEA_EXCLUDES(mutex_);

  /// Seals all data keys with another master key. After an error the store opens with the one or
  /// the other.
  Status rotate_master(const SecretKey& master) TALEA_EXCLUDES(mutex_);
  /// Makes a data key for all files from now on, and returns its id.
  /// Errors: exhausted   there are kDataKeysMax already
  Result<std::uint32_t> add(std::uint64_t now_ms) TALEA_EXCLUDES(mutex_);
  /// Lets all keys go but the newest and those that an open file names. For whoever has all files
  /// of the store open. Cost: nothing while there is one key.
  Status drop_unused() TALEA_EXCLUDES(mutex_);

  const KeyRing& ring() const { return ring_; }
  /// The content of the file. One that was damaged since it was read is written anew: what has its
  /// keys is in memory, and without it the store would be lost with the process.
  Result<Bytes> intact_file() TALEA_EXCLUDES(mutex_);

 private:
  Status take_over(const StoreId& store_id, BytesView bytes) TALEA_REQUIRES(mutex_);
  bool is_in(const Result<Bytes>& file) const TALEA_REQUIRES(mutex_);
  Status write(const std::vector<DataKey>& keys, const SecretKey& master) TALEA_REQUIRES(mutex_);

  FileSystem& file_system_;
  Random& random_;
  const std::string directory_;
  KeyRing ring_;
  mutable Mutex mutex_;
  SecretKey master_ TALEA_GUARDED_BY(mutex_);
  StoreId store_id_ TALEA_GUARDED_BY(mutex_){};
  std::uint64_t generation_ TALEA_GUARDED_BY(mutex_) = 0;
};

}  // namespace talea
