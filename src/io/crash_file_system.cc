// The names, handles, locks and planned faults of the disk in memory. What is inside a file is
// CrashContent's. Read docs/crash-model.md first.
//
// A directory has two lists of names, cached and durable. What changes the cached one is also
// noted in `pending_`, in order; sync_directory carries notes over to the durable list, and a
// power cut carries over some of them.
//
// One mutex covers the disk and everything reachable from it; callers' sizes of I/O happen under
// it, which is the price of a fake that is easy to believe.
#include "io/crash_file_system.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/mutex.h"
#include "io/crash_content.h"

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

// -- Calls and faults ----------------------------------------------------------------------------

Result<std::optional<CrashFileSystem::Fault>> CrashFileSystem::Disk::enter(
    Effect effect, const std::string& doing) {
  if (crashed) return Status::io_error(doing + ": crashed: the power failed");
  if (read_only && effect == Effect::changes) return injected(Fault::read_only, doing);
  if (effect == Effect::reads && !reads_count) return std::optional<Fault>();
  ++counted;
  const auto due = std::find_if(planned.begin(), planned.end(), [&, now = counted](auto& plan) {
    if (plan.fault == Fault::sync_fails) return plan.call <= now && effect == Effect::syncs_data;
    return plan.call == now;
  });
  if (due == planned.end()) return std::optional<Fault>();
  const Fault fault = due->fault;
  planned.erase(due);
  ++fired;
  return std::optional<Fault>(fault);
}

Result<bool> CrashFileSystem::Disk::begin(Effect effect, const std::string& doing) {
  const std::optional<Fault> fault = TALEA_TRY(enter(effect, doing));
  if (!fault.has_value()) return false;
  if (*fault == Fault::crash) return true;
  return injected(*fault, doing);
}

Status CrashFileSystem::Disk::power_failed(const std::string& doing) {
  crashed = true;
  end_process();
  return Status::io_error(doing + ": crashed: the power failed");
}

Status CrashFileSystem::Disk::injected(Fault fault, const std::string& doing) {
  switch (fault) {
    case Fault::disk_full: return Status::exhausted(doing + ": no space left on device");
    case Fault::read_only: return Status::denied(doing + ": read-only file system");
    default: return Status::io_error(doing + ": input/output error");
  }
}

Status CrashFileSystem::Disk::check_alive(std::uint64_t handle_boot,
                                          const std::string& doing) const {
  if (handle_boot == boot) return {};
  return Status::io_error(doing + ": crashed: it was opened before a crash");
}

// -- Names ---------------------------------------------------------------------------------------

std::vector<std::string> CrashFileSystem::Disk::split(const std::string& path) {
  std::vector<std::string> names;
  for (std::size_t start = 0; start < path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    std::string name = path.substr(start, end - start);
    if (!name.empty() && name != ".") names.push_back(std::move(name));
    start = end + 1;
  }
  return names;
}

Result<CrashFileSystem::Disk::NodePointer> CrashFileSystem::Disk::find(
    const std::string& path, const std::string& doing) const {
  NodePointer node = root_;
  for (const std::string& name : split(path)) {
    const auto found = node->names.find(name);
    if (found == node->names.end()) return Status::not_found(doing + ": no such file or directory");
    node = found->second;
  }
  return node;
}

Result<CrashFileSystem::Disk::NodePointer> CrashFileSystem::Disk::find_file(
    const std::string& path, const std::string& doing) const {
  NodePointer node = TALEA_TRY(find(path, doing));
  if (node->is_directory) return Status::io_error(doing + ": it is a directory");
  return node;
}

Result<CrashFileSystem::Disk::Place> CrashFileSystem::Disk::locate(const std::string& path,
                                                                   const std::string& doing) const {
  std::vector<std::string> names = split(path);
  if (names.empty()) return Status::io_error(doing + ": it is the root directory");
  Place place;
  place.name = std::move(names.back());
  place.directory = TALEA_TRY(find(parent_path(path), doing));
  if (!place.directory->is_directory) {
    return Status::not_found(doing + ": a part of the path is no directory");
  }
  return place;
}

