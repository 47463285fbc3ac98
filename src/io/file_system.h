// FileSystem and File: the seam between Talea and the disk.
//
// Everything that reads or writes a file goes through here, so that a fake can stand in for the
// disk: crashes, torn pages, lost names and failing syncs are played on CrashFileSystem
// (crash_file_system.h), which implements docs/crash-model.md. Nothing in the product opens a file
// in any other way.
//
// Paths are plain strings; '/' separates. No operation retries, but for EINTR and short counts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "talea/bytes.h"
#include "talea/result.h"

namespace talea {

/// A window of a file, mapped into memory. Unmapped when destroyed.
///
/// What of it lies beyond the end of the file is address space and no more; see File::map.
///
/// Threads: reading is safe from any; a writable one has one writer. prefault() may run beside
/// both.
class Mapping {
 public:
  virtual ~Mapping() = default;
  virtual BytesView bytes() const = 0;
  /// Null unless mapped for writing.
  virtual char* data() = 0;

  /// Makes the pages of [offset, offset + bytes) of this mapping resident and writable now, so that
  /// the first store into each does not wait for the file system. Called from a background thread
  /// ahead of the writer; changes no byte. The range must lie inside the mapping and the file.
  ///
  /// The pages count as written: the next sync writes them, and takes the right to store without
  /// a fault away again. So it pays for pages that are about to be filled, not far ahead.
  ///
  /// Errors: invalid_argument  mapped for reading, or a range beyond the mapping
  ///         io_error          beyond the end of the file, or the disk has no room for a page
  /// A kernel without the call (Linux before 5.14) is no error: stores fault one by one then.
  virtual Status prefault(std::uint64_t offset, std::uint64_t bytes) = 0;

  /// With true, says that the file is filled from front to back and hardly ever synced meanwhile:
  /// the system may then hold it in pages of 2 MiB, of which random reads are faster. Changes no
  /// byte. A store makes all of such a page dirty, so that each sync would write 2 MiB for a few
  /// bytes. A system that has none takes no notice. Call it before the first prefault() or store.
  ///
  /// With false, when the file is full: what is in memory stays as it is, and what is read back
  /// from the disk later comes in pieces as small as without.
  virtual void use_huge_pages(bool use) { static_cast<void>(use); }
};

enum class MapAccess { read, write };

/// An open file. Closed when destroyed (its outcome is of no interest: durability is sync_data).
///
/// Threads: safe; writes to overlapping ranges are the caller's to order.
class File {
 public:
  virtual ~File() = default;

  /// Reads up to `bytes` bytes at `offset` into `out`; fewer only at the end of the file.
  /// Errors: io_error
  virtual Result<std::size_t> pread(std::uint64_t offset, char* out, std::size_t bytes) = 0;

  /// Writes all of `data` at `offset`, growing the file as needed. After an error any part of the
  /// range may hold the new bytes.
  /// Errors: exhausted (disk full, quota, file size limit), io_error
  virtual Status pwrite(std::uint64_t offset, BytesView data) = 0;

  /// Reserves disk space for [offset, offset + bytes) and makes the file at least that long; new
  /// bytes read as zero.
  /// Errors: exhausted, io_error
  virtual Status allocate(std::uint64_t offset, std::uint64_t bytes) = 0;

  /// Cuts or extends the file to `bytes`.
  virtual Status truncate(std::uint64_t bytes) = 0;

  /// Makes the content and length of the file durable: what was written before the call, through
  /// pwrite or a mapping. The file's *name* is durable only after FileSystem::sync_directory.
  ///
  /// After an error the state of everything written since the last success is unknown, and a
  /// later success says nothing about it (the kernel drops the pages and forgets the error).
  virtual Status sync_data() = 0;

  virtual Result<std::uint64_t> size() = 0;

  /// True when the file belongs to who runs this process, or to root (who may use anybody's), and
  /// nobody else may read or write it, as far as the file system knows. Errors: io_error
  virtual Result<bool> is_private() { return true; }

