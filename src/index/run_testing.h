// For tests and the fuzz target of runs: a file in memory, and the repair of checksums, so that
// nonsense reaches what lies behind them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "index/run_block.h"
#include "index/run_format.h"
#include "io/file_system.h"

namespace talea::testing_run {

/// What a MemoryFile holds and how its operations end; shared by test and file.
struct Disk {
  Bytes bytes;
  std::uint64_t operations = 0;
  std::uint64_t reads = 0;
  std::uint64_t synced_bytes_max = 0;  // by one call
  std::uint64_t unsynced_bytes = 0;
  /// The operation that fails, counted from 0.
  std::uint64_t failing_operation = ~std::uint64_t{0};
};

class MemoryFile final : public File {
 public:
  explicit MemoryFile(std::shared_ptr<Disk> disk) : disk_(std::move(disk)) {}

  Result<std::size_t> pread(std::uint64_t offset, char* out, std::size_t bytes) override {
    TALEA_TRY(operate());
    ++disk_->reads;
    if (offset >= disk_->bytes.size()) return std::size_t{0};
    return disk_->bytes.copy(out, bytes, offset);
  }
  Status pwrite(std::uint64_t offset, BytesView data) override {
    TALEA_TRY(operate());
    if (disk_->bytes.size() < offset + data.size()) disk_->bytes.resize(offset + data.size());
    data.copy(disk_->bytes.data() + offset, data.size());
    disk_->unsynced_bytes += data.size();
    return {};
  }
  Status sync_data() override {
    TALEA_TRY(operate());
    disk_->synced_bytes_max = std::max(disk_->synced_bytes_max, disk_->unsynced_bytes);
    disk_->unsynced_bytes = 0;
    return {};
  }
  Result<std::uint64_t> size() override {
    TALEA_TRY(operate());
    return std::uint64_t{disk_->bytes.size()};
  }
  Status allocate(std::uint64_t, std::uint64_t) override { return unused(); }
  Status truncate(std::uint64_t) override { return unused(); }
  /// As long as the bytes are not moved.
  Result<std::unique_ptr<Mapping>> map(std::uint64_t offset, std::uint64_t bytes,
                                       MapAccess) override {
    TALEA_TRY(operate());
    return std::unique_ptr<Mapping>(std::make_unique<View>(disk_, offset, bytes));
  }

 private:
  class View final : public Mapping {
   public:
    View(std::shared_ptr<Disk> disk, std::uint64_t offset, std::uint64_t bytes)
        : disk_(std::move(disk)), offset_(offset), bytes_(bytes) {}
    BytesView bytes() const override { return BytesView(disk_->bytes).substr(offset_, bytes_); }
    char* data() override { return nullptr; }
    Status prefault(std::uint64_t, std::uint64_t) override { return unused(); }

   private:
    const std::shared_ptr<Disk> disk_;
    const std::uint64_t offset_;
    const std::uint64_t bytes_;
  };

  Status operate() {
    if (disk_->operations++ != disk_->failing_operation) return {};
    return Status::io_error("planned");
  }
  static Status unused() { return Status::unsupported("not needed by runs"); }

  std::shared_ptr<Disk> disk_;
};

/// Makes all checks of a run file valid that can be found: those of header, footer and filter
/// pages, and of the blocks that the index leads to.
class Resealer {
 public:
  explicit Resealer(Bytes& file) : file_(file) {}

  void reseal() {
    if (file_.size() < kRunHeaderBytes + kRunFooterBytes) return;
    store_fixed(file_.data() + kRunHeaderBytes - kRunCheckBytes,
                crc32c(0, view(0, kRunHeaderBytes - kRunCheckBytes)));
    features_ = load_fixed<std::uint32_t>(file_.data() + 12);
    RunIdentity identity;
    identity.file_id = load_fixed<std::uint64_t>(file_.data() + 16);
    std::copy_n(file_.data() + 56, identity.salt.size(), identity.salt.begin());
    seed_ = run_check_seed(identity);

    const std::uint64_t footer_offset = file_.size() - kRunFooterBytes;
    constexpr std::uint64_t kFooterCheckAt = 244;
    store_fixed(file_.data() + footer_offset + kFooterCheckAt,
                run_check(seed_, footer_offset, view(footer_offset, kFooterCheckAt)));
    const Result<RunFooter> footer =
        decode_run_footer(view(footer_offset, kRunFooterBytes), file_.size(), seed_);
    if (footer.ok()) reseal_parts(footer->layout);
  }

 private:
  BytesView view(std::uint64_t offset, std::uint64_t bytes) const {
    return BytesView(file_).substr(offset, bytes);
  }

  void seal(std::uint64_t offset, std::uint64_t bytes) {
    if (bytes <= kRunCheckBytes || offset > file_.size() || bytes > file_.size() - offset) return;
    store_fixed(file_.data() + offset + bytes - kRunCheckBytes,
                run_check(seed_, offset, view(offset, bytes - kRunCheckBytes)));
  }

  void reseal_parts(const RunLayout& layout) {
    for (std::uint64_t page = layout.filter_offset; page < layout.index_offset;
         page += kRunFilterPageBytes) {
      seal(page, kRunFilterPageBytes);
    }
    seal(layout.properties_offset, layout.footer_offset - layout.properties_offset);
    const std::vector<Extent> index_blocks = reseal_block(
        RunBlockKind::root, {layout.root_offset, layout.properties_offset - layout.root_offset});
    for (const Extent& index_block : index_blocks) {
      for (const Extent& data_block : reseal_block(RunBlockKind::index, index_block)) {
        seal(data_block.offset, data_block.bytes);
      }
    }
  }

  struct Extent {
    std::uint64_t offset;
    std::uint64_t bytes;
  };

  /// Returns what the block leads to.
  std::vector<Extent> reseal_block(RunBlockKind kind, const Extent& extent) {
    seal(extent.offset, extent.bytes);
    if (extent.bytes <= kRunCheckBytes || extent.offset > file_.size() ||
        extent.bytes > file_.size() - extent.offset) {
      return {};
    }
    const BytesView content = view(extent.offset, extent.bytes - kRunCheckBytes);
    std::vector<char> padded(content.begin(), content.end());
    padded.resize(content.size() + RunBlock::kSlackBytes);
    const Result<RunBlock> block = RunBlock::parse(kind, features_, std::move(padded));
    std::vector<Extent> below;
    for (std::uint64_t row = 0; block.ok() && row < block->rows(); ++row) {
      below.push_back(
          {block->number(RunColumn::offset, row), block->number(RunColumn::bytes, row)});
    }
    return below;
  }

  Bytes& file_;
  std::uint32_t features_ = 0;
  std::uint32_t seed_ = 0;
};

}  // namespace talea::testing_run