CrashFileSystem::Disk::NodePointer CrashFileSystem::Disk::make_file() {
  if (files_.size() == files_.capacity()) {
    std::erase_if(files_, [](const auto& file) { return file.expired(); });
  }
  NodePointer file = std::make_shared<Node>();
  files_.push_back(file);
  return file;
}

void CrashFileSystem::Disk::apply(const NameChange& change, Node::Names Node::*list) {
  if (change.from.has_value()) ((*change.from->directory).*list).erase(change.from->name);
  Node::Names& names = (*change.place.directory).*list;
  if (change.node == nullptr) {
    names.erase(change.place.name);
  } else {
    names[change.place.name] = change.node;
  }
}

void CrashFileSystem::Disk::change_names(NameChange change) {
  apply(change, &Node::names);
  pending_.push_back(std::move(change));
}

Result<CrashFileSystem::Disk::NodePointer> CrashFileSystem::Disk::open(const std::string& path,
                                                                       OpenMode mode,
                                                                       const std::string& doing) {
  if (mode == OpenMode::read || mode == OpenMode::write) return find_file(path, doing);
  const Place place = TALEA_TRY(locate(path, doing));
  const auto found = place.directory->names.find(place.name);
  if (found == place.directory->names.end()) {
    NodePointer file = make_file();
    change_names({place, file, std::nullopt});
    return file;
  }
  if (mode == OpenMode::create_new) {
    return Status::invalid_argument(doing + ": the name is taken");
  }
  if (found->second->is_directory) return Status::io_error(doing + ": it is a directory");
  found->second->content.resize(0);
  return found->second;
}

Status CrashFileSystem::Disk::create_directory(const std::string& path, const std::string& doing) {
  if (split(path).empty()) return {};
  const Place place = TALEA_TRY(locate(path, doing));
  const auto found = place.directory->names.find(place.name);
  if (found != place.directory->names.end()) {
    if (found->second->is_directory) return {};
    return Status::invalid_argument(doing + ": something that is no directory has this name");
  }
  NodePointer directory = std::make_shared<Node>();
  directory->is_directory = true;
  change_names({place, std::move(directory), std::nullopt});
  return {};
}

Status CrashFileSystem::Disk::rename(const std::string& from, const std::string& to,
                                     const std::string& doing) {
  const NodePointer moved = TALEA_TRY(find(from, doing));
  const Place source = TALEA_TRY(locate(from, doing));
  Place target = TALEA_TRY(locate(to, doing));
  const auto found = target.directory->names.find(target.name);
  if (found != target.directory->names.end()) {
    const Node& replaced = *found->second;
    if (&replaced == moved.get()) return {};
    if (replaced.is_directory && !moved->is_directory) {
      return Status::io_error(doing + ": '" + to + "' is a directory");
    }
    if (!replaced.is_directory && moved->is_directory) {
      return Status::not_found(doing + ": '" + to + "' is no directory");
    }
    if (!replaced.names.empty()) return Status::io_error(doing + ": '" + to + "' is not empty");
  }
  const std::vector<std::string> outer = split(from);
  const std::vector<std::string> inner = split(to);
  if (inner.size() > outer.size() && std::equal(outer.begin(), outer.end(), inner.begin())) {
    return Status::io_error(doing + ": '" + to + "' is inside it");
  }
  change_names({std::move(target), moved, source});
  return {};
}

Status CrashFileSystem::Disk::remove(const std::string& path, const std::string& doing) {
  TALEA_TRY(find_file(path, doing));
  change_names({TALEA_TRY(locate(path, doing)), nullptr, std::nullopt});
  return {};
}

// Carries over what changed names in `directory`, and, since a rename is one change of two names,
// what came before it under either name.
void CrashFileSystem::Disk::make_names_durable(const NodePointer& directory) {
  std::set<PlaceKey> needed;
  std::vector<bool> carried(pending_.size());
  for (std::size_t i = pending_.size(); i-- > 0;) {
    const std::vector<PlaceKey> keys = pending_[i].keys();
    carried[i] = std::any_of(keys.begin(), keys.end(), [&](const PlaceKey& key) {
      return key.first == directory.get() || needed.contains(key);
    });
    if (carried[i]) needed.insert(keys.begin(), keys.end());
  }
  std::vector<NameChange> left;
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    if (carried[i]) {
      apply(pending_[i], &Node::durable_names);
    } else {
      left.push_back(std::move(pending_[i]));
    }
  }
  pending_ = std::move(left);
}