  /// Maps [offset, offset + bytes); `offset` is a multiple of 4096. A mapping for writing is the
  /// append window of a segment: stores become durable with sync_data.
  ///
  /// It may reach beyond the end of the file and is usable as far as the file has come by then:
  /// a file that grows grows into its mappings. To touch a page beyond the one that holds the end
  /// is a SIGBUS, and so it is after the file was cut below the mapping (io/map_guard.h).
  /// What is stored behind the end but in its page is no part of the file, and whether it shows
  /// when the file grows is up to the kernel: do not.
  ///
  /// Errors: invalid_argument  the range ends beyond what a file can have
  ///         denied            for writing, and the file is open for reading
  ///         io_error          no address space is left; `offset` is no multiple
  virtual Result<std::unique_ptr<Mapping>> map(std::uint64_t offset, std::uint64_t bytes,
                                               MapAccess access) = 0;
};

enum class OpenMode {
  read,        // must exist
  write,       // for reading and writing; must exist
  create_new,  // for reading and writing; must not exist
  truncate,    // for reading and writing; made, or cut to nothing
};

/// A held advisory lock on a file; released when destroyed, and by the end of the process.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class LockKind { shared, exclusive };

/// Threads: safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// Errors: not_found (also a missing directory on the way), denied, exhausted, io_error;
  ///         invalid_argument when create_new finds the name taken
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;

  /// `path` as it stays true when the process changes its directory; without '/' at its end.
  /// Errors: invalid_argument (it is empty), io_error (the present directory is gone)
  virtual Result<std::string> absolute(const std::string& path) = 0;

  /// True when something with this name exists.
  virtual Result<bool> exists(const std::string& path) = 0;

  /// Makes a directory; its parent must exist. That it exists already is no error.
  virtual Status create_directory(const std::string& path) = 0;

  /// Names in a directory, without "." and "..", sorted.
  /// Errors: not_found, invalid_argument (not a directory), denied, io_error
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;

  /// Replaces `to` by `from`, atomically for everyone who looks. Durable after sync_directory. An
  /// open file keeps its handles.
  /// Errors: not_found, denied, exhausted, io_error
  virtual Status rename(const std::string& from, const std::string& to) = 0;

  /// Removes a file. Durable after sync_directory. Errors: not_found, denied, io_error
  virtual Status remove(const std::string& path) = 0;

  /// Makes names made, replaced and removed in the directory durable.
  virtual Status sync_directory(const std::string& path) = 0;

  /// Takes an advisory lock on `path` without waiting. An exclusive lock makes the file when it
  /// is missing and writes `owner` into it, as far as there is room; releasing it empties the file.
  /// A shared one opens it for reading only. Two locks conflict inside one process as well.
  /// Errors: unavailable, with the text the present owner left; not_found; denied; io_error
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path, LockKind kind,
                                                 const std::string& owner) = 0;
};

/// Reads exactly `bytes` bytes at `offset` into `out`.
/// Errors: corruption when the file is shorter; io_error
Status read_exactly(File& file, std::uint64_t offset, std::uint64_t bytes, Bytes& out);

/// What every Mapping::prefault refuses before it asks the system; `path` is for the message.
/// Errors: invalid_argument
Status check_prefault(Mapping& mapping, const std::string& path, std::uint64_t offset,
                      std::uint64_t bytes);
/// What every File::map refuses; likewise.
/// Errors: invalid_argument
Status check_map(const std::string& path, std::uint64_t offset, std::uint64_t bytes);

/// `directory` and `name` joined by one '/'.
std::string join_path(const std::string& directory, const std::string& name);
/// `path` without any '/' at its end; "/" stays.
std::string without_trailing_slashes(std::string path);
/// What is before the last '/', "." when there is none.
std::string parent_path(const std::string& path);

}  // namespace talea
