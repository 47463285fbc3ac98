#include "engine/backup_object.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "codec/fixed.h"
#include "index/run_file.h"
#include "log/segment_header.h"

namespace talea {

namespace {

constexpr BytesView kMagic = "TALEABAK";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 96;
constexpr std::size_t kFileBytes = 88;
constexpr std::size_t kDigestBytes = std::tuple_size_v<Sha256Digest>;
constexpr std::size_t kSaltOffset = 56;  // in the header of a file
constexpr BytesView kNameBegin = "backup-";
constexpr BytesView kNameEnd = ".talea";
constexpr BytesView kBegunNameEnd = ".begun";
constexpr std::size_t kNameDigits = 20;

Status damaged(const std::string& what) { return Status::corruption("the backup: " + what); }

void append_bytes(Bytes& out, const unsigned char* bytes, std::size_t count) {
  out.append(reinterpret_cast<const char*>(bytes), count);
}

template <std::size_t kCount>
void load_bytes(const char* from, std::array<unsigned char, kCount>& to) {
  std::memcpy(to.data(), from, kCount);
}

bool is_zero(BytesView bytes) { return bytes.find_first_not_of('\0') == BytesView::npos; }

void append_file(Bytes& out, const BackupFile& file) {
  append_fixed(out, file.id);
  append_fixed(out, static_cast<std::uint32_t>(file.kind));
  append_fixed(out, file.bytes);
  append_bytes(out, file.salt.data(), file.salt.size());
  append_bytes(out, file.digest.data(), file.digest.size());
  append_fixed(out, std::uint64_t{0});
}

Result<BackupFile> decode_file(const char* from) {
  BackupFile file;
  file.id = load_fixed<std::uint32_t>(from);
  const auto kind = load_fixed<std::uint32_t>(from + 4);
  file.bytes = load_fixed<std::uint64_t>(from + 8);
  load_bytes(from + 16, file.salt);
  load_bytes(from + 48, file.digest);
  if (kind < 1 || kind > kBackupRunKind || file.id == 0 || file.bytes < kFileHeaderBytes ||
      load_fixed<std::uint64_t>(from + 80) != 0) {
    return damaged("what it says of a file makes no sense");
  }
  file.kind = static_cast<std::uint8_t>(kind);
  return file;
}

// That the manifest and the list are about the same files.
Status check_files(const BackupObject& backup) {
  const Manifest& manifest = backup.manifest;
  if (manifest.files.size() + manifest.runs.size() + manifest.history_runs.size() !=
      backup.files.size()) {
    return damaged("its manifest names other files than it lists");
  }
  for (const ManifestFile& named : manifest.files) {
    const BackupFile* file = backup.find(named.id);
    if (file == nullptr || file->kind != static_cast<std::uint8_t>(named.kind) || !named.sealed ||
        file->bytes != named.bytes) {
      return damaged("its manifest names other files than it lists");
    }
  }
  const auto is_listed = [&](const ManifestRun& named) {
    const BackupFile* file = backup.find(named.id);
    return file != nullptr && file->kind == kBackupRunKind && file->bytes == named.bytes;
  };
  if (!std::all_of(manifest.runs.begin(), manifest.runs.end(), is_listed) ||
      !std::all_of(manifest.history_runs.begin(), manifest.history_runs.end(), is_listed)) {
    return damaged("its manifest names other files than it lists");
  }
  if (manifest.encrypted == backup.keys.empty()) return damaged("it has keys for no use, or none");
  if (manifest.store_id != backup.store_id || manifest.last_sequence != backup.last_sequence ||
      backup.first_sequence > backup.last_sequence) {
    return damaged("its manifest is of another store or sequence");
  }
  return {};
}

std::string name_of(Sequence last_sequence, BytesView end) {
  const std::string digits = std::to_string(last_sequence);
  return std::string(kNameBegin) + std::string(kNameDigits - digits.size(), '0') + digits +
         std::string(end);
}

std::optional<Sequence> parse_name(const std::string& name, BytesView end) {
  if (name.size() != kNameBegin.size() + kNameDigits + end.size()) return std::nullopt;
  if (!name.starts_with(kNameBegin) || !name.ends_with(end)) return std::nullopt;
  Sequence sequence = 0;
  for (const char digit : BytesView(name).substr(kNameBegin.size(), kNameDigits)) {
    if (digit < '0' || digit > '9' || sequence > kSequenceMax / 10) return std::nullopt;
    sequence = 10 * sequence + static_cast<Sequence>(digit - '0');
  }
  return sequence;
}

}  // namespace

FileSalt salt_of_header(BytesView header) {
  TALEA_ASSERT(header.size() >= kFileHeaderBytes);
  FileSalt salt;
  load_bytes(header.data() + kSaltOffset, salt);
  return salt;
}

std::string BackupFile::name() const {
  return kind == kBackupRunKind ? run_file_name(id)
                                : segment_file_name(static_cast<SegmentKind>(kind), id);
}

std::string BackupObject::name() const { return name_of(last_sequence, kNameEnd); }

std::string begun_backup_name(Sequence last_sequence) {
  return name_of(last_sequence, kBegunNameEnd);
}

std::optional<Sequence> parse_backup_name(const std::string& name) {
  return parse_name(name, kNameEnd);
}

std::optional<Sequence> parse_begun_backup_name(const std::string& name) {
  return parse_name(name, kBegunNameEnd);
}

const BackupFile* BackupObject::find(std::uint32_t id) const {
  const auto at =
      std::lower_bound(files.begin(), files.end(), id,
                       [](const BackupFile& file, std::uint32_t of) { return file.id < of; });
  return at != files.end() && at->id == id ? &*at : nullptr;
}

std::uint64_t BackupObject::bytes() const {
  std::uint64_t bytes = 0;
  for (const BackupFile& file : files) bytes += file.bytes;
  return bytes;
}

Bytes encode_backup(const BackupObject& backup) {
  TALEA_ASSERT(check_files(backup).ok());
  const Bytes manifest = encode_manifest(backup.manifest);
  Bytes out(kMagic);
  append_fixed(out, kVersion);
  append_fixed(out, std::uint16_t{0});
  append_fixed(out, backup.keys.empty() ? 0U : std::uint32_t{kFeatureEncryption});
  append_bytes(out, backup.store_id.data(), backup.store_id.size());
  append_fixed(out, backup.last_sequence);
  append_fixed(out, backup.first_sequence);
  append_fixed(out, backup.time_ms);
  append_fixed(out, static_cast<std::uint32_t>(backup.files.size()));
  append_fixed(out, static_cast<std::uint32_t>(manifest.size()));
  append_fixed(out, static_cast<std::uint32_t>(backup.keys.size()));
  out.resize(kHeaderBytes);
  for (const BackupFile& file : backup.files) append_file(out, file);
  out += manifest;
  out += backup.keys;
  const Sha256Digest digest = Sha256::of(out);
  append_bytes(out, digest.data(), digest.size());
  return out;
}

Result<BackupObject> decode_backup(BytesView bytes) {
  if (bytes.size() < kHeaderBytes + kDigestBytes || !bytes.starts_with(kMagic)) {
    return damaged("it is cut short, or none");
  }
  const auto version = load_fixed<std::uint16_t>(bytes.data() + 8);
  if (version != kVersion) {
    return Status::unsupported("backup of version " + std::to_string(version) +
                               ". Read it with a newer Talea");
  }
  const auto features = load_fixed<std::uint32_t>(bytes.data() + 12);
  const std::string unknown = unsupported_features(features, kFeatureEncryption);
  if (!unknown.empty()) return Status::unsupported("backup with " + unknown);
  const BytesView content = bytes.substr(0, bytes.size() - kDigestBytes);
  Sha256Digest digest;
  load_bytes(bytes.data() + content.size(), digest);
  if (Sha256::of(content) != digest) return damaged("its SHA-256 does not match");

  BackupObject backup;
  load_bytes(bytes.data() + 16, backup.store_id);
  backup.last_sequence = load_fixed<std::uint64_t>(bytes.data() + 32);
  backup.first_sequence = load_fixed<std::uint64_t>(bytes.data() + 40);
  backup.time_ms = load_fixed<std::uint64_t>(bytes.data() + 48);
  const auto count = load_fixed<std::uint32_t>(bytes.data() + 56);
  const auto manifest_bytes = load_fixed<std::uint32_t>(bytes.data() + 60);
  const auto keys_bytes = load_fixed<std::uint32_t>(bytes.data() + 64);
  if (load_fixed<std::uint16_t>(bytes.data() + 10) != 0 || !is_zero(bytes.substr(68, 28)) ||
      ((features & kFeatureEncryption) != 0) != (keys_bytes != 0) ||
      content.size() != kHeaderBytes + std::uint64_t{count} * kFileBytes + manifest_bytes +
                            std::uint64_t{keys_bytes}) {
    return damaged("its header makes no sense");
  }
  const char* at = bytes.data() + kHeaderBytes;
  for (std::uint32_t i = 0; i < count; ++i, at += kFileBytes) {
    const BackupFile file = TALEA_TRY(decode_file(at));
    if (!backup.files.empty() && backup.files.back().id >= file.id) {
      return damaged("its files are out of order");
    }
    backup.files.push_back(file);
  }
  backup.manifest = TALEA_TRY(decode_manifest({at, manifest_bytes}));
  backup.keys = Bytes(at + manifest_bytes, keys_bytes);
  TALEA_TRY(check_files(backup));
  return backup;
}

}  // namespace talea