Result<CrashFileSystem::Disk::NodePointer> CrashFileSystem::Disk::make_durable_file(
    const std::string& path, const std::string& doing) {
  const std::vector<std::string> names = split(path);
  if (names.empty()) return Status::io_error(doing + ": it is the root directory");
  NodePointer node = root_;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!node->is_directory) return Status::not_found(doing + ": a part of it is no directory");
    NodePointer& next = node->names[names[i]];
    if (next != nullptr) {
      const auto durable = node->durable_names.find(names[i]);
      if (durable == node->durable_names.end() || durable->second != next) make_names_durable(node);
    } else {
      if (i + 1 == names.size()) {
        next = make_file();
      } else {
        next = std::make_shared<Node>();
        next->is_directory = true;
      }
      node->durable_names[names[i]] = next;
    }
    node = next;
  }
  if (node->is_directory) return Status::io_error(doing + ": it is a directory");
  return node;
}

// -- Locks ---------------------------------------------------------------------------------------

Result<CrashFileSystem::Disk::NodePointer> CrashFileSystem::Disk::lock(const std::string& path,
                                                                       LockKind kind,
                                                                       const std::string& owner,
                                                                       const std::string& doing) {
  const bool exclusive = kind == LockKind::exclusive;
  Result<NodePointer> found = find_file(path, doing);
  if (exclusive && !found.ok() && found.status().code() == Code::not_found) {
    found = open(path, OpenMode::create_new, doing);
  }
  NodePointer file = TALEA_TRY(std::move(found));
  if (file->lock_boot != boot) {
    file->lock_boot = boot;
    file->shared_locks = 0;
    file->exclusive_lock = false;
  }
  if (file->exclusive_lock || (exclusive && file->shared_locks > 0)) {
    std::string text(static_cast<std::size_t>(file->content.size()), '\0');
    file->content.read(0, text.data(), text.size());
    return Status::unavailable(
        doing + ": held by: " + (text.empty() ? "a process that left no name" : text));
  }
  if (exclusive) {
    file->exclusive_lock = true;
    file->content.resize(0);
    const std::uint64_t room = room_for(*file, 0, owner.size());
    file->content.write(0, BytesView(owner).substr(0, static_cast<std::size_t>(room)));
  } else {
    ++file->shared_locks;
  }
  return file;
}

void CrashFileSystem::Disk::unlock(Node& file, LockKind kind, std::uint64_t lock_boot) {
  if (lock_boot != boot) return;
  if (kind == LockKind::shared) {
    --file.shared_locks;
    return;
  }
  file.exclusive_lock = false;
  if (!read_only) file.content.resize(0);
}

// -- Space ---------------------------------------------------------------------------------------

std::uint64_t CrashFileSystem::Disk::room_for(const Node& file, std::uint64_t offset,
                                              std::uint64_t bytes) {
  const auto rounded = [](std::uint64_t size) {
    return (size + CrashContent::kPageBytes - 1) / CrashContent::kPageBytes *
           CrashContent::kPageBytes;
  };
  const std::uint64_t reserved = rounded(file.content.size());
  if (capacity == kUnlimited || offset + bytes <= reserved) return bytes;
  std::uint64_t used = 0;
  for (const std::weak_ptr<Node>& weak : files_) {
    if (const NodePointer other = weak.lock()) used += rounded(other->content.size());
  }
  const std::uint64_t end = reserved + (capacity > used ? capacity - used : 0);
  return offset >= end ? 0 : std::min(bytes, end - offset);
}

// -- Crashes -------------------------------------------------------------------------------------

void CrashFileSystem::Disk::end_process() {
  ++boot;
  for (const std::weak_ptr<Node>& weak : files_) {
    if (const NodePointer file = weak.lock()) file->content.detach();
  }
}

