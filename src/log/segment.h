// Segment: an open segment file, for reading entries at known places.
//
// Segments of the log are mapped: an entry is read where it lies in memory (read_at, peek). What a
// location points at was checked when it was written or replayed, so peek() checks nothing;
// is_intact() does, once for each block or always, as the reader asks.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "base/prefetch.h"
#include "io/file_cache.h"
#include "io/file_system.h"
#include "io/map_guard.h"
#include "log/checked_blocks.h"
#include "log/record.h"
#include "log/segment_header.h"
#include "log/stored_entry.h"
#include "talea/engine.h"
#include "talea/limits.h"

namespace talea {

/// Threads: immutable once it is mapped, and so is what it reads; safe.
class Segment {
 public:
  /// Opens `directory`/NAME and checks that its header is what the manifest says.
  /// `keys`: of a store that is encrypted, in which all segments are. Without them the records of
  /// one that is can be found and checked, and not read.
  /// Errors: not_found, corruption, unsupported, io_error; with the name of the file
  static Result<std::shared_ptr<Segment>> open(FileSystem& file_system,
                                               const std::string& directory, SegmentKind kind,
                                               std::uint32_t id, const StoreId& store_id,
                                               OpenMode mode, const KeyRing* keys = nullptr);
  /// The same, for reading, of a file that `cache` opens when it is needed.
  static Result<std::shared_ptr<Segment>> open(FileCache& cache, const std::string& directory,
                                               SegmentKind kind, std::uint32_t id,
                                               const StoreId& store_id,
                                               const KeyRing* keys = nullptr);
  /// For a file that was just written; see SegmentWriter. `cipher`: as SegmentHeader::cipher().
  Segment(const SegmentHeader& header, std::unique_ptr<File> file,
          std::shared_ptr<const PlaceCipher> cipher = nullptr);

  /// Maps the first `bytes` bytes of the file for reading; before others see the segment.
  /// Errors: io_error, exhausted   no address space, or too many maps
  Status map(std::uint64_t bytes);
  /// Takes over a mapping of a file that this process fills: its entries count as checked.
  void adopt(std::unique_ptr<Mapping> mapping);
  /// The mapped segment is good up to `end`. Nothing behind it is looked at from now on, and what
  /// lies before it is checked when it is first read. Before others see the segment.
  void set_sealed(std::uint64_t end);
  /// The same end while the segment grows, with nothing to check.
  void set_end(std::uint64_t end) { memory_bytes_.store(end, std::memory_order_release); }

  const SegmentHeader& header() const { return header_; }
  const SegmentContext& context() const { return context_; }
  std::uint32_t id() const { return header_.id; }
  /// The file's name inside the directory.
  const std::string& name() const { return name_; }
  File& file() const { return *file_; }

