// LMDB, in two forms: as it is, and mapped for writing without any sync.
//
// Every put is a transaction of its own. Reads take one read transaction for each thread, reset and
// renewed around each get: the cheapest way that sees what was put before.
#include <lmdb.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

#include "bench/peer.h"

namespace talea::bench {
namespace {

// Address space, not memory; the file grows to what is used, and with MDB_WRITEMAP is sparse.
constexpr std::size_t kMapBytes = std::size_t{64} << 30;
constexpr unsigned kReaders = 512;

Status translated(int error) {
  if (error == MDB_SUCCESS) [[likely]]
    return {};
  return Status::io_error(std::string("lmdb: ") + mdb_strerror(error));
}

MDB_val mdb_bytes(BytesView bytes) {
  return {.mv_size = bytes.size(), .mv_data = const_cast<char*>(bytes.data())};
}

BytesView view(const MDB_val& bytes) {
  return {static_cast<const char*>(bytes.mv_data), bytes.mv_size};
}

// The read transaction of a thread, and which opening of a store it belongs to.
struct Reader {
  std::uint64_t opening = 0;
  MDB_txn* transaction = nullptr;
  MDB_cursor* cursor = nullptr;
};

class LmdbPeer final : public Peer {
 public:
  explicit LmdbPeer(bool write_map) : write_map_(write_map) {}
  ~LmdbPeer() override { release(); }

  std::string name() const override { return write_map_ ? "lmdb-writemap" : "lmdb"; }
  std::string version() const override {
    return std::to_string(MDB_VERSION_MAJOR) + "." + std::to_string(MDB_VERSION_MINOR) + "." +
           std::to_string(MDB_VERSION_PATCH);
  }
  std::string options() const override {
    return std::string(write_map_ ? "MDB_WRITEMAP|MDB_NOSYNC; a process that dies while it writes "
                                    "to the map can spoil it"
                                  : "MDB_NOSYNC (process crash) or synced (power cut)") +
           ", MDB_NORDAHEAD, a transaction for each put, a renewed reader for each get, no "
           "checksums, map=" +
           std::to_string(kMapBytes >> 30) + "GiB";
  }

  Status open(const std::string& directory, const OpenOptions& options) override {
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
      return Status::io_error("create " + directory + ": " + std::strerror(errno));
    }
    const bool durable = options.durability == Durability::power_cut;
    if (durable && write_map_) return Status::unsupported("lmdb-writemap is not synced");
    TALEA_TRY(translated(mdb_env_create(&environment_)));
    TALEA_TRY(translated(mdb_env_set_mapsize(environment_, kMapBytes)));
    TALEA_TRY(translated(mdb_env_set_maxreaders(environment_, kReaders)));
    const unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (durable ? 0u : unsigned{MDB_NOSYNC}) |
                           (write_map_ ? unsigned{MDB_WRITEMAP} : 0u);
    TALEA_TRY(translated(mdb_env_open(environment_, directory.c_str(), flags, 0600)));
    opening_ = ++openings;
    MDB_txn* transaction = nullptr;
    TALEA_TRY(translated(mdb_txn_begin(environment_, nullptr, 0, &transaction)));
    TALEA_TRY(translated(mdb_dbi_open(transaction, nullptr, 0, &database_)));
    return translated(mdb_txn_commit(transaction));
  }

  Status put(BytesView key, BytesView value) override {
    const Entry entry{.key = key, .value = value};
    return put_batch({&entry, 1});
  }

  Status put_batch(std::span<const Entry> entries) override {
    return write([&](MDB_txn* transaction) {
      for (const Entry& entry : entries) {
        MDB_val key = mdb_bytes(entry.key);
        MDB_val value = mdb_bytes(entry.value);
        const int error = mdb_put(transaction, database_, &key, &value, 0);
        if (error != MDB_SUCCESS) return error;
      }
      return int{MDB_SUCCESS};
    });
  }

  Status remove(BytesView key) override {
    return write([&](MDB_txn* transaction) {
      MDB_val removed = mdb_bytes(key);
      const int error = mdb_del(transaction, database_, &removed, nullptr);
      return error == MDB_NOTFOUND ? MDB_SUCCESS : error;
    });
  }