void CrashFileSystem::Disk::cut(PowerCut& cut) {
  end_process();
  // Of the changes of one name the first ones survive, up to some point (clause 12); what shares a
  // name with a lost change is lost as well.
  std::set<PlaceKey> lost;
  for (const NameChange& change : pending_) {
    const std::vector<PlaceKey> keys = change.keys();
    const bool follows_lost = std::any_of(keys.begin(), keys.end(),
                                          [&](const PlaceKey& key) { return lost.contains(key); });
    if (!follows_lost && cut.keeps()) {
      apply(change, &Node::durable_names);
    } else {
      lost.insert(keys.begin(), keys.end());
    }
  }
  pending_.clear();
  files_.clear();
  settle(*root_, cut);
  crashed = false;
}

void CrashFileSystem::Disk::settle(Node& directory, PowerCut& cut) {
  directory.names = directory.durable_names;
  for (const auto& [name, node] : directory.names) {
    if (node->is_directory) {
      settle(*node, cut);
    } else {
      node->content.settle(cut);
      files_.push_back(node);
    }
  }
}

std::shared_ptr<CrashFileSystem::Disk> CrashFileSystem::Disk::clone() {
  std::shared_ptr<Disk> made = std::make_shared<Disk>();
  MutexLock lock(made->mutex);
  std::map<const Node*, NodePointer> copies;
  std::vector<std::weak_ptr<Node>> files;
  const auto copy = [&](const auto& self, const NodePointer& node) -> NodePointer {
    if (node == nullptr) return nullptr;
    NodePointer& known = copies[node.get()];
    if (known != nullptr) return known;
    const NodePointer twin = known = std::make_shared<Node>();
    twin->is_directory = node->is_directory;
    if (!node->is_directory) {
      twin->content = node->content.copy();
      files.push_back(twin);
    }
    for (const auto& [name, child] : node->names) twin->names[name] = self(self, child);
    for (const auto& [name, child] : node->durable_names) {
      twin->durable_names[name] = self(self, child);
    }
    return twin;
  };
  made->audit = audit;
  made->root_ = copy(copy, root_);
  for (const NameChange& change : pending_) {
    NameChange twin{{copy(copy, change.place.directory), change.place.name},
                    copy(copy, change.node),
                    std::nullopt};
    if (change.from.has_value()) {
      twin.from = Place{copy(copy, change.from->directory), change.from->name};
    }
    made->pending_.push_back(std::move(twin));
  }
  made->files_ = std::move(files);
  made->crashed = crashed;
  made->read_only = read_only;
  made->capacity = capacity;
  return made;
}

// -- Handles -------------------------------------------------------------------------------------

class CrashMapping final : public Mapping {
 public:
  using Disk = CrashFileSystem::Disk;

  CrashMapping(std::shared_ptr<Disk> disk, std::shared_ptr<CrashFileSystem::Node> file,
               std::shared_ptr<CrashContent::Window> window, std::uint64_t offset,
               std::uint64_t bytes, MapAccess access, std::string path)
      : disk_(std::move(disk)),
        file_(std::move(file)),
        window_(std::move(window)),
        offset_(offset),
        bytes_(bytes),
        access_(access),
        path_(std::move(path)) {}

  ~CrashMapping() override {
    if (window_ == nullptr) return;  // an empty one
    MutexLock lock(disk_->mutex);
    file_->content.unmap(window_, offset_, bytes_, access_ == MapAccess::write);
  }
  CrashMapping(const CrashMapping&) = delete;
  CrashMapping& operator=(const CrashMapping&) = delete;

  BytesView bytes() const override {
    if (window_ == nullptr) return {};
    return {window_->start() + offset_, static_cast<std::size_t>(bytes_)};
  }
  char* data() override {
    if (window_ == nullptr || access_ != MapAccess::write) return nullptr;
    return window_->start() + offset_;
  }
  // The window is memory: there is nothing to do but to refuse what the kernel would.
  Status prefault(std::uint64_t offset, std::uint64_t bytes) override {
    TALEA_TRY(check_prefault(*this, path_, offset, bytes));
    if (bytes == 0) return {};
    MutexLock lock(disk_->mutex);
    if (window_->reach() >= offset_ + offset + bytes) return {};
    return Status::io_error("prefault a mapping of '" + path_ + "': the file ends before it");
  }

