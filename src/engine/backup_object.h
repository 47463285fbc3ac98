// BackupObject: what a backup says of itself, and its bytes.
//
// Format: docs/formats/backup.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "crypto/sha256.h"
#include "manifest/manifest.h"

namespace talea {

inline constexpr std::uint8_t kBackupRunKind = 4;  // also of past revisions

using FileSalt = std::array<unsigned char, 32>;
/// That of the file with this header.
FileSalt salt_of_header(BytesView header);

struct BackupFile {
  std::uint32_t id = 0;
  std::uint8_t kind = 0;  // of a segment, or kBackupRunKind
  std::uint64_t bytes = 0;
  FileSalt salt{};
  Sha256Digest digest{};

  std::string name() const;
  friend bool operator==(const BackupFile&, const BackupFile&) = default;
};

struct BackupObject {
  StoreId store_id{};
  Sequence last_sequence = 0;
  Sequence first_sequence = 0;
  std::uint64_t time_ms = 0;
  std::vector<BackupFile> files;  // by id
  Manifest manifest;              // of the restored store
  Bytes keys;                     // its key file, if it is encrypted

  std::string name() const;
  const BackupFile* find(std::uint32_t id) const;
  std::uint64_t bytes() const;
  friend bool operator==(const BackupObject&, const BackupObject&) = default;
};

Bytes encode_backup(const BackupObject& backup);
/// Errors: corruption, unsupported
Result<BackupObject> decode_backup(BytesView bytes);
/// The last sequence; nothing when `name` is not exactly that of a backup.
std::optional<Sequence> parse_backup_name(const std::string& name);

/// The empty object that lies there while the backup is made.
std::string begun_backup_name(Sequence last_sequence);
std::optional<Sequence> parse_begun_backup_name(const std::string& name);

}  // namespace talea
