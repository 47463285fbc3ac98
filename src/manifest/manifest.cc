#include "manifest/manifest.h"

#include <algorithm>

#include "base/assert.h"
#include "codec/crc32c.h"
#include "codec/fixed.h"

namespace talea {

namespace {

constexpr BytesView kMagic = "TALEAMAN";
constexpr std::uint16_t kVersion = 1;
constexpr std::uint32_t kFeatures =
    kFeatureCheckpoint | kFeatureEncryption | kFeaturePrepared | kFeatureHistory;
constexpr std::size_t kHeaderBytes = 24;
constexpr std::size_t kFixedBytes = 64;
constexpr std::size_t kCheckpointBytes = 8;  // of the fixed part, with kFeatureCheckpoint
constexpr std::size_t kHistoryBytes = 32;    // behind it, with kFeatureHistory
constexpr std::size_t kFileBytes = 48;
constexpr std::size_t kCheckBytes = 4;
constexpr std::uint8_t kFileSealed = 0x01;
constexpr std::uint8_t kKindRun = 4;  // behind those of SegmentKind
constexpr std::uint8_t kKindHistoryRun = 5;

Status nonsense() {
  return Status::corruption("its check is right and its content makes no sense");
}

bool is_open_log(const ManifestFile& file) { return file.kind == SegmentKind::log && !file.sealed; }

// What the content needs a reader to know. A feature is announced when it is used, and only then.
std::uint32_t features_of(const Manifest& manifest) {
  std::uint32_t features = 0;
  const auto& files = manifest.files;
  if (!manifest.runs.empty() || manifest.replay_from != 0 || manifest.checkpoint_keys != 0 ||
      std::any_of(files.begin(), files.end(), [](const auto& f) { return f.live_bytes != 0; })) {
    features |= kFeatureCheckpoint;
  }
  if (manifest.encrypted) features |= kFeatureEncryption;
  if (std::count_if(files.begin(), files.end(), is_open_log) > 1) features |= kFeaturePrepared;
  if (manifest.history.retention.keeps_past()) features |= kFeatureHistory;
  return features;
}

std::size_t fixed_bytes(std::uint32_t features) {
  return kFixedBytes + ((features & kFeatureCheckpoint) != 0 ? kCheckpointBytes : 0) +
         ((features & kFeatureHistory) != 0 ? kHistoryBytes : 0);
}

// Open segments are the last of their kind: one before a sealed one would be a torn end in the
// middle. Of the log two may be open, which leaves the first of them to its `follows`.
Status check_open(const std::vector<ManifestFile>& files, SegmentKind kind, int open_max) {
  int open = 0;
  for (const ManifestFile& file : files) {
    if (file.kind != kind) continue;
    if (file.sealed && open > 0) return nonsense();
    if (!file.sealed && ++open > open_max) return nonsense();
  }
  return {};
}

Status check_files(const Manifest& manifest) {
  std::uint32_t previous_id = 0;
  for (const ManifestFile& file : manifest.files) {
    if (file.id <= previous_id || file.id >= manifest.next_file_id) return nonsense();
    previous_id = file.id;
    if (file.live_bytes > UINT32_MAX) return nonsense();
    if (file.sealed && (file.bytes < kFileHeaderBytes || file.bytes > UINT32_MAX)) {
      return nonsense();
    }
    // What nobody replays would be lost.
    if (is_open_log(file) && file.id < manifest.replay_from) return nonsense();
  }
  TALEA_TRY(check_open(manifest.files, SegmentKind::log, 2));
  TALEA_TRY(check_open(manifest.files, SegmentKind::extent, 1));
  return check_open(manifest.files, SegmentKind::data, 0);
}

Status check_runs(const Manifest& manifest, const std::vector<ManifestRun>& runs) {
  std::uint32_t previous_id = 0;
  std::vector<std::uint32_t> layers;
  layers.reserve(runs.size());
  for (const ManifestRun& run : runs) {
    if (run.id <= previous_id || run.id >= manifest.next_file_id) return nonsense();
    previous_id = run.id;
    if (run.layer == 0 || run.layer >= manifest.next_file_id) return nonsense();
    layers.push_back(run.layer);
    if (run.bytes < kFileHeaderBytes || run.lowest_sequence > run.highest_sequence) {
      return nonsense();
    }
    const auto segment = std::find_if(manifest.files.begin(), manifest.files.end(),
                                      [&](const ManifestFile& file) { return file.id == run.id; });
    if (segment != manifest.files.end()) return nonsense();
  }
  std::sort(layers.begin(), layers.end());
  const bool twice = std::adjacent_find(layers.begin(), layers.end()) != layers.end();
  return twice ? nonsense() : Status();
}

Status check_history(const Manifest& manifest) {
  const ManifestHistory& history = manifest.history;
  const std::uint64_t amount = history.retention.amount();
  bool makes_sense = true;
  switch (history.retention.kind()) {
    case Retention::Kind::latest:
      makes_sense = history == ManifestHistory() && manifest.history_runs.empty();
      break;
    case Retention::Kind::revisions:
      makes_sense = amount >= kRevisionsMin && amount <= kRevisionsMax;
      break;
    case Retention::Kind::duration: makes_sense = amount >= 1 && amount <= kRetentionMsMax; break;
    case Retention::Kind::all: makes_sense = amount == 0; break;
  }
  return makes_sense ? Status() : nonsense();
}

Status check_content(const Manifest& manifest) {
  if (manifest.next_file_id == 0 || manifest.replay_from > manifest.next_file_id) {
    return nonsense();
  }
  TALEA_TRY(check_files(manifest));
  TALEA_TRY(check_runs(manifest, manifest.runs));
  TALEA_TRY(check_runs(manifest, manifest.history_runs));
  for (const ManifestRun& run : manifest.runs) {
    const auto is_same = [&](const ManifestRun& other) { return other.id == run.id; };
    if (std::any_of(manifest.history_runs.begin(), manifest.history_runs.end(), is_same)) {
      return nonsense();
    }
  }
  return check_history(manifest);
}

}  // namespace

namespace {

auto with_id(std::uint32_t id) {
  return [id](const auto& file) { return file.id == id; };
}

template <typename Files>
auto* find_in(Files& files, std::uint32_t id) {
  const auto found = std::find_if(files.begin(), files.end(), with_id(id));
  return found == files.end() ? nullptr : &*found;
}

template <typename File>
void add_to(std::vector<File>& files, const File& file) {
  const auto behind = std::find_if(files.begin(), files.end(),
                                   [&](const File& other) { return other.id > file.id; });
  files.insert(behind, file);
}

}  // namespace

ManifestFile* Manifest::find(std::uint32_t id) { return find_in(files, id); }

ManifestRun* Manifest::find_run(std::uint32_t id) { return find_in(runs, id); }

bool Manifest::names(std::uint32_t id) const {
  return find_in(files, id) != nullptr || find_in(runs, id) != nullptr ||
         find_in(history_runs, id) != nullptr;
}

void Manifest::add(const ManifestFile& file) { add_to(files, file); }

void Manifest::add_run(const ManifestRun& run) { add_to(runs, run); }

void Manifest::add_history_run(const ManifestRun& run) { add_to(history_runs, run); }

void Manifest::remove(std::uint32_t id) {
  std::erase_if(files, with_id(id));
  std::erase_if(runs, with_id(id));
  std::erase_if(history_runs, with_id(id));
}

namespace {

std::vector<ManifestRun> newest_first(std::vector<ManifestRun> runs) {
  std::sort(runs.begin(), runs.end(),
            [](const ManifestRun& a, const ManifestRun& b) { return a.layer > b.layer; });
  return runs;
}

}  // namespace

std::vector<ManifestRun> Manifest::runs_newest_first() const { return newest_first(runs); }

std::vector<ManifestRun> Manifest::history_runs_newest_first() const {
  return newest_first(history_runs);
}

namespace {

// A file as it is stored, whatever its kind.
struct StoredFile {
  std::uint8_t kind = 0;
  std::uint8_t flags = 0;
  std::uint32_t live_bytes_or_layer = 0;
  std::uint64_t id = 0;
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  Sequence first_sequence = 0;
  Sequence last_sequence = 0;
};

StoredFile stored(const ManifestFile& file) {
  return {.kind = static_cast<std::uint8_t>(file.kind),
          .flags = static_cast<std::uint8_t>(file.sealed ? kFileSealed : 0),
          .live_bytes_or_layer = static_cast<std::uint32_t>(file.live_bytes),
          .id = file.id,
          .bytes = file.bytes,
          .entries = file.entries,
          .first_sequence = file.first_sequence,
          .last_sequence = file.last_sequence};
}

StoredFile stored(const ManifestRun& run, std::uint8_t kind) {
  return {.kind = kind,
          .flags = kFileSealed,
          .live_bytes_or_layer = run.layer,
          .id = run.id,
          .bytes = run.bytes,
          .entries = run.rows,
          .first_sequence = run.lowest_sequence,
          .last_sequence = run.highest_sequence};
}

void append_file(Bytes& out, const StoredFile& file) {
  append_fixed(out, file.kind);
  append_fixed(out, file.flags);
  append_fixed(out, std::uint16_t{0});
  append_fixed(out, file.live_bytes_or_layer);
  append_fixed(out, file.id);
  append_fixed(out, file.bytes);
  append_fixed(out, file.entries);
  append_fixed(out, file.first_sequence);
  append_fixed(out, file.last_sequence);
}

Result<StoredFile> load_file(const char* at) {
  StoredFile file;
  file.kind = load_fixed<std::uint8_t>(at);
  file.flags = load_fixed<std::uint8_t>(at + 1);
  if (file.kind < 1 || file.kind > kKindHistoryRun || (file.flags & ~kFileSealed) != 0) {
    return Status::unsupported("a file of kind " + std::to_string(file.kind) + " with flags " +
                               std::to_string(file.flags) +
                               " is unknown to this build. Open the store with a newer Talea");
  }
  file.live_bytes_or_layer = load_fixed<std::uint32_t>(at + 4);
  file.id = load_fixed<std::uint64_t>(at + 8);
  file.bytes = load_fixed<std::uint64_t>(at + 16);
  file.entries = load_fixed<std::uint64_t>(at + 24);
  file.first_sequence = load_fixed<std::uint64_t>(at + 32);
  file.last_sequence = load_fixed<std::uint64_t>(at + 40);
  if (file.id > UINT32_MAX || load_fixed<std::uint16_t>(at + 2) != 0) return nonsense();
  return file;
}

Status add_loaded(Manifest& manifest, const StoredFile& file) {
  const auto id = static_cast<std::uint32_t>(file.id);
  if (file.kind < kKindRun) {
    manifest.files.push_back({.kind = static_cast<SegmentKind>(file.kind),
                              .id = id,
                              .sealed = (file.flags & kFileSealed) != 0,
                              .bytes = file.bytes,
                              .entries = file.entries,
                              .first_sequence = file.first_sequence,
                              .last_sequence = file.last_sequence,
                              .live_bytes = file.live_bytes_or_layer});
    return {};
  }
  if (file.flags != kFileSealed) return nonsense();
  std::vector<ManifestRun>& runs = file.kind == kKindRun ? manifest.runs : manifest.history_runs;
  runs.push_back({.id = id,
                  .layer = file.live_bytes_or_layer,
                  .bytes = file.bytes,
                  .rows = file.entries,
                  .lowest_sequence = file.first_sequence,
                  .highest_sequence = file.last_sequence});
  return {};
}

std::size_t file_count(const Manifest& manifest) {
  return manifest.files.size() + manifest.runs.size() + manifest.history_runs.size();
}

void append_history(Bytes& out, const ManifestHistory& history) {
  append_fixed(out, static_cast<std::uint64_t>(history.retention.kind()));
  append_fixed(out, history.retention.amount());
  append_fixed(out, history.from_sequence);
  append_fixed(out, history.from_time);
}

Result<ManifestHistory> load_history(const char* at) {
  ManifestHistory history;
  const auto amount = load_fixed<std::uint64_t>(at + 8);
  switch (load_fixed<std::uint64_t>(at)) {
    case static_cast<std::uint64_t>(Retention::Kind::revisions):
      history.retention = Retention::revisions(amount);
      break;
    case static_cast<std::uint64_t>(Retention::Kind::duration):
      if (amount > kRetentionMsMax) return nonsense();
      history.retention = Retention::duration(std::chrono::milliseconds(amount));
      break;
    case static_cast<std::uint64_t>(Retention::Kind::all):
      if (amount != 0) return nonsense();
      history.retention = Retention::all();
      break;
    default:
      return Status::unsupported("a retention of kind " +
                                 std::to_string(load_fixed<std::uint64_t>(at)) +
                                 " is unknown to this build. Open the store with a newer Talea");
  }
  history.from_sequence = load_fixed<std::uint64_t>(at + 16);
  history.from_time = load_fixed<std::uint64_t>(at + 24);
  return history;
}

// Segments and runs, in the one order of their ids.
void append_files(Bytes& out, const Manifest& manifest) {
  std::vector<StoredFile> files;
  files.reserve(file_count(manifest));
  for (const ManifestFile& file : manifest.files) files.push_back(stored(file));
  for (const ManifestRun& run : manifest.runs) files.push_back(stored(run, kKindRun));
  for (const ManifestRun& run : manifest.history_runs) {
    files.push_back(stored(run, kKindHistoryRun));
  }
  std::sort(files.begin(), files.end(),
            [](const StoredFile& a, const StoredFile& b) { return a.id < b.id; });
  for (const StoredFile& file : files) append_file(out, file);
}

}  // namespace

Bytes encode_manifest(const Manifest& manifest) {
  TALEA_ASSERT(check_content(manifest).ok());
  const std::uint32_t features = features_of(manifest);
  const std::size_t count = file_count(manifest);
  Bytes out;
  out += kMagic;
  append_fixed(out, kVersion);
  append_fixed(out, std::uint16_t{0});
  append_fixed(out, features);
  append_fixed(out, std::uint64_t{fixed_bytes(features) + count * kFileBytes});
  TALEA_ASSERT(out.size() == kHeaderBytes);
  out.append(reinterpret_cast<const char*>(manifest.store_id.data()), manifest.store_id.size());
  append_fixed(out, manifest.generation);
  append_fixed(out, std::uint64_t{manifest.next_file_id});
  append_fixed(out, manifest.last_sequence);
  append_fixed(out, manifest.last_now);
  append_fixed(out, std::uint64_t{manifest.replay_from});
  append_fixed(out, std::uint64_t{count});
  if ((features & kFeatureCheckpoint) != 0) append_fixed(out, manifest.checkpoint_keys);
  if ((features & kFeatureHistory) != 0) append_history(out, manifest.history);
  TALEA_ASSERT(out.size() == kHeaderBytes + fixed_bytes(features));
  append_files(out, manifest);
  append_fixed(out, crc32c(0, out));
  return out;
}

Result<Manifest> decode_manifest(BytesView bytes) {
  if (bytes.size() < kHeaderBytes + kFixedBytes + kCheckBytes ||
      bytes.substr(0, kMagic.size()) != kMagic) {
    return Status::corruption("it is cut short or does not begin with TALEAMAN");
  }
  const char* at = bytes.data();
  // Magic, version, features and the check at the end keep their places in all versions, so that a
  // damaged manifest is never taken for a newer one.
  if (crc32c(0, bytes.substr(0, bytes.size() - kCheckBytes)) !=
      load_fixed<std::uint32_t>(at + bytes.size() - kCheckBytes)) {
    return Status::corruption("its check does not match");
  }
  const auto version = load_fixed<std::uint16_t>(at + 8);
  if (version != kVersion) {
    return Status::unsupported("manifest version " + std::to_string(version) +
                               "; this build reads version " + std::to_string(kVersion) +
                               ". Open the store with a newer Talea");
  }
  const auto features = load_fixed<std::uint32_t>(at + 12);
  const std::string missing = unsupported_features(features, kFeatures);
  if (!missing.empty()) {
    return Status::unsupported("the store uses " + missing +
                               ", which this build does not have. Open it with a newer Talea");
  }
  const auto body_bytes = load_fixed<std::uint64_t>(at + 16);
  const std::size_t fixed = fixed_bytes(features);
  if (load_fixed<std::uint16_t>(at + 10) != 0 ||
      body_bytes != bytes.size() - kHeaderBytes - kCheckBytes || body_bytes < fixed) {
    return nonsense();
  }

  Manifest manifest;
  manifest.encrypted = (features & kFeatureEncryption) != 0;
  const char* body = at + kHeaderBytes;
  std::copy_n(body, manifest.store_id.size(), manifest.store_id.begin());
  manifest.generation = load_fixed<std::uint64_t>(body + 16);
  const auto next_file_id = load_fixed<std::uint64_t>(body + 24);
  manifest.last_sequence = load_fixed<std::uint64_t>(body + 32);
  manifest.last_now = load_fixed<std::uint64_t>(body + 40);
  const auto replay_from = load_fixed<std::uint64_t>(body + 48);
  const auto count = load_fixed<std::uint64_t>(body + 56);
  if (next_file_id > UINT32_MAX || replay_from > UINT32_MAX ||
      count != (body_bytes - fixed) / kFileBytes || (body_bytes - fixed) % kFileBytes != 0) {
    return nonsense();
  }
  manifest.next_file_id = static_cast<std::uint32_t>(next_file_id);
  manifest.replay_from = static_cast<std::uint32_t>(replay_from);
  if ((features & kFeatureCheckpoint) != 0) {
    manifest.checkpoint_keys = load_fixed<std::uint64_t>(body + kFixedBytes);
  }
  if ((features & kFeatureHistory) != 0) {
    manifest.history = TALEA_TRY(load_history(body + fixed - kHistoryBytes));
  }
  std::uint64_t previous_id = 0;
  for (const char* entry = body + fixed; entry < body + body_bytes; entry += kFileBytes) {
    const StoredFile file = TALEA_TRY(load_file(entry));
    if (file.id <= previous_id) return nonsense();
    previous_id = file.id;
    TALEA_TRY(add_loaded(manifest, file));
  }
  if (features_of(manifest) != features) return nonsense();
  TALEA_TRY(check_content(manifest));
  return manifest;
}

Result<Manifest> read_manifest(FileSystem& file_system, const std::string& directory) {
  const std::unique_ptr<File> file =
      TALEA_TRY(file_system.open(join_path(directory, kManifestName), OpenMode::read));
  const std::uint64_t bytes = TALEA_TRY(file->size());
  Bytes content;
  if (bytes > kHeaderBytes) {
    // Before all of it is read: a file of terabytes without content must not take such memory.
    TALEA_TRY(read_exactly(*file, 0, kHeaderBytes, content));
    const auto body_bytes = load_fixed<std::uint64_t>(content.data() + 16);
    if (body_bytes != bytes - kHeaderBytes - kCheckBytes) {
      return Status::corruption(std::string(kManifestName) + ": it has " + std::to_string(bytes) +
                                " bytes, which is not the length that it states");
    }
  }
  TALEA_TRY(read_exactly(*file, 0, bytes, content));
  auto manifest = decode_manifest(content);
  if (!manifest.ok()) return std::move(manifest).status().with_context(kManifestName);
  return manifest;
}

namespace {

Status write_manifest_steps(FileSystem& file_system, const std::string& directory,
                            const Manifest& manifest) {
  const std::string temporary = join_path(directory, kManifestTemporaryName);
  {
    const std::unique_ptr<File> file = TALEA_TRY(file_system.open(temporary, OpenMode::truncate));
    TALEA_TRY(file->pwrite(0, encode_manifest(manifest)));
    TALEA_TRY(file->sync_data());
  }
  TALEA_TRY(file_system.rename(temporary, join_path(directory, kManifestName)));
  return file_system.sync_directory(directory);
}

}  // namespace

Status write_manifest(FileSystem& file_system, const std::string& directory,
                      const Manifest& manifest) {
  return write_manifest_steps(file_system, directory, manifest).with_context("write the manifest");
}

ManifestKeeper::ManifestKeeper(FileSystem& file_system, std::string directory, Manifest manifest)
    : file_system_(file_system), directory_(std::move(directory)), manifest_(std::move(manifest)) {}

Status ManifestKeeper::commit(const Change& change) {
  MutexLock lock(mutex_);
  // Kept even on failure: the manifest that was refused may be the one on disk.
  ++manifest_.generation;
  Manifest changed = manifest_;
  change(changed);
  TALEA_TRY(write_manifest(file_system_, directory_, changed));
  manifest_ = std::move(changed);
  return {};
}

void ManifestKeeper::amend(const Change& change) {
  MutexLock lock(mutex_);
  change(manifest_);
}

Result<std::uint32_t> ManifestKeeper::take_file_id() {
  MutexLock lock(mutex_);
  if (manifest_.next_file_id == UINT32_MAX) {
    return Status::exhausted("all " + std::to_string(UINT32_MAX) +
                             " file ids of this store are used; export it and import it into a "
                             "new one");
  }
  return manifest_.next_file_id++;
}

Manifest ManifestKeeper::snapshot() const {
  MutexLock lock(mutex_);
  return manifest_;
}

}  // namespace talea