 private:
  std::shared_ptr<Disk> disk_;
  std::shared_ptr<CrashFileSystem::Node> file_;
  std::shared_ptr<CrashContent::Window> window_;
  std::uint64_t offset_;
  std::uint64_t bytes_;
  MapAccess access_;
  std::string path_;
};

class CrashFile final : public File {
 public:
  using Disk = CrashFileSystem::Disk;
  using Fault = CrashFileSystem::Fault;
  using Effect = Disk::Effect;

  CrashFile(std::shared_ptr<Disk> disk, std::shared_ptr<CrashFileSystem::Node> file,
            std::string path, std::uint64_t boot, bool writable)
      : disk_(std::move(disk)),
        file_(std::move(file)),
        path_(std::move(path)),
        boot_(boot),
        writable_(writable) {}

  Result<std::size_t> pread(std::uint64_t offset, char* out, std::size_t bytes) override {
    const std::string doing = "read '" + path_ + "'";
    MutexLock lock(disk_->mutex);
    ++disk_->calls.preads;
    TALEA_TRY(disk_->check_alive(boot_, doing));
    const bool power_fails = TALEA_TRY(disk_->begin(Effect::reads, doing));
    if (power_fails) return disk_->power_failed(doing);
    const std::size_t got = file_->content.read(offset, out, bytes);
    disk_->calls.bytes_read += got;
    return got;
  }

  Status pwrite(std::uint64_t offset, BytesView data) override {
    const std::string doing = "write '" + path_ + "'";
    MutexLock lock(disk_->mutex);
    ++disk_->calls.pwrites;
    TALEA_TRY(check_writable(doing));
    const std::optional<Fault> fault = TALEA_TRY(disk_->enter(Effect::changes, doing));
    if (fault == Fault::read_only) return Disk::injected(*fault, doing);
    std::uint64_t written = disk_->room_for(*file_, offset, data.size());
    if (fault.has_value() && fault != Fault::crash) {
      written = std::min<std::uint64_t>(written, data.size() / 2);
    }
    const BytesView part = data.substr(0, static_cast<std::size_t>(written));
    if (disk_->audit) disk_->audit(path_, offset, part);
    file_->content.write(offset, part);
    disk_->calls.bytes_written += written;
    if (fault == Fault::crash) return disk_->power_failed(doing);
    if (fault.has_value()) return Disk::injected(*fault, doing);
    if (written < data.size()) return Disk::injected(Fault::disk_full, doing);
    return {};
  }

  Status allocate(std::uint64_t offset, std::uint64_t bytes) override {
    const std::string doing = "allocate '" + path_ + "'";
    MutexLock lock(disk_->mutex);
    ++disk_->calls.allocates;
    TALEA_TRY(check_writable(doing));
    const bool power_fails = TALEA_TRY(disk_->begin(Effect::changes, doing));
    Status done;
    if (bytes > 0 && offset + bytes > file_->content.size()) done = grow(offset + bytes, doing);
    return disk_->end(power_fails, doing, std::move(done));
  }

  Status truncate(std::uint64_t bytes) override {
    const std::string doing = "truncate '" + path_ + "'";
    MutexLock lock(disk_->mutex);
    ++disk_->calls.truncates;
    TALEA_TRY(check_writable(doing));
    const bool power_fails = TALEA_TRY(disk_->begin(Effect::changes, doing));
    return disk_->end(power_fails, doing, grow(bytes, doing));
  }

  Status sync_data() override {
    const std::string doing = "sync '" + path_ + "'";
    MutexLock lock(disk_->mutex);
    ++disk_->calls.syncs;
    TALEA_TRY(disk_->check_alive(boot_, doing));
    const std::optional<Fault> fault = TALEA_TRY(disk_->enter(Effect::syncs_data, doing));
    if (fault == Fault::crash) return disk_->power_failed(doing);
    if (fault.has_value()) {
      file_->content.drop();
      return Disk::injected(*fault, doing);
    }
    file_->content.sync();
    return {};
  }

