// The limits of the interface, by name. An error that reports one of them states both the limit
// and what was given.
#pragma once

#include <cstdint>

namespace talea {

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;

/// A key has at least one byte: the empty key is reserved, so that all-zero bytes on disk can
/// never be read as an entry.
inline constexpr std::uint64_t kKeyBytesMin = 1;
inline constexpr std::uint64_t kKeyBytesMax = 64 * kKiB;

/// The largest value that put() and get() carry in one call. Larger ones are streamed through
/// ValueWriter and ValueReader, up to kStreamedValueBytesMax.
inline constexpr std::uint64_t kValueBytesMax = 1 * kGiB;
inline constexpr std::uint64_t kStreamedValueBytesMax = 16 * 1024 * kGiB;

/// Values up to this size are stored inside the batch; larger ones go to extents, in chunks of at
/// most this size, before the batch that refers to them.
inline constexpr std::uint64_t kInlineValueBytesMax = 1 * kMiB;

/// What one batch may carry: keys, inline values and references to extents, headers included.
inline constexpr std::uint64_t kBatchInlineBytesMax = 256 * kMiB;
inline constexpr std::uint64_t kBatchEntriesMax = 4 * 1024 * 1024;

/// Sequences beyond it are refused; at a million batches a second it lasts 292 000 years.
inline constexpr std::uint64_t kSequenceMax = UINT64_MAX / 2;

/// How long a key may live, and the last moment at which one may expire, the end of the year 9999;
/// in milliseconds.
inline constexpr std::uint64_t kTimeToLiveMsMax = 100ULL * 366 * 24 * 60 * 60 * 1000;
inline constexpr std::uint64_t kExpiryMsMax = 253'402'300'799'999;

/// Options::segment_bytes.
inline constexpr std::uint64_t kSegmentBytesMin = 64 * kKiB;
inline constexpr std::uint64_t kSegmentBytesMax = 1 * kGiB;

/// Options::sync_interval, in milliseconds.
inline constexpr std::uint64_t kSyncIntervalMsMin = 1;
inline constexpr std::uint64_t kSyncIntervalMsMax = 60 * 1000;

/// Options::compaction_interval, in milliseconds; Options::live_ratio; Options::memory_budget and
/// Options::checkpoint_bytes, in bytes.
inline constexpr std::uint64_t kCompactionIntervalMsMin = 10;
inline constexpr std::uint64_t kCompactionIntervalMsMax = 24 * 60 * 60 * 1000;
inline constexpr double kLiveRatioMin = 0.05;
inline constexpr double kLiveRatioMax = 0.95;
inline constexpr std::uint64_t kMemoryBudgetMin = 1 * kMiB;
inline constexpr std::uint64_t kCheckpointBytesMin = 1 * kMiB;

/// Options::compress_from_bytes.
inline constexpr std::uint64_t kCompressFromBytesMin = 32;

/// Retention::revisions(), and Retention::duration() in milliseconds.
inline constexpr std::uint64_t kRevisionsMin = 2;
inline constexpr std::uint64_t kRevisionsMax = UINT32_MAX;
inline constexpr std::uint64_t kRetentionMsMax = kTimeToLiveMsMax;

/// Options::worker_threads.
inline constexpr std::uint32_t kWorkerThreadsMax = 64;

/// Bounds of what writers may be ahead of the background and of readers: overwrites and removals
/// that are kept in memory for open snapshots and scans (2 GiB of them), and garbage on the disk
/// beyond what Options::live_ratio allows. Who would write more waits for up to kBoundWaitMs, and
/// is then refused.
inline constexpr std::uint64_t kUndoChangesMax = 64 * 1024 * 1024;
inline constexpr std::uint64_t kGarbageBytesMax = 16 * kGiB;
inline constexpr std::uint64_t kBoundWaitMs = 5000;

/// Authentication: names and labels are UTF-8, the rest are bytes.
inline constexpr std::uint64_t kUserNameBytesMax = 256;
inline constexpr std::uint64_t kPasswordBytesMin = 1;
inline constexpr std::uint64_t kPasswordBytesMax = 1024;
inline constexpr std::uint64_t kPasswordHashBytesMax = 1024;
inline constexpr std::uint64_t kAuthMetadataBytesMax = 64 * kKiB;
inline constexpr std::uint64_t kApiKeyLabelBytesMax = 256;
inline constexpr std::uint64_t kApiKeyScopesMax = 64;
inline constexpr std::uint64_t kApiKeyScopeBytesMax = 128;
inline constexpr std::uint64_t kApiKeysPerUserMax = 1024;
/// How many users or keys one call lists.
inline constexpr std::uint64_t kAuthPageMax = 1000;
/// How far the disk may lag behind the time of a login or of the use of a key, in milliseconds, and
/// of how many users and keys at once.
inline constexpr std::uint64_t kLastSeenLagMs = 60 * 1000;
inline constexpr std::uint64_t kLastSeenWaitingMax = 65536;
/// What a hash of a password may cost, so that none that came from elsewhere stops a process.
inline constexpr std::uint32_t kPasswordMemoryKibMax = 256 * 1024;
inline constexpr std::uint32_t kPasswordPassesMax = 16;
inline constexpr std::uint32_t kPasswordLanesMax = 8;
inline constexpr int kBcryptCostMax = 15;

/// Bucket databases (bucketdb.h). The format has 16 bits for the length of a key.
inline constexpr std::uint64_t kBucketKeyBytesMax = 65535;
inline constexpr std::uint64_t kBucketValueBytesMax = 256 * kMiB;
inline constexpr std::uint64_t kBucketBatchBytesMax = 1 * kGiB;
inline constexpr std::uint64_t kBucketFileBytesMin = 1 * kKiB;
inline constexpr std::uint64_t kBucketFileBytesMax = 4 * kGiB;
/// Of an index that is read; 30 million keys of 100 bytes.
inline constexpr std::uint64_t kBucketIndexBytesMax = 4 * kGiB - 1;
inline constexpr std::uint32_t kBucketThreadsMax = 64;
/// How often an upload takes over what others committed, a compaction begins anew, and a reader
/// reads the index again, before they give up.
inline constexpr std::uint32_t kBucketCommitsMax = 16;
inline constexpr std::uint32_t kBucketCompactionsMax = 3;
inline constexpr std::uint32_t kBucketRereadsMax = 3;
/// By which a writer recognises a commit of its own whose answer was lost: S3 has 2 KiB for them.
inline constexpr std::uint32_t kBucketCommitsKept = 100;
/// Two entries that lie closer to each other come with one request, of up to so many bytes.
inline constexpr std::uint64_t kBucketMergeGapBytes = 16 * kKiB;
inline constexpr std::uint64_t kBucketMergedBytesMax = 8 * kMiB;

/// The ledger (ledger.h). S3 holds names of 1 024 bytes, and ours go around a key.
inline constexpr std::uint64_t kS3KeyBytesMax = 1024;
inline constexpr std::uint64_t kLedgerValueBytesMax = 64 * kMiB;
/// How deep arrays and objects of a JSON value may lie in each other.
inline constexpr std::uint32_t kJsonDepthMax = 512;
/// How many digits an integer may have: Python reads no more.
inline constexpr std::uint32_t kJsonIntegerDigitsMax = 4300;
/// LedgerOptions::parallel_gets.
inline constexpr std::uint32_t kLedgerParallelGetsMax = 256;
/// How many entries or keys one page has at most.
inline constexpr std::uint64_t kLedgerPageMax = 10'000;
/// Of how many keys a ledger remembers the ETag, and an audit the sequence.
inline constexpr std::uint64_t kLedgerKnownKeysMax = 16'384;
/// How many entries in a row a repair collects that are missing in their key objects.
inline constexpr std::uint64_t kLedgerOrphansMax = 1024;

}  // namespace talea
