#include "io/crash_disk.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace talea {

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

}  // namespace talea
