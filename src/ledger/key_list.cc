#include "ledger/key_list.h"

#include <algorithm>
#include <optional>
#include <set>

#include "ledger/entry.h"
#include "ledger/objects.h"

namespace talea {
namespace {

constexpr std::string_view kCause = "list";
constexpr std::uint32_t kListPageMax = 1000;

// The key of an object's name; nothing: the object is none of a key.
std::optional<std::string_view> key_of(std::string_view name) {
  if (!name.starts_with(kKeysFolder) || !name.ends_with(kKeySuffix)) return std::nullopt;
  name.remove_prefix(kKeysFolder.size());
  if (name.size() < kKeySuffix.size()) return std::nullopt;
  name.remove_suffix(kKeySuffix.size());
  return name;
}

class KeyLister {
 public:
  KeyLister(s3::Client& client, const LedgerKeyRange& range) : client_(client), range_(range) {}

  Result<std::vector<std::string>> in_s3_order() {
    std::vector<std::string> keys;
    if (range_.after) page_.start_after = key_object_name(*range_.after);
    while (!ended_ && keys.size() < range_.limit) {
      for (const std::string& name : TALEA_TRY(read_page())) {
        const auto key = key_of(name);
        if (!key || !key->starts_with(range_.prefix) || keys.size() == range_.limit) continue;
        keys.emplace_back(*key);
      }
    }
    return keys;
  }

  Result<std::vector<std::string>> in_key_order() {
    std::set<std::string> keys;
    // Names of later keys are all behind it, also those that begin with this key.
    if (range_.after) page_.start_after = std::string(kKeysFolder) + std::string(*range_.after);
    while (!ended_ && keys.size() < range_.limit) {
      for (std::string& name : TALEA_TRY(read_page())) {
        const auto key = key_of(name);
        if (key && is_wanted(*key)) keys.emplace(*key);
        last_name_ = std::move(name);
      }
    }
    if (!ended_) TALEA_TRY(add_beginnings(keys));
    std::vector<std::string> page(keys.begin(), keys.end());
    if (page.size() > range_.limit) page.resize(range_.limit);
    return page;
  }

 private:
  bool is_wanted(std::string_view key) const {
    return key.starts_with(range_.prefix) && (!range_.after || key > *range_.after);
  }

  // Keys that the last name begins with and whose own names come behind it.
  Status add_beginnings(std::set<std::string>& keys) {
    for (std::size_t length = kKeysFolder.size(); length < last_name_.size(); ++length) {
      const std::string_view key =
          std::string_view(last_name_).substr(kKeysFolder.size(), length - kKeysFolder.size());
      const std::string name = key_object_name(key);
      if (name <= last_name_ || !is_wanted(key)) continue;
      auto info = client_.head(name, {.cause = kCause});
      if (!info.ok()) return explain(std::move(info).status(), "look for " + name);
      if (*info) keys.emplace(key);
    }
    return {};
  }

  Result<std::vector<std::string>> read_page() {
    page_.cause = kCause;
    page_.prefix = std::string(kKeysFolder) + std::string(range_.prefix);
    // Some names are those of the page before, or of no key.
    constexpr std::uint64_t kSpare = 2;
    page_.keys_max =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(range_.limit + kSpare, kListPageMax));
    auto listed = client_.list(page_);
    if (!listed.ok()) return explain(std::move(listed).status(), "list the keys");
    page_.token = listed->next_token;
    ended_ = listed->next_token.empty();
    std::vector<std::string> names;
    names.reserve(listed->objects.size());
    for (s3::ObjectInfo& object : listed->objects) names.push_back(std::move(object.key));
    return names;
  }

  s3::Client& client_;
  const LedgerKeyRange& range_;
  s3::ListOptions page_;
  bool ended_ = false;
  std::string last_name_;
};

}  // namespace

Result<std::vector<std::string>> list_ledger_keys(s3::Client& client, const LedgerKeyRange& range) {
  if (range.limit > kLedgerPageMax) {
    return Status::invalid_argument("a page of " + std::to_string(range.limit) + "; up to " +
                                    std::to_string(kLedgerPageMax));
  }
  if (range.limit == 0) return std::vector<std::string>();
  KeyLister lister(client, range);
  return range.order == LedgerKeyOrder::s3 ? lister.in_s3_order() : lister.in_key_order();
}

}  // namespace talea