  Result<std::uint64_t> size() override {
    const std::string doing = "stat '" + path_ + "'";
    MutexLock lock(disk_->mutex);
    TALEA_TRY(disk_->check_alive(boot_, doing));
    const bool power_fails = TALEA_TRY(disk_->begin(Effect::reads, doing));
    if (power_fails) return disk_->power_failed(doing);
    return file_->content.size();
  }

  Result<std::unique_ptr<Mapping>> map(std::uint64_t offset, std::uint64_t bytes,
                                       MapAccess access) override {
    const std::string doing = "map '" + path_ + "'";
    MutexLock lock(disk_->mutex);
    ++disk_->calls.maps;
    TALEA_TRY(disk_->check_alive(boot_, doing));
    const bool power_fails = TALEA_TRY(disk_->begin(Effect::reads, doing));
    if (power_fails) return disk_->power_failed(doing);
    TALEA_TRY(check_map(path_, offset, bytes));
    if (offset % CrashContent::kPageBytes != 0) {
      return Status::io_error(doing + ": the offset is no multiple of the page size");
    }
    if (access == MapAccess::write && !writable_) {
      return Status::denied(doing + ": it is open for reading only");
    }
    if (bytes > 0 && offset + bytes > CrashContent::kWindowBytes) {
      return Status::io_error(doing + ": cannot allocate memory");
    }
    std::shared_ptr<CrashContent::Window> window;
    if (bytes > 0) window = file_->content.map(offset, bytes, access == MapAccess::write);
    return std::unique_ptr<Mapping>(std::make_unique<CrashMapping>(disk_, file_, std::move(window),
                                                                   offset, bytes, access, path_));
  }

 private:
  Status check_writable(const std::string& doing) TALEA_REQUIRES(disk_->mutex) {
    TALEA_TRY(disk_->check_alive(boot_, doing));
    if (!writable_) return Status::io_error(doing + ": it is open for reading only");
    return {};
  }

  Status grow(std::uint64_t size, const std::string& doing) TALEA_REQUIRES(disk_->mutex) {
    const std::uint64_t before = file_->content.size();
    if (size > before && disk_->room_for(*file_, before, size - before) < size - before) {
      return Disk::injected(Fault::disk_full, doing);
    }
    file_->content.resize(size);
    return {};
  }

  std::shared_ptr<Disk> disk_;
  std::shared_ptr<CrashFileSystem::Node> file_;
  std::string path_;
  std::uint64_t boot_;
  bool writable_;
};

class CrashFileLock final : public FileLock {
 public:
  CrashFileLock(std::shared_ptr<CrashFileSystem::Disk> disk,
                std::shared_ptr<CrashFileSystem::Node> file, LockKind kind, std::uint64_t boot)
      : disk_(std::move(disk)), file_(std::move(file)), kind_(kind), boot_(boot) {}
  ~CrashFileLock() override {
    MutexLock lock(disk_->mutex);
    disk_->unlock(*file_, kind_, boot_);
  }
  CrashFileLock(const CrashFileLock&) = delete;
  CrashFileLock& operator=(const CrashFileLock&) = delete;

 private:
  std::shared_ptr<CrashFileSystem::Disk> disk_;
  std::shared_ptr<CrashFileSystem::Node> file_;
  LockKind kind_;
  std::uint64_t boot_;
};

// -- The file system -----------------------------------------------------------------------------

CrashFileSystem::CrashFileSystem() : CrashFileSystem(std::make_shared<Disk>()) {}
CrashFileSystem::CrashFileSystem(std::shared_ptr<Disk> disk) : disk_(std::move(disk)) {}
CrashFileSystem::~CrashFileSystem() = default;

