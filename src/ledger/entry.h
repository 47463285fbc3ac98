// Log entries and key objects, to bytes and back, and their hashes: docs/formats/immukv.md.
//
// What was read keeps the bytes of its value, so that whoever writes it again writes the same.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "talea/ledger.h"

namespace talea {

/// What `previous_hash` of the first entry is.
inline constexpr std::string_view kGenesisHash = "sha256:genesis";

/// One less than an integer holds, so that there is a number behind it.
inline constexpr std::int64_t kLastSequence = std::numeric_limits<std::int64_t>::max() - 1;

/// Names of objects below the prefix.
inline constexpr std::string_view kLogName = "_log.json";
inline constexpr std::string_view kKeysFolder = "keys/";
inline constexpr std::string_view kKeySuffix = ".json";

/// Whether it is UTF-8, as everything in an entry has to be.
bool is_json_text(std::string_view text);

/// The name of a key's object, without the prefix.
std::string key_object_name(std::string_view key);

/// Errors: invalid_argument   not UTF-8, control characters, or longer than S3 holds behind
///                            `prefix_bytes` (the message says all lengths)
Status check_ledger_key(std::string_view key, std::size_t prefix_bytes);

/// The entry that a version of the log holds. `version_id` is S3's.
/// Errors: corruption   docs/formats/immukv.md, "What a reader does"
Result<LedgerEntry> decode_log_entry(BytesView body, std::string_view version_id);

/// The entry that a key object has; `version_id` of it is `log_version_id`.
/// Errors: corruption   likewise
Result<LedgerEntry> decode_key_object(BytesView body);

/// Of an entry with canonical `value`, all of whose texts are UTF-8. `form` is python or
/// typescript.
Bytes encode_log_entry(const LedgerEntry& entry, HashForm form);

/// What step two of a set writes, and any repair after it. `form` is that of the entry; it decides
/// how the key is printed and nothing else.
Bytes encode_key_object(const LedgerEntry& entry, HashForm form);

/// The hash of the entry in this form; `value` as it is there.
std::string hash_of(const LedgerEntry& entry, HashForm form);

/// The form under which the entry's hash is right.
HashForm find_hash_form(const LedgerEntry& entry);

/// The value in the canonical form that the clients of `form` find intact.
/// Errors: invalid_argument   not JSON, or the form cannot hold it
///         exhausted          longer in this form than kLedgerValueBytesMax
Result<Bytes> canonical_value(BytesView json, HashForm form);

}  // namespace talea
