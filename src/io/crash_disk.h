// The disk of a CrashFileSystem: its names, locks and planned faults. What is inside a file is
// CrashContent's.
//
// A directory has two lists of names, cached and durable. What changes the cached one is also
// noted in `pending_`, in order; sync_directory carries notes over to the durable list, and a
// power cut carries over some of them.
//
// One mutex covers the disk and everything reachable from it; callers' sizes of I/O happen under
// it, which is the price of a fake that is easy to believe.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "io/crash_content.h"
#include "io/crash_file_system.h"

namespace talea {

struct CrashFileSystem::Node {
  using Names = std::map<std::string, std::shared_ptr<Node>, std::less<>>;

  bool is_directory = false;
  // Of a directory.
  Names names;
  Names durable_names;
  // Of a file.
  CrashContent content;
  // Locks count only when they were taken since the last crash.
  std::uint64_t lock_boot = 0;
  std::size_t shared_locks = 0;
  bool exclusive_lock = false;
};

class CrashFileSystem::Disk {
 public:
  using NodePointer = std::shared_ptr<Node>;

  enum class Effect { reads, changes, syncs_directory, syncs_data };

  Disk() : root_(std::make_shared<Node>()) { root_->is_directory = true; }

  Mutex mutex;
  Calls calls TALEA_GUARDED_BY(mutex);
  // Changes with every crash and kill; a handle of another boot is dead.
  std::uint64_t boot TALEA_GUARDED_BY(mutex) = 1;
  std::uint64_t counted TALEA_GUARDED_BY(mutex) = 0;
  std::uint64_t fired TALEA_GUARDED_BY(mutex) = 0;
  bool reads_count TALEA_GUARDED_BY(mutex) = false;
  bool crashed TALEA_GUARDED_BY(mutex) = false;
  bool read_only TALEA_GUARDED_BY(mutex) = false;
  std::uint64_t capacity TALEA_GUARDED_BY(mutex) = kUnlimited;

  struct PlannedFault {
    std::uint64_t call;
    Fault fault;
  };
  std::vector<PlannedFault> planned TALEA_GUARDED_BY(mutex);
  WriteAudit audit TALEA_GUARDED_BY(mutex);

  // Around every call: enter() counts it and says which planned fault happens to it, if any.
  Result<std::optional<Fault>> enter(Effect effect, const std::string& doing) TALEA_REQUIRES(mutex);
  // enter() for a call that a fault prevents altogether. True: the power fails during it.
  Result<bool> begin(Effect effect, const std::string& doing) TALEA_REQUIRES(mutex);
  // Ends what begin() began: the call was done, but when the power failed nobody learns of it.
  template <typename Outcome>
  Outcome end(bool power_fails, const std::string& doing, Outcome outcome) TALEA_REQUIRES(mutex) {
    if (!power_fails) return outcome;
    return power_failed(doing);
  }
  Status power_failed(const std::string& doing) TALEA_REQUIRES(mutex);
  static Status injected(Fault fault, const std::string& doing);
  Status check_alive(std::uint64_t handle_boot, const std::string& doing) const
      TALEA_REQUIRES(mutex);

  // The names.
  Result<NodePointer> find(const std::string& path, const std::string& doing) const
      TALEA_REQUIRES(mutex);
  Result<NodePointer> find_file(const std::string& path, const std::string& doing) const
      TALEA_REQUIRES(mutex);
  Result<NodePointer> open(const std::string& path, OpenMode mode, const std::string& doing)
      TALEA_REQUIRES(mutex);
  Status create_directory(const std::string& path, const std::string& doing) TALEA_REQUIRES(mutex);
  Status rename(const std::string& from, const std::string& to, const std::string& doing)
      TALEA_REQUIRES(mutex);
  Status remove(const std::string& path, const std::string& doing) TALEA_REQUIRES(mutex);
  void make_names_durable(const NodePointer& directory) TALEA_REQUIRES(mutex);
  Result<NodePointer> make_durable_file(const std::string& path, const std::string& doing)
      TALEA_REQUIRES(mutex);

  // Locks.
  Result<NodePointer> lock(const std::string& path, LockKind kind, const std::string& owner,
                           const std::string& doing) TALEA_REQUIRES(mutex);
  void unlock(Node& file, LockKind kind, std::uint64_t lock_boot) TALEA_REQUIRES(mutex);

  // Space. How many of `bytes` at `offset` the disk has room for.
  std::uint64_t room_for(const Node& file, std::uint64_t offset, std::uint64_t bytes)
      TALEA_REQUIRES(mutex);

  // Crashes.
  void end_process() TALEA_REQUIRES(mutex);
  void cut(PowerCut& cut) TALEA_REQUIRES(mutex);
  std::shared_ptr<Disk> clone() TALEA_REQUIRES(mutex);

 private:
  struct Place {
    NodePointer directory;
    std::string name;
  };
  using PlaceKey = std::pair<const Node*, std::string>;

  // A change of names that is not durable yet: `place` becomes `node`, or nothing when that is
  // null; a rename also empties `from`.
  struct NameChange {
    Place place;
    NodePointer node;
    std::optional<Place> from;

    std::vector<PlaceKey> keys() const {
      std::vector<PlaceKey> keys = {{place.directory.get(), place.name}};
      if (from.has_value()) keys.emplace_back(from->directory.get(), from->name);
      return keys;
    }
  };

  static std::vector<std::string> split(const std::string& path);
  Result<Place> locate(const std::string& path, const std::string& doing) const
      TALEA_REQUIRES(mutex);
  NodePointer make_file() TALEA_REQUIRES(mutex);
  void change_names(NameChange change) TALEA_REQUIRES(mutex);
  static void apply(const NameChange& change, Node::Names Node::*list);
  void settle(Node& directory, PowerCut& cut) TALEA_REQUIRES(mutex);

  NodePointer root_ TALEA_GUARDED_BY(mutex);
  std::vector<NameChange> pending_ TALEA_GUARDED_BY(mutex);
  // All files, also removed ones that a handle or a pending change still knows.
  std::vector<std::weak_ptr<Node>> files_ TALEA_GUARDED_BY(mutex);
};

}  // namespace talea
