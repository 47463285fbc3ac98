#include "manifest/manifest.h"

#include <algorithm>

#include "base/assert.h"
#include "codec/crc32c.h"
#include "codec/fixed.h"

namespace talea {

namespace {

constexpr BytesView kMagic = "TALEAMAN";
constexpr std::uint16_t kVersion = 1;
constexpr std::uint32_t kFeatures = 0;  // none is known yet
constexpr std::size_t kHeaderBytes = 24;
constexpr std::size_t kFixedBytes = 64;
constexpr std::size_t kFileBytes = 48;
constexpr std::size_t kCheckBytes = 4;
constexpr std::uint8_t kFileSealed = 0x01;

Status nonsense() {
  return Status::corruption("its check is right and its content makes no sense");
}

Status check_content(const Manifest& manifest) {
  if (manifest.next_file_id == 0 || manifest.replay_from > manifest.next_file_id) {
    return nonsense();
  }
  std::uint32_t previous_id = 0;
  const ManifestFile* open_log = nullptr;
  const ManifestFile* open_extent = nullptr;
  for (const ManifestFile& file : manifest.files) {
    if (file.id <= previous_id || file.id >= manifest.next_file_id) return nonsense();
    previous_id = file.id;
    if (file.sealed && (file.bytes < kFileHeaderBytes || file.bytes > UINT32_MAX)) {
      return nonsense();
    }
    if (file.kind == SegmentKind::data) {
      if (!file.sealed) return nonsense();
      continue;
    }
    // An open segment followed by another of its kind would have two torn tails.
    const ManifestFile*& open = file.kind == SegmentKind::extent ? open_extent : open_log;
    if (open != nullptr) return nonsense();
    if (!file.sealed) open = &file;
  }
  return {};
}

}  // namespace

ManifestFile* Manifest::find(std::uint32_t id) {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [id](const ManifestFile& file) { return file.id == id; });
  return found == files.end() ? nullptr : &*found;
}

void Manifest::add(const ManifestFile& file) {
  const auto behind = std::find_if(files.begin(), files.end(),
                                   [&](const ManifestFile& other) { return other.id > file.id; });
  files.insert(behind, file);
}

void Manifest::remove(std::uint32_t id) {
  std::erase_if(files, [id](const ManifestFile& file) { return file.id == id; });
}

Bytes encode_manifest(const Manifest& manifest) {
  TALEA_ASSERT(check_content(manifest).ok());
  Bytes out;
  out += kMagic;
  append_fixed(out, kVersion);
  append_fixed(out, std::uint16_t{0});
  append_fixed(out, kFeatures);
  append_fixed(out, std::uint64_t{kFixedBytes + manifest.files.size() * kFileBytes});
  TALEA_ASSERT(out.size() == kHeaderBytes);
  out.append(reinterpret_cast<const char*>(manifest.store_id.data()), manifest.store_id.size());
  append_fixed(out, manifest.generation);
  append_fixed(out, std::uint64_t{manifest.next_file_id});
  append_fixed(out, manifest.last_sequence);
  append_fixed(out, manifest.last_now);
  append_fixed(out, std::uint64_t{manifest.replay_from});
  append_fixed(out, static_cast<std::uint64_t>(manifest.files.size()));
  TALEA_ASSERT(out.size() == kHeaderBytes + kFixedBytes);
  for (const ManifestFile& file : manifest.files) {
    append_fixed(out, static_cast<std::uint8_t>(file.kind));
    append_fixed(out, static_cast<std::uint8_t>(file.sealed ? kFileSealed : 0));
    append_fixed(out, std::uint16_t{0});
    append_fixed(out, std::uint32_t{0});
    append_fixed(out, std::uint64_t{file.id});
    append_fixed(out, file.bytes);
    append_fixed(out, file.entries);
    append_fixed(out, file.first_sequence);
    append_fixed(out, file.last_sequence);
  }
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
  const std::string missing = unsupported_features(load_fixed<std::uint32_t>(at + 12), kFeatures);
  if (!missing.empty()) {
    return Status::unsupported("the store uses " + missing +
                               ", which this build does not have. Open it with a newer Talea");
  }
  const auto body_bytes = load_fixed<std::uint64_t>(at + 16);
  if (load_fixed<std::uint16_t>(at + 10) != 0 ||
      body_bytes != bytes.size() - kHeaderBytes - kCheckBytes) {
    return nonsense();
  }

  Manifest manifest;
  const char* body = at + kHeaderBytes;
  std::copy_n(body, manifest.store_id.size(), manifest.store_id.begin());
  manifest.generation = load_fixed<std::uint64_t>(body + 16);
  const auto next_file_id = load_fixed<std::uint64_t>(body + 24);
  manifest.last_sequence = load_fixed<std::uint64_t>(body + 32);
  manifest.last_now = load_fixed<std::uint64_t>(body + 40);
  const auto replay_from = load_fixed<std::uint64_t>(body + 48);
  const auto count = load_fixed<std::uint64_t>(body + 56);
  if (next_file_id > UINT32_MAX || replay_from > UINT32_MAX ||
      count != (body_bytes - kFixedBytes) / kFileBytes ||
      (body_bytes - kFixedBytes) % kFileBytes != 0) {
    return nonsense();
  }
  manifest.next_file_id = static_cast<std::uint32_t>(next_file_id);
  manifest.replay_from = static_cast<std::uint32_t>(replay_from);
  for (const char* entry = body + kFixedBytes; entry < body + body_bytes; entry += kFileBytes) {
    ManifestFile file;
    const auto kind = load_fixed<std::uint8_t>(entry);
    const auto flags = load_fixed<std::uint8_t>(entry + 1);
    const auto id = load_fixed<std::uint64_t>(entry + 8);
    if (kind < 1 || kind > 3 || (flags & ~kFileSealed) != 0) {
      return Status::unsupported("a file of kind " + std::to_string(kind) + " with flags " +
                                 std::to_string(flags) +
                                 " is unknown to this build. Open the store with a newer Talea");
    }
    if (id > UINT32_MAX || load_fixed<std::uint16_t>(entry + 2) != 0 ||
        load_fixed<std::uint32_t>(entry + 4) != 0) {
      return nonsense();
    }
    file.kind = static_cast<SegmentKind>(kind);
    file.sealed = (flags & kFileSealed) != 0;
    file.id = static_cast<std::uint32_t>(id);
    file.bytes = load_fixed<std::uint64_t>(entry + 16);
    file.entries = load_fixed<std::uint64_t>(entry + 24);
    file.first_sequence = load_fixed<std::uint64_t>(entry + 32);
    file.last_sequence = load_fixed<std::uint64_t>(entry + 40);
    manifest.files.push_back(file);
  }
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
