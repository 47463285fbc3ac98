// What a fake S3 holds, and what S3 means by versions, delete markers and conditions. No HTTP here:
// fake_s3.h has that.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "s3/client.h"
#include "talea/bytes.h"

namespace talea::s3 {

/// An object as it was put once, or a delete marker.
struct FakeVersion {
  std::string id;  // "null" where versioning was not enabled
  bool is_delete_marker = false;
  std::shared_ptr<const Bytes> bytes;
  std::string etag;  // with its quotes
  std::uint64_t last_modified_ms = 0;
  std::string content_type;
  std::string kms_key_id;
  std::map<std::string, std::string> metadata;  // x-amz-meta-*, by the whole name
  std::uint64_t order = 0;                      // grows with each version of the bucket
};

/// Of one request. `if_match` and `if_none_match` as they were sent, "" when they were not.
struct FakeConditions {
  std::string if_match;
  std::string if_none_match;
};

struct FakeUpload {
  std::string key;
  FakeVersion draft;  // what the object will have, but for its bytes
  std::map<int, std::pair<std::shared_ptr<const Bytes>, std::string>> parts;  // bytes, ETag
};

/// A bucket.
///
/// Threads: externally synchronised.
class FakeBucket {
 public:
  explicit FakeBucket(Versioning versioning) : versioning_(versioning) {}

  Versioning versioning() const { return versioning_; }
  void set_versioning(Versioning versioning) { versioning_ = versioning; }

  /// The current version, if it is an object.
  const FakeVersion* current(const std::string& key) const;
  /// The current version, be it a delete marker.
  const FakeVersion* newest(const std::string& key) const;
  FakeVersion* version(const std::string& key, std::string_view id);
  /// Oldest first.
  const std::vector<FakeVersion>* versions(const std::string& key) const;
  const std::map<std::string, std::vector<FakeVersion>>& keys() const { return keys_; }

  /// Makes `version` the current one and returns it with its id.
  const FakeVersion& put(const std::string& key, FakeVersion version);
  /// Puts a delete marker, or removes the object of a bucket without versions. The marker, if any.
  const FakeVersion* remove(const std::string& key, std::uint64_t now_ms);
  /// Whether there was one; `was_marker` says what it was.
  bool remove_version(const std::string& key, std::string_view id, bool& was_marker);
  /// Where versions begin that are older than `id`, also when `id` is gone.
  std::uint64_t order_of(const std::string& key, std::string_view id) const;
  std::uint64_t last_order() const { return last_order_; }

  std::string new_id();
  std::map<std::string, FakeUpload> uploads;
  /// Of uploads that were completed: the key and the version that they became.
  std::map<std::string, std::pair<std::string, FakeVersion>> completed_uploads;

 private:
  void forget_null_version(const std::string& key);

  Versioning versioning_;
  std::map<std::string, std::vector<FakeVersion>> keys_;  // of versions, the newest is the last
  std::map<std::string, std::uint64_t, std::less<>> orders_;
  std::uint64_t last_order_ = 0;
  std::uint64_t ids_ = 0;
};

/// The MD5 of `bytes`, in hexadecimal and with quotes.
std::string fake_etag(BytesView bytes);
/// Of a multipart upload: the MD5 of the MD5s of its parts, and their number.
std::string fake_etag_of_parts(const std::vector<std::string>& part_etags);
Bytes fake_md5(BytesView bytes);

}  // namespace talea::s3