  /// Reads the entry at `offset` of the mapped segment; nothing is checked, but that it is genuine
  /// where it was sealed. False when what is there can be no entry.
  bool peek(std::uint32_t offset, StoredEntry& out) const {
    const std::uint64_t end = memory_bytes_.load(std::memory_order_acquire);
    return offset < end && read_stored_entry(memory_ + offset, memory_ + end, out) &&
           (!context_.is_encrypted() || open_entry(offset, out));
  }
  /// The same of a sealed one as it is stored: how long it is, and whatever else is not sealed.
  bool outline(std::uint32_t offset, StoredEntry& out) const {
    const std::uint64_t end = memory_bytes_.load(std::memory_order_acquire);
    return context_.is_encrypted() && offset < end &&
           read_stored_entry(memory_ + offset, memory_ + end, out);
  }
  /// As peek(), for whoever needs the key alone, and the value of no entry but an extent list: of a
  /// sealed entry no more is opened, and that it is genuine is not known.
  bool peek_key(std::uint32_t offset, StoredEntry& out) const {
    const std::uint64_t end = memory_bytes_.load(std::memory_order_acquire);
    return offset < end && read_stored_entry(memory_ + offset, memory_ + end, out) &&
           (!context_.is_encrypted() || open_key(offset, out));
  }
  /// Where the next entry begins, for a walk: `offset` is kSegmentHeaderBytes or the end of an
  /// entry. At the end of the segment's content there is none.
  std::uint64_t next_entry(std::uint64_t offset) const;
  /// Where an entry lies in memory, to ask for it; what is there is for peek() to read.
  const char* address_of(std::uint32_t offset) const { return memory_ + offset; }
  /// Asks for the first `bytes` bytes of an entry that will be read soon.
  void prefetch(std::uint32_t offset, std::size_t bytes) const {
    constexpr std::uintptr_t kLineBytes = 64;
    const char* const at = memory_ + offset;
    const std::size_t in_line = reinterpret_cast<std::uintptr_t>(at) % kLineBytes;
    for (std::size_t ahead = 0; ahead < in_line + bytes; ahead += kLineBytes) {
      prefetch_line(at + ahead);
    }
  }
  /// Whether the entry that peek() read at `offset` passes its check: each time, or when its block
  /// was not checked since the segment was opened.
  bool is_intact(std::uint32_t offset, const StoredEntry& entry, VerifyReads verify) const {
    if (verify == VerifyReads::once) {
      return is_checked_once(offset) &&
             (!entry.is_in_batch() ||
              (entry.lead <= offset && is_checked_once(offset - entry.lead)));
    }
    return stored_entry_matches(memory_ + offset, entry, offset, context_) &&
           (!entry.is_in_batch() || has_batch_header(offset, entry));
  }
  /// Whether the memory may be believed: to be asked after it was read. Only with MapGuard, else a
  /// disk that fails below the mapping ends the process.
  /// Errors: io_error
  Status read_status() const {
    if (!MapGuard::damaged(unreadable_)) [[likely]]
      return {};
    return unreadable();
  }
  /// The sequence of an entry that peek() read at `offset`.
  Sequence sequence_at(std::uint32_t offset, const StoredEntry& entry) const {
    if (!entry.is_in_batch()) return context_.first_sequence + entry.lead;
    constexpr std::size_t kSequenceOffset = 8;  // in the batch header
    if (entry.lead > offset) return kSequenceMax;
    return load_fixed<std::uint64_t>(memory_ + (offset - entry.lead) + kSequenceOffset);
  }
  /// `now` of the batch of an entry that peek() read at `offset` and that is intact.
  std::uint64_t time_at(std::uint32_t offset, const StoredEntry& entry) const;
  /// What of an entry's memory a read needs for as long as its views live.
  struct Scratch {
    Bytes stored;
    OpenedBytes opened;
  };
  /// Reads and checks one entry. `scratch` holds the bytes that the view points into.
  /// Errors: corruption   with file and offset; never a wrong entry
  ///         io_error
  Result<EntryView> read_entry(EntryExtent place, Scratch& scratch) const;

  /// The sequence of an entry that read_entry returned. Cost: nothing for a single, one read for
  /// an entry of a batch.
  Result<Sequence> sequence_of(const EntryView& entry) const;

  /// `file` at `offset`: `problem`.
  Status corruption_at(std::uint64_t offset, std::string_view problem) const;

 private:
  bool is_checked_once(std::uint64_t offset) const {
    if (!checked_) return true;  // this process wrote it
    const auto at = static_cast<std::uint32_t>(offset);
    return checked_->is_checked(at) || checked_->check(at);
  }
  Status unreadable() const;
  bool open_entry(std::uint32_t offset, StoredEntry& out) const;
  bool open_key(std::uint32_t offset, StoredEntry& out) const;
  // Whether the batch header of an entry passes its check: it has the entry's sequence.
  bool has_batch_header(std::uint32_t offset, const StoredEntry& entry) const;
  static Result<std::shared_ptr<Segment>> check(std::unique_ptr<File> file, SegmentKind kind,
                                                std::uint32_t id, const StoreId& store_id,
                                                const KeyRing* keys);

  const SegmentHeader header_;
  const SegmentContext context_;
  const std::string name_;
  const std::unique_ptr<File> file_;
  std::unique_ptr<Mapping> mapping_;
  std::atomic<bool> unreadable_{false};  // set when the disk failed below the mapping
  MapGuard::Region watched_;             // ends before the mapping
  const char* memory_ = nullptr;
  std::atomic<std::uint64_t> memory_bytes_{0};      // of it that may be looked at
  mutable std::unique_ptr<CheckedBlocks> checked_;  // null: nothing needs to be checked
};

}  // namespace talea