  Result<bool> get(BytesView key, Bytes& value) override {
    Reader& reader = *TALEA_TRY(begin_read());
    MDB_val wanted = mdb_bytes(key);
    MDB_val found{};
    const int error = mdb_get(reader.transaction, database_, &wanted, &found);
    if (error == MDB_SUCCESS) value.assign(view(found));  // before the pages may change
    mdb_txn_reset(reader.transaction);
    if (error == MDB_NOTFOUND) return false;
    TALEA_TRY(translated(error));
    return true;
  }

  Status scan(BytesView start, std::uint64_t rows, RowSum& sum) override {
    return walk(start, [&](BytesView key, BytesView value) {
      if (rows == 0) return false;
      sum.add(key, value);
      return --rows != 0;
    });
  }

  Status scan_prefix(BytesView prefix, RowSum& sum) override {
    return walk(prefix, [&](BytesView key, BytesView value) {
      if (!key.starts_with(prefix)) return false;
      sum.add(key, value);
      return true;
    });
  }

  Status sync() override { return translated(mdb_env_sync(environment_, 1)); }

  Status close() override {
    release();
    return {};
  }

 private:
  template <typename Operation>
  Status write(const Operation& operation) {
    MDB_txn* transaction = nullptr;
    TALEA_TRY(translated(mdb_txn_begin(environment_, nullptr, 0, &transaction)));
    const int error = operation(transaction);
    if (error != MDB_SUCCESS) {
      mdb_txn_abort(transaction);
      return translated(error);
    }
    return translated(mdb_txn_commit(transaction));
  }

  // Calls `row` for each row from `start` on, until it returns false.
  template <typename Row>
  Status walk(BytesView start, const Row& row) {
    Reader& reader = *TALEA_TRY(begin_read());
    int error = mdb_cursor_renew(reader.transaction, reader.cursor);
    if (error == MDB_SUCCESS) {
      MDB_val key = mdb_bytes(start);
      MDB_val value{};
      error =
          mdb_cursor_get(reader.cursor, &key, &value, start.empty() ? MDB_FIRST : MDB_SET_RANGE);
      while (error == MDB_SUCCESS && row(view(key), view(value))) {
        error = mdb_cursor_get(reader.cursor, &key, &value, MDB_NEXT);
      }
    }
    mdb_txn_reset(reader.transaction);
    return error == MDB_NOTFOUND ? Status() : translated(error);
  }

  // The reader of this thread, with its transaction begun; mdb_txn_reset() ends it.
  Result<Reader*> begin_read() {
    thread_local Reader reader;
    if (reader.opening == opening_) [[likely]] {
      TALEA_TRY(translated(mdb_txn_renew(reader.transaction)));
      return &reader;
    }
    reader = {.opening = opening_};
    TALEA_TRY(translated(mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &reader.transaction)));
    TALEA_TRY(translated(mdb_cursor_open(reader.transaction, database_, &reader.cursor)));
    const std::lock_guard lock(mutex_);
    readers_.push_back(reader);
    return &reader;
  }

  void release() {
    for (const Reader& reader : std::exchange(readers_, {})) {
      mdb_cursor_close(reader.cursor);
      mdb_txn_abort(reader.transaction);
    }
    if (environment_ != nullptr) mdb_env_close(std::exchange(environment_, nullptr));
    opening_ = 0;
  }

  // Over all objects: a thread may read from several, one after the other.
  static inline std::uint64_t openings = 0;

  const bool write_map_;
  MDB_env* environment_ = nullptr;
  MDB_dbi database_ = 0;
  std::uint64_t opening_ = 0;
  std::mutex mutex_;
  std::vector<Reader> readers_;  // of all threads, ended by close()
};

}  // namespace

std::unique_ptr<Peer> make_lmdb_peer() { return std::make_unique<LmdbPeer>(false); }
std::unique_ptr<Peer> make_lmdb_writemap_peer() { return std::make_unique<LmdbPeer>(true); }

}  // namespace talea::bench
