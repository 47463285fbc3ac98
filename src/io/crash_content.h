// CrashContent: the bytes of one file on the disk of CrashFileSystem, cached and durable.
//
// The cached bytes are pages, shared where equal and null where zero. A page that was written since
// it was last durable is dirty: it keeps the page as it is on the disk and the list of changes
// since. Any prefix of the list is a state in which a power cut may leave the page
// (docs/crash-model.md, clauses 8 to 11). Cost is therefore that of what is dirty, not of the file.
//
//     cached    A B C d e       length 5 pages      d: dirty, changes [+100 bytes, +100 bytes]
//     durable   A B C D         length 4 pages      e: dirty, on disk: zeros, changes [...]
//
// While a file is mapped, its live bytes are in a window, one stretch of real memory at a fixed
// address. Stores into it are not seen; absorb() finds them by comparison with the pages. Pages of
// the window beyond the end of the file have no memory: to touch one ends the test with a SIGSEGV,
// where the real file system would send a SIGBUS.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/random.h"
#include "talea/bytes.h"

namespace talea {

/// Decides what one power cut leaves behind.
/// Threads: externally synchronised.
class PowerCut {
 public:
  enum class Kind { random, keep_everything, lose_everything };

  /// `seed` is of no meaning unless the kind is random.
  explicit PowerCut(Kind kind, std::uint64_t seed = 0);

  Kind kind() const { return kind_; }
  /// True when a change of a name, a length or a page reached the disk as it was last.
  bool keeps();
  /// A number below `count`, which is not 0.
  std::size_t pick(std::size_t count);

 private:
  Kind kind_;
  SeededRandom random_;
  // Of 16 changes, so many are kept. Drawn anew for each cut: among cuts that keep half of
  // everything, the ones that lose a single page would be too rare to meet.
  std::size_t kept_of_16_ = 0;
};

/// Threads: externally synchronised, but for the memory of a window, into which the owner of a
/// mapping stores at any time.
class CrashContent {
 public:
  static constexpr std::size_t kPageBytes = 4096;
  static constexpr std::size_t kSectorBytes = 512;
  /// A mapped file cannot be mapped beyond this length; it is address space, not memory.
  static constexpr std::uint64_t kWindowBytes = std::uint64_t{1} << 30;

  /// The memory of a mapped file; outlives the mapping's end, a crash and the file system.
  class Window {
   public:
    Window();
    ~Window();
    Window(const Window&) = delete;
    Window& operator=(const Window&) = delete;
    char* start() const { return start_; }
    /// How far it may be touched: the end of the page that holds the end of the file.
    std::uint64_t reach() const { return reach_; }
    /// Follows the length of the file, also down.
    void follow(std::uint64_t file_bytes);

   private:
    char* start_;
    std::uint64_t reach_ = 0;
  };

  std::uint64_t size() const { return lengths_.back(); }
  /// Reads the cached bytes; fewer than asked only at the end.
  std::size_t read(std::uint64_t offset, char* out, std::size_t bytes) const;
  /// Writes to the cache, one change for each page, growing the file as needed.
  void write(std::uint64_t offset, BytesView data);
  /// Cuts, or extends by zeros. Stops the process when something was stored through a mapping
  /// between the end and the end of its page: whether that shows now is up to the kernel.
  void resize(std::uint64_t bytes);

  /// What is cached becomes durable, except pages that drop() took and nobody wrote since.
  void sync();
  /// A sync failed: what is dirty stays visible, and later syncs pass it over.
  void drop();
  /// What is cached becomes durable, whatever happened before.
  void make_durable();

  /// The window, made when there is none; it may reach beyond the end. The caller calls unmap()
  /// with the same arguments.
  std::shared_ptr<Window> map(std::uint64_t offset, std::uint64_t bytes, bool writable);
  void unmap(const std::shared_ptr<Window>& window, std::uint64_t offset, std::uint64_t bytes,
             bool writable);
  /// Takes the last stores and leaves the window to its holders: they change nothing from here on.
  void detach();

  /// Becomes what the power cut left; everything is clean then.
  void settle(PowerCut& cut);
  /// A copy that shares the pages with this one and has no window.
  CrashContent copy();
  /// Turns one bit, in the cache and on the disk. The page becomes clean.
  void flip_bit(std::uint64_t offset, unsigned bit);

 private:
  struct Page {
    std::array<char, kPageBytes> bytes{};
  };
  using PageReference = std::shared_ptr<Page>;  // null: zeros. Changed only while ours alone.

  struct Change {
    std::size_t offset;
    Bytes bytes;
    bool stored;  // through a mapping: a part of it is a state too (clause 9)
  };
  struct Dirty {
    PageReference durable;
    std::vector<Change> changes;
    bool dropped = false;  // by a sync that failed
    bool shared = false;   // the cached page is that of a copy as well
  };

  static const char* bytes_of(const PageReference& page);
  Page& page_for_writing(std::uint64_t number);
  void record(std::uint64_t number, std::size_t offset, BytesView data, bool stored);
  void absorb();
  void absorb_page(std::uint64_t number);
  bool stored_behind_the_end() const;
  static PageReference state_of(const Dirty& dirty, std::size_t changes, PowerCut& cut);
  static PageReference remains_of(const Dirty& dirty, PowerCut& cut);
  std::uint64_t remaining_length(PowerCut& cut) const;

  std::vector<PageReference> pages_;  // as many as the length needs
  // The durable length, then every other one since the last sync; the last is the present one.
  std::vector<std::uint64_t> lengths_{0};
  std::map<std::uint64_t, Dirty> dirty_;

  std::shared_ptr<Window> window_;
  std::size_t mappings_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> written_ranges_;  // of mappings for writing
};

}  // namespace talea
