// Tkrzw's HashDBM: a hash file, mapped. It has no order, and is repaired after a crash.
#include <sys/stat.h>
#include <tkrzw_dbm_hash.h>
#include <tkrzw_lib_common.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bench/peer.h"

namespace talea::bench {
namespace {

class TkrzwPeer final : public Peer {
 public:
  std::string name() const override { return "tkrzw"; }
  std::string version() const override { return tkrzw::PACKAGE_VERSION; }
  std::string options() const override {
    return "HashDBM on a mapped file, in-place updates, num_buckets=2x the expected keys, no "
           "record checksums, process crash: repaired at open (not atomic), power cut: "
           "Synchronize(hard) after each put, rest default";
  }

  Status open(const std::string& directory, const OpenOptions& options) override {
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
      return Status::io_error("create " + directory + ": " + std::strerror(errno));
    }
    durable_ = options.durability == Durability::power_cut;
    tkrzw::HashDBM::TuningParameters tuning;
    tuning.num_buckets = static_cast<std::int64_t>(2 * options.expected_keys);
    store_ = std::make_unique<tkrzw::HashDBM>();
    return translated(store_->OpenAdvanced(directory + "/hash.tkh", true, 0, tuning));
  }

  Status put(BytesView key, BytesView value) override {
    TALEA_TRY(translated(store_->Set(key, value)));
    return durable_ ? sync() : Status();
  }

  // There is no unit of several records; one sync for all is as near as it comes.
  Status put_batch(std::span<const Entry> entries) override {
    for (const Entry& entry : entries) TALEA_TRY(translated(store_->Set(entry.key, entry.value)));
    return durable_ ? sync() : Status();
  }

  Status remove(BytesView key) override {
    const tkrzw::Status status = store_->Remove(key);
    if (status == tkrzw::Status::NOT_FOUND_ERROR) return {};
    TALEA_TRY(translated(status));
    return durable_ ? sync() : Status();
  }

  Result<bool> get(BytesView key, Bytes& value) override {
    const tkrzw::Status status = store_->Get(key, &value);
    if (status == tkrzw::Status::SUCCESS) [[likely]]
      return true;
    if (status == tkrzw::Status::NOT_FOUND_ERROR) return false;
    return translated(status);
  }

  Status sync() override { return translated(store_->Synchronize(true)); }
  Status compact() override { return translated(store_->Rebuild()); }

  Status close() override {
    if (store_ == nullptr) return {};
    const tkrzw::Status status = store_->Close();
    store_.reset();
    return translated(status);
  }

 private:
  static Status translated(const tkrzw::Status& status) {
    if (status == tkrzw::Status::SUCCESS) [[likely]]
      return {};
    return Status::io_error("tkrzw: " + tkrzw::ToString(status));
  }

  std::unique_ptr<tkrzw::HashDBM> store_;
  bool durable_ = false;
};

}  // namespace

std::unique_ptr<Peer> make_tkrzw_peer() { return std::make_unique<TkrzwPeer>(); }

}  // namespace talea::bench
