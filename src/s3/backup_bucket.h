// BackupTarget as a bucket: an object of a backup is an object of the store, under the prefix.
//
//     prefix "backups/data/"   ->   backups/data/backup-00000000000000012345.talea
//                                   backups/data/0000000001.log ...
//
// A write is whole or not at all, because S3 has no half objects: small ones go in one put, others
// in parts, which become an object when all of them are there. Nothing has a condition. Files of a
// store never change, so who writes one again writes the same bytes; and a put without a condition
// may be sent again when its answer is lost, which the client does (client.h).
//
// Known limit: a put that the network holds back for so long that the object was removed meanwhile
// brings it back. It is garbage then, which the next prune removes.
#pragma once

#include <cstdint>
#include <memory>

#include "s3/client.h"
#include "talea/backup.h"

namespace talea::s3 {

/// How many bytes one request carries, and how many are in memory: twice as many. With parts of 8
/// MiB an object has at most 78 GiB, because S3 allows 10 000 parts; and a line of 280 KB a second
/// gets one through within S3Options::request_timeout.
inline constexpr std::uint64_t kBackupPieceBytes = 8U << 20;

/// Cost: list() a request for each 1 000 objects; write() one, or one for each piece and two more;
/// read() one for each piece and one more; remove() two.
///
/// Errors, beside those of BackupTarget: those of the client. timed_out, of a write: the object is
/// as it was before, or whole.
std::unique_ptr<BackupTarget> make_backup_bucket(std::unique_ptr<Client> client,
                                                 std::uint64_t piece_bytes = kBackupPieceBytes);

}  // namespace talea::s3
