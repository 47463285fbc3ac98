#include "auth/metadata.h"

#include <string>
#include <utility>
#include <vector>

#include "auth/token.h"

namespace talea {
namespace {

constexpr std::uint64_t kPageRecords = 128;

std::string context_of(BytesView key) {
  AuthId id;
  for (std::size_t i = 0; i < id.bytes.size() && i + 1 < key.size(); ++i) {
    id.bytes[i] = static_cast<unsigned char>(key[i + 1]);
  }
  const bool is_user = key.starts_with(static_cast<char>(AuthKind::user));
  return "metadata of " + (is_user ? user_id_text(id) : key_id_text(id));
}

template <typename Record>
Result<std::optional<Bytes>> rewrapped(Sealer& sealer, BytesView key, Record record) {
  if (record.sealed_metadata.empty()) return std::optional<Bytes>();
  Result<std::optional<Bytes>> sealed = sealer.rewrap(key, record.sealed_metadata);
  if (!sealed.ok()) return std::move(sealed).status().with_context(context_of(key));
  if (!*sealed) return std::optional<Bytes>();
  record.sealed_metadata = std::move(**sealed);
  return std::optional(encode(record));
}

}  // namespace

Result<std::shared_ptr<Sealer>> Metadata::sealer() const {
  MutexLock lock(mutex_);
  if (sealer_ != nullptr) return sealer_;
  return Status::invalid_argument("there is no sealer: give one as AuthOptions::sealer");
}

Status Metadata::check(BytesView metadata) const {
  if (metadata.size() > kAuthMetadataBytesMax) {
    return Status::invalid_argument("metadata has at most " +
                                    std::to_string(kAuthMetadataBytesMax) + " bytes; this has " +
                                    std::to_string(metadata.size()));
  }
  if (!metadata.empty()) TALEA_TRY(sealer());
  return {};
}

Result<Bytes> Metadata::seal(const Bytes& record, BytesView metadata) const {
  if (metadata.empty()) return Bytes();
  return TALEA_TRY(sealer())->seal(record, metadata);
}

Result<Bytes> Metadata::open(const Bytes& record, const Bytes& sealed) const {
  if (sealed.empty()) return Bytes();
  Result<Bytes> opened = TALEA_TRY(sealer())->open(record, sealed);
  if (!opened.ok()) return std::move(opened).status().with_context(context_of(record));
  return opened;
}

Status Metadata::set_sealer(std::unique_ptr<Sealer> sealer) {
  if (sealer == nullptr) return Status::invalid_argument("a rotation needs a sealer");
  WriteLock nobody_seals(sealing_);
  MutexLock lock(mutex_);
  sealer_ = std::move(sealer);
  return {};
}

Result<std::optional<Bytes>> Metadata::rewrapped(BytesView key, BytesView value) const {
  const std::shared_ptr<Sealer> sealer = TALEA_TRY(this->sealer());
  if (key.starts_with(static_cast<char>(AuthKind::user))) {
    return talea::rewrapped(*sealer, key, TALEA_TRY(decode_user(key, value)));
  }
  return talea::rewrapped(*sealer, key, TALEA_TRY(decode_api_key(key, value)));
}

Result<std::uint64_t> Metadata::rewrap() {
  TALEA_TRY(sealer());
  const std::uint64_t users = TALEA_TRY(rewrap(AuthKind::user));
  return users + TALEA_TRY(rewrap(AuthKind::api_key));
}

// A page of records in one batch; when somebody changed one of them meanwhile, each by itself.
Result<std::uint64_t> Metadata::rewrap(AuthKind kind) {
  const Bytes prefix(1, static_cast<char>(kind));
  Bytes start = prefix;
  std::uint64_t count = 0;
  for (;;) {
    Batch batch;
    std::vector<Bytes> keys;
    bool is_at_end = true;
    {
      Scan scan = TALEA_TRY(records_.store().scan(
          kAuthSpace, {.prefix = prefix, .start = start, .limit = kPageRecords}));
      while (TALEA_TRY(scan.next())) {
        is_at_end = false;
        start = Bytes(scan.key()) + '\0';
        const auto value = TALEA_TRY(rewrapped(scan.key(), TALEA_TRY(scan.value())));
        if (!value) continue;
        keys.emplace_back(scan.key());
        replace(batch, keys.back(), *value, TALEA_TRY(scan.revision()));
      }
    }
    if (is_at_end) return count;
    if (keys.empty()) continue;
    const Result<Sequence> committed = records_.store().commit(batch, nullptr);
    if (committed.ok()) {
      count += keys.size();
    } else if (committed.status().code() == Code::conflict) {
      count += TALEA_TRY(rewrap_one_by_one(keys));
    } else {
      return committed.status();
    }
  }
}

Result<std::uint64_t> Metadata::rewrap_one_by_one(const std::vector<Bytes>& keys) {
  std::uint64_t count = 0;
  for (const Bytes& key : keys) {
    bool is_changed = false;
    TALEA_TRY(records_.change([&]() -> Result<Batch> {
      Batch batch;
      is_changed = false;
      const auto found = TALEA_TRY(records_.store().get(kAuthSpace, key));
      if (!found) return batch;
      const auto value = TALEA_TRY(rewrapped(key, found->value));
      if (!value) return batch;
      is_changed = true;
      replace(batch, key, *value, found->revision);
      return batch;
    }));
    if (is_changed) ++count;
  }
  return count;
}

}  // namespace talea
