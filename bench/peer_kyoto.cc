// Kyoto Cabinet's HashDB: a hash file, mapped. It has no order, and is repaired after a crash.
#include <kchashdb.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bench/peer.h"

namespace talea::bench {
namespace {

// HashDB::get() allocates the value it returns; a visitor copies it to where the caller wants it.
class CopyValue final : public kyotocabinet::DB::Visitor {
 public:
  explicit CopyValue(Bytes& value) : value_(value) {}
  bool found() const { return found_; }

 private:
  const char* visit_full(const char*, size_t, const char* value, size_t value_bytes,
                         size_t*) override {
    value_.assign(value, value_bytes);
    found_ = true;
    return NOP;
  }

  Bytes& value_;
  bool found_ = false;
};

class KyotoPeer final : public Peer {
 public:
  std::string name() const override { return "kyoto"; }
  std::string version() const override { return kyotocabinet::VERSION; }
  std::string options() const override {
    return "HashDB, bnum=2x the expected keys, msiz=3x the expected data (all of the file is "
           "mapped), no record checksums, process crash: repaired at open (not atomic), power "
           "cut: synchronize(hard) after each put, rest default";
  }

  Status open(const std::string& directory, const OpenOptions& options) override {
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
      return Status::io_error("create " + directory + ": " + std::strerror(errno));
    }
    durable_ = options.durability == Durability::power_cut;
    store_ = std::make_unique<kyotocabinet::HashDB>();
    const std::uint64_t bucket_bytes = 2 * options.expected_keys * 6;  // the default width
    const std::uint64_t map_bytes =
        bucket_bytes + 3 * options.expected_bytes + (std::uint64_t{64} << 20);
    if (!store_->tune_buckets(static_cast<std::int64_t>(2 * options.expected_keys)) ||
        !store_->tune_map(static_cast<std::int64_t>(map_bytes))) {
      return last_error();
    }
    using kyotocabinet::HashDB;
    return translated(store_->open(directory + "/hash.kch", HashDB::OWRITER | HashDB::OCREATE));
  }

  Status put(BytesView key, BytesView value) override {
    TALEA_TRY(translated(store_->set(key.data(), key.size(), value.data(), value.size())));
    return durable_ ? sync() : Status();
  }

  // There is no unit of several records short of a transaction that locks the store; one sync for
  // all is as near as it comes.
  Status put_batch(std::span<const Entry> entries) override {
    for (const auto& [key, value] : entries) {
      TALEA_TRY(translated(store_->set(key.data(), key.size(), value.data(), value.size())));
    }
    return durable_ ? sync() : Status();
  }

  Status remove(BytesView key) override {
    if (!store_->remove(key.data(), key.size()) &&
        store_->error() != kyotocabinet::BasicDB::Error::NOREC) {
      return last_error();
    }
    return durable_ ? sync() : Status();
  }

  Result<bool> get(BytesView key, Bytes& value) override {
    CopyValue copy(value);
    if (!store_->accept(key.data(), key.size(), &copy, false)) return last_error();
    return copy.found();
  }

  Status sync() override { return translated(store_->synchronize(true)); }
  Status compact() override { return translated(store_->defrag(0)); }

  Status close() override {
    if (store_ == nullptr) return {};
    Status closed = translated(store_->close());
    store_.reset();
    return closed;
  }

 private:
  Status translated(bool ok) const {
    if (ok) [[likely]]
      return {};
    return last_error();
  }
  Status last_error() const {
    const kyotocabinet::BasicDB::Error error = store_->error();
    return Status::io_error(std::string("kyoto: ") + error.name() + ": " + error.message());
  }

  std::unique_ptr<kyotocabinet::HashDB> store_;
  bool durable_ = false;
};

}  // namespace

std::unique_ptr<Peer> make_kyoto_peer() { return std::make_unique<KyotoPeer>(); }

}  // namespace talea::bench
