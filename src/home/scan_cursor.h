// Cursors that more than one home has.
#pragma once

#include <utility>
#include <vector>

#include "home/home.h"

namespace talea {

/// The rows of a Scan.
class ScanCursor final : public HomeCursor {
 public:
  ScanCursor(Scan scan, bool keys_only) : scan_(std::move(scan)), keys_only_(keys_only) {}

  Result<bool> next() override {
    if (!TALEA_TRY(scan_.next())) return false;
    entry_.key.assign(scan_.key());
    if (keys_only_) return true;
    entry_.value.assign(TALEA_TRY(scan_.value()));
    entry_.revision = TALEA_TRY(scan_.revision());
    entry_.expiry_ms = TALEA_TRY(scan_.expiry_ms());
    return true;
  }
  const HomeEntry& entry() const override { return entry_; }

 private:
  Scan scan_;
  const bool keys_only_;
  HomeEntry entry_;
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