Result<std::unique_ptr<File>> CrashFileSystem::open(const std::string& path, OpenMode mode) {
  const std::string doing = "open '" + path + "'";
  const bool changes = mode == OpenMode::create_new || mode == OpenMode::truncate;
  const auto effect = changes ? Disk::Effect::changes : Disk::Effect::reads;
  MutexLock lock(disk_->mutex);
  ++disk_->calls.opens;
  const bool power_fails = TALEA_TRY(disk_->begin(effect, doing));
  if (disk_->read_only && mode != OpenMode::read) return Disk::injected(Fault::read_only, doing);
  std::shared_ptr<Node> file =
      TALEA_TRY(disk_->end(power_fails, doing, disk_->open(path, mode, doing)));
  return std::unique_ptr<File>(std::make_unique<CrashFile>(disk_, std::move(file), path,
                                                           disk_->boot, mode != OpenMode::read));
}

Result<std::string> CrashFileSystem::absolute(const std::string& path) {
  if (path.empty()) return Status::invalid_argument("a path is empty: name a directory");
  // Its present directory is the root, always.
  if (!path.empty() && path.front() == '/') return without_trailing_slashes(path);
  return "/" + without_trailing_slashes(path);
}

Result<bool> CrashFileSystem::exists(const std::string& path) {
  const std::string doing = "look for '" + path + "'";
  MutexLock lock(disk_->mutex);
  const bool power_fails = TALEA_TRY(disk_->begin(Disk::Effect::reads, doing));
  if (power_fails) return disk_->power_failed(doing);
  return disk_->find(path, doing).ok();
}

Status CrashFileSystem::create_directory(const std::string& path) {
  const std::string doing = "make directory '" + path + "'";
  MutexLock lock(disk_->mutex);
  ++disk_->calls.directories_made;
  const bool power_fails = TALEA_TRY(disk_->begin(Disk::Effect::changes, doing));
  return disk_->end(power_fails, doing, disk_->create_directory(path, doing));
}

Result<std::vector<std::string>> CrashFileSystem::list(const std::string& path) {
  const std::string doing = "list '" + path + "'";
  MutexLock lock(disk_->mutex);
  ++disk_->calls.lists;
  const bool power_fails = TALEA_TRY(disk_->begin(Disk::Effect::reads, doing));
  if (power_fails) return disk_->power_failed(doing);
  const std::shared_ptr<Node> directory = TALEA_TRY(disk_->find(path, doing));
  if (!directory->is_directory) return Status::invalid_argument(doing + ": it is no directory");
  std::vector<std::string> names;
  for (const auto& [name, node] : directory->names) names.push_back(name);
  return names;
}

Status CrashFileSystem::rename(const std::string& from, const std::string& to) {
  const std::string doing = "rename '" + from + "' to '" + to + "'";
  MutexLock lock(disk_->mutex);
  ++disk_->calls.renames;
  const bool power_fails = TALEA_TRY(disk_->begin(Disk::Effect::changes, doing));
  return disk_->end(power_fails, doing, disk_->rename(from, to, doing));
}

Status CrashFileSystem::remove(const std::string& path) {
  const std::string doing = "remove '" + path + "'";
  MutexLock lock(disk_->mutex);
  ++disk_->calls.removes;
  const bool power_fails = TALEA_TRY(disk_->begin(Disk::Effect::changes, doing));
  return disk_->end(power_fails, doing, disk_->remove(path, doing));
}

Status CrashFileSystem::sync_directory(const std::string& path) {
  const std::string doing = "sync directory '" + path + "'";
  MutexLock lock(disk_->mutex);
  ++disk_->calls.directory_syncs;
  const bool power_fails = TALEA_TRY(disk_->begin(Disk::Effect::syncs_directory, doing));
  if (power_fails) return disk_->power_failed(doing);
  const std::shared_ptr<Node> directory = TALEA_TRY(disk_->find(path, doing));
  if (!directory->is_directory) return Status::not_found(doing + ": it is no directory");
  disk_->make_names_durable(directory);
  return {};
}

Result<std::unique_ptr<FileLock>> CrashFileSystem::lock(const std::string& path, LockKind kind,
                                                        const std::string& owner) {
  const std::string doing = "lock '" + path + "'";
  const auto effect = kind == LockKind::exclusive ? Disk::Effect::changes : Disk::Effect::reads;
  MutexLock lock(disk_->mutex);
  ++disk_->calls.locks;
  const bool power_fails = TALEA_TRY(disk_->begin(effect, doing));
  std::shared_ptr<Node> file =
      TALEA_TRY(disk_->end(power_fails, doing, disk_->lock(path, kind, owner, doing)));
  return std::unique_ptr<FileLock>(
      std::make_unique<CrashFileLock>(disk_, std::move(file), kind, disk_->boot));
}

