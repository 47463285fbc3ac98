// Cursors that more than one home has.
#pragma once

#include <utility>
#include <vector>

#include "home/home.h"

namespace talea {

/// The rows of a Scan, where they lie; who asks for an entry gets a copy.
class ScanCursor final : public HomeCursor {
 public:
  ScanCursor(Scan scan, bool keys_only) : scan_(std::move(scan)), keys_only_(keys_only) {}

  Result<bool> next() override {
    is_copied_ = false;
    value_ = {};
    TALEA_TRY(std::exchange(failed_, {}));
    if (!TALEA_TRY(scan_.next())) return false;
    if (!keys_only_) value_ = TALEA_TRY(scan_.value());
    return true;
  }
  BytesView key() const override { return scan_.key(); }
  BytesView value() const override { return value_; }
  Result<std::uint64_t> revision() override { return scan_.revision(); }
  Result<std::uint64_t> expiry_ms() override { return scan_.expiry_ms(); }

  const HomeEntry& entry() const override {
    if (is_copied_) return entry_;
    is_copied_ = true;
    entry_.key.assign(scan_.key());
    entry_.value.assign(value_);
    if (keys_only_) return entry_;
    entry_.revision = taken(scan_.revision());
    entry_.expiry_ms = taken(scan_.expiry_ms());
    return entry_;
  }

 private:
  // What cannot be read of a row that is there is a failure of the call that follows.
  std::uint64_t taken(const Result<std::uint64_t>& read) const {
    if (read.ok()) return *read;
    failed_ = read.status();
    return 0;
  }

  mutable Scan scan_;
  const bool keys_only_;
  BytesView value_;
  mutable HomeEntry entry_;
  mutable bool is_copied_ = false;
  mutable Status failed_;
};

/// Keys that are in memory.
class KeyCursor final : public HomeCursor {
 public:
  explicit KeyCursor(std::vector<Bytes> keys) : keys_(std::move(keys)) {}

  Result<bool> next() override {
    if (next_ == keys_.size()) return false;
    entry_.key = std::move(keys_[next_++]);
    return true;
  }
  const HomeEntry& entry() const override { return entry_; }

 private:
  std::vector<Bytes> keys_;
  std::size_t next_ = 0;
  HomeEntry entry_;
};

}  // namespace talea
