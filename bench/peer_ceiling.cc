// The ceiling: what an append-only log under an index of bare slots can reach, and no store.
//
// Not synced, an entry is appended to memory and the index has 8 bytes for each key: 16 bits of its
// hash and the address of the entry, where the key is compared. No checksum, no lock, no order.
// Synced, entries are copied together and written with one pwrite and one fdatasync, to space that
// was written before: what the disk allows when nobody waits for anybody.
//
// Threads: externally synchronised.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "bench/peer.h"

namespace talea::bench {
namespace {

constexpr std::uint64_t kAddressMask = (std::uint64_t{1} << 48) - 1;
constexpr std::size_t kHeaderBytes = 8;  // lengths of key and value
constexpr std::size_t kBlockBytes = 4096;

Status last_error(const char* doing) {
  return Status::io_error(std::string("ceiling: ") + doing + ": " + std::strerror(errno));
}

class CeilingPeer final : public Peer {
 public:
  ~CeilingPeer() override { release(); }

  std::string name() const override { return "ceiling"; }
  std::string version() const override { return "1"; }
  std::string options() const override {
    return "no store: entries in memory under 8-byte slots (process crash), or copied together, "
           "one "
           "pwrite and fdatasync on space written before (power cut); no checksum, lock or order";
  }

  Status open(const std::string& directory, const OpenOptions& options) override {
    if (options.durability == Durability::power_cut) {
      TALEA_TRY(open_file(directory, options.expected_keys));
    }
    // Room for each key four times, and touched before, as a log would prepare its next segment.
    memory_bytes_ =
        4 * (options.expected_bytes + options.expected_keys * kHeaderBytes) + kBlockBytes;
    void* memory =
        ::mmap(nullptr, memory_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return last_error("mmap");
    memory_ = static_cast<char*>(memory);
    (void)::madvise(memory_, memory_bytes_ / 4, MADV_POPULATE_WRITE);
    used_ = kHeaderBytes;  // address 0 is no entry
    slots_.assign(std::bit_ceil(2 * options.expected_keys), 0);
    return {};
  }

  Status put(BytesView key, BytesView value) override {
    const Entry entry{.key = key, .value = value};
    return put_batch({&entry, 1});
  }

  Status put_batch(std::span<const Entry> entries) override {
    const std::size_t begin = used_;
    for (const Entry& entry : entries) TALEA_TRY(append(entry.key, entry.value));
    return file_ < 0 ? Status() : write_synced({memory_ + begin, used_ - begin});
  }

  // The slot stays, so that those behind it are still found.
  Status remove(BytesView key) override { return append(key, {}, true); }

  Result<bool> get(BytesView key, Bytes& value) override {
    const std::uint64_t address = slot_of(key, hash_of(key)) & kAddressMask;
    if (address == 0) return false;
    const char* entry = memory_ + address;
    std::uint32_t value_bytes;
    std::memcpy(&value_bytes, entry + 4, 4);
    if (value_bytes == kRemoved) return false;
    value.assign(entry + kHeaderBytes + key.size(), value_bytes);
    return true;
  }

  Status put_in_flight(std::span<const Entry> entries, std::size_t in_flight) override {
    while (!entries.empty()) {
      const std::size_t count = std::min(in_flight, entries.size());
      TALEA_TRY(put_batch(entries.first(count)));
      entries = entries.subspan(count);
    }
    return {};
  }

  Status sync() override { return {}; }
  Status close() override {
    release();
    return {};
  }

 private:
  static constexpr std::uint32_t kRemoved = UINT32_MAX;

  static std::uint64_t hash_of(BytesView key) { return ::XXH3_64bits(key.data(), key.size()); }

  // The slot of `key`, or the empty one where it goes.
  std::uint64_t& slot_of(BytesView key, std::uint64_t hash) {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t position = hash & mask;; position = (position + 1) & mask) {
      std::uint64_t& slot = slots_[position];
      if (slot == 0) return slot;
      if (((slot ^ hash) & ~kAddressMask) == 0 && key_at(slot & kAddressMask) == key) return slot;
    }
  }

  BytesView key_at(std::uint64_t address) const {
    std::uint32_t key_bytes;
    std::memcpy(&key_bytes, memory_ + address, 4);
    return {memory_ + address + kHeaderBytes, key_bytes};
  }

  Status append(BytesView key, BytesView value, bool removed = false) {
    const std::size_t bytes = kHeaderBytes + key.size() + value.size();
    if (used_ + bytes > memory_bytes_) return Status::exhausted("the ceiling has no compaction");
    char* entry = memory_ + used_;
    const auto key_bytes = static_cast<std::uint32_t>(key.size());
    const std::uint32_t value_bytes = removed ? kRemoved : static_cast<std::uint32_t>(value.size());
    std::memcpy(entry, &key_bytes, 4);
    std::memcpy(entry + 4, &value_bytes, 4);
    key.copy(entry + kHeaderBytes, key.size());
    value.copy(entry + kHeaderBytes + key.size(), value.size());
    const std::uint64_t hash = hash_of(key);
    slot_of(key, hash) = (hash & ~kAddressMask) | used_;
    used_ += bytes;
    return {};
  }

  // A block for each of the puts to come, which is what single synced puts take.
  Status open_file(const std::string& directory, std::uint64_t blocks) {
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return last_error("mkdir");
    file_ = ::open((directory + "/log").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file_ < 0) return last_error("open");
    const std::vector<char> zeros(kBlockBytes * 256);
    for (file_bytes_ = 0; file_bytes_ < blocks * kBlockBytes; file_bytes_ += zeros.size()) {
      if (::write(file_, zeros.data(), zeros.size()) != static_cast<ssize_t>(zeros.size())) {
        return last_error("write");
      }
    }
    offset_ = 0;
    return ::fsync(file_) == 0 ? Status() : last_error("fsync");
  }

  Status write_synced(BytesView bytes) {
    const std::size_t rounded = (bytes.size() + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
    if (offset_ + rounded > file_bytes_) offset_ = 0;
    block_.assign(bytes);
    block_.resize(rounded, '\0');
    if (::pwrite(file_, block_.data(), rounded, static_cast<off_t>(offset_)) !=
        static_cast<ssize_t>(rounded)) {
      return last_error("pwrite");
    }
    offset_ += rounded;
    return ::fdatasync(file_) == 0 ? Status() : last_error("fdatasync");
  }

  void release() {
    if (memory_ != nullptr) ::munmap(std::exchange(memory_, nullptr), memory_bytes_);
    if (file_ >= 0) ::close(std::exchange(file_, -1));
    slots_ = {};
  }

  char* memory_ = nullptr;
  std::size_t memory_bytes_ = 0;
  std::size_t used_ = 0;
  std::vector<std::uint64_t> slots_;
  int file_ = -1;
  std::uint64_t file_bytes_ = 0;
  std::uint64_t offset_ = 0;
  Bytes block_;
};

}  // namespace

std::unique_ptr<Peer> make_ceiling_peer() { return std::make_unique<CeilingPeer>(); }

}  // namespace talea::bench