void CrashFileSystem::cut(PowerCut::Kind kind, std::uint64_t seed) {
  PowerCut cut(kind, seed);
  MutexLock lock(disk_->mutex);
  disk_->cut(cut);
}

void CrashFileSystem::power_cut(std::uint64_t seed) { cut(PowerCut::Kind::random, seed); }
void CrashFileSystem::power_cut_losing_everything_unsynced() {
  cut(PowerCut::Kind::lose_everything, 0);
}
void CrashFileSystem::power_cut_keeping_everything() { cut(PowerCut::Kind::keep_everything, 0); }

void CrashFileSystem::kill_process() {
  MutexLock lock(disk_->mutex);
  disk_->end_process();
}

std::unique_ptr<CrashFileSystem> CrashFileSystem::clone() const {
  MutexLock lock(disk_->mutex);
  return std::unique_ptr<CrashFileSystem>(new CrashFileSystem(disk_->clone()));
}

void CrashFileSystem::audit_writes(WriteAudit audit) {
  MutexLock lock(disk_->mutex);
  disk_->audit = std::move(audit);
}

void CrashFileSystem::fail_at(std::uint64_t call, Fault fault) {
  MutexLock lock(disk_->mutex);
  disk_->planned.push_back({disk_->counted + call, fault});
}

void CrashFileSystem::clear_faults() {
  MutexLock lock(disk_->mutex);
  disk_->planned.clear();
}

std::uint64_t CrashFileSystem::faults_fired() const {
  MutexLock lock(disk_->mutex);
  return disk_->fired;
}

void CrashFileSystem::count_reads(bool count) {
  MutexLock lock(disk_->mutex);
  disk_->reads_count = count;
}

std::uint64_t CrashFileSystem::counted_calls() const {
  MutexLock lock(disk_->mutex);
  return disk_->counted;
}

bool CrashFileSystem::crashed() const {
  MutexLock lock(disk_->mutex);
  return disk_->crashed;
}

void CrashFileSystem::set_capacity(std::uint64_t bytes) {
  MutexLock lock(disk_->mutex);
  disk_->capacity = bytes;
}

void CrashFileSystem::set_read_only(bool read_only) {
  MutexLock lock(disk_->mutex);
  disk_->read_only = read_only;
}

CrashFileSystem::Calls CrashFileSystem::calls() const {
  MutexLock lock(disk_->mutex);
  return disk_->calls;
}

void CrashFileSystem::reset_calls() {
  MutexLock lock(disk_->mutex);
  disk_->calls = {};
}

Result<Bytes> CrashFileSystem::read_file(const std::string& path) const {
  MutexLock lock(disk_->mutex);
  const std::shared_ptr<Node> file = TALEA_TRY(disk_->find_file(path, "read '" + path + "'"));
  Bytes content(static_cast<std::size_t>(file->content.size()), '\0');
  file->content.read(0, content.data(), content.size());
  return content;
}

Status CrashFileSystem::write_file(const std::string& path, BytesView content) {
  MutexLock lock(disk_->mutex);
  const std::shared_ptr<Node> file =
      TALEA_TRY(disk_->make_durable_file(path, "write '" + path + "'"));
  file->content.resize(content.size());
  file->content.write(0, content);
  file->content.make_durable();
  return {};
}

Status CrashFileSystem::flip_bit(const std::string& path, std::uint64_t offset, unsigned bit) {
  MutexLock lock(disk_->mutex);
  const std::shared_ptr<Node> file =
      TALEA_TRY(disk_->find_file(path, "flip a bit of '" + path + "'"));
  if (offset >= file->content.size() || bit > 7) {
    return Status::invalid_argument("flip a bit of '" + path + "': there is no such bit");
  }
  file->content.flip_bit(offset, bit);
  return {};
}

}  // namespace talea
