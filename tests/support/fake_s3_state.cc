#include "tests/support/fake_s3_state.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/random.h"
#include "crypto/md5.h"

namespace talea::s3 {
namespace {

std::string hex(BytesView bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char character : bytes) {
    const auto byte = static_cast<unsigned char>(character);
    text += kDigits[byte / 16];
    text += kDigits[byte % 16];
  }
  return text;
}

int value_of(char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; }

}  // namespace

Bytes fake_md5(BytesView bytes) {
  const std::array<unsigned char, 16> digest = md5(bytes);
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string fake_etag(BytesView bytes) { return '"' + hex(fake_md5(bytes)) + '"'; }

std::string fake_etag_of_parts(const std::vector<std::string>& part_etags) {
  Bytes digests;
  for (const std::string& etag : part_etags) {
    for (std::size_t i = 1; i + 2 < etag.size(); i += 2) {
      digests += static_cast<char>(16 * value_of(etag[i]) + value_of(etag[i + 1]));
    }
  }
  return '"' + hex(fake_md5(digests)) + '-' + std::to_string(part_etags.size()) + '"';
}

const FakeVersion* FakeBucket::newest(const std::string& key) const {
  const auto found = keys_.find(key);
  return found == keys_.end() ? nullptr : &found->second.back();
}

const FakeVersion* FakeBucket::current(const std::string& key) const {
  const FakeVersion* const found = newest(key);
  return found == nullptr || found->is_delete_marker ? nullptr : found;
}

FakeVersion* FakeBucket::version(const std::string& key, std::string_view id) {
  const auto found = keys_.find(key);
  if (found == keys_.end()) return nullptr;
  for (FakeVersion& each : found->second) {
    if (each.id == id) return &each;
  }
  return nullptr;
}

const std::vector<FakeVersion>* FakeBucket::versions(const std::string& key) const {
  const auto found = keys_.find(key);
  return found == keys_.end() ? nullptr : &found->second;
}

// Ids say nothing about the order, as those of AWS.
std::string FakeBucket::new_id() {
  SeededRandom random(++ids_);
  std::array<unsigned char, 16> bytes{};
  random.fill(bytes);
  return hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void FakeBucket::forget_null_version(const std::string& key) {
  const auto found = keys_.find(key);
  if (found == keys_.end()) return;
  std::erase_if(found->second, [](const FakeVersion& each) { return each.id == "null"; });
  if (found->second.empty()) keys_.erase(found);
}

const FakeVersion& FakeBucket::put(const std::string& key, FakeVersion version) {
  if (versioning_ == Versioning::enabled) {
    version.id = new_id();
  } else {
    version.id = "null";
    forget_null_version(key);
  }
  version.order = ++last_order_;
  orders_[version.id] = version.order;
  std::vector<FakeVersion>& versions = keys_[key];
  versions.push_back(std::move(version));
  return versions.back();
}

const FakeVersion* FakeBucket::remove(const std::string& key, std::uint64_t now_ms) {
  if (versioning_ == Versioning::never) {
    forget_null_version(key);
    return nullptr;
  }
  FakeVersion marker;
  marker.is_delete_marker = true;
  marker.last_modified_ms = now_ms;
  return &put(key, std::move(marker));
}

bool FakeBucket::remove_version(const std::string& key, std::string_view id, bool& was_marker) {
  const FakeVersion* const found = version(key, id);
  if (found == nullptr) return false;
  was_marker = found->is_delete_marker;
  std::vector<FakeVersion>& versions = keys_[key];
  std::erase_if(versions, [&](const FakeVersion& each) { return each.id == id; });
  if (versions.empty()) keys_.erase(key);
  return true;
}

std::uint64_t FakeBucket::order_of(const std::string& key, std::string_view id) const {
  const auto found = keys_.find(key);
  if (found != keys_.end()) {
    for (const FakeVersion& each : found->second) {
      if (each.id == id) return each.order;
    }
  }
  const auto gone = orders_.find(id);
  return gone == orders_.end() ? 0 : gone->second;
}

}  // namespace talea::s3
