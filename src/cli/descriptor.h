// Reading and writing file descriptors, where stdin, stdout and files are the same thing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "talea/bytes.h"
#include "talea/result.h"

namespace talea::cli {

/// Owns a file descriptor, or borrows one of the three standard ones.
class Descriptor {
 public:
  /// Standard input for "-", else the file.
  static Result<Descriptor> open_for_reading(const std::string& path);
  /// A descriptor that is not closed by us.
  static Descriptor borrowed(int number) { return Descriptor(number, false); }
  static Descriptor owned(int number) { return Descriptor(number, true); }

  Descriptor(Descriptor&& other) noexcept : number_(other.number_), owned_(other.owned_) {
    other.owned_ = false;
  }
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor();

  int number() const { return number_; }
  /// Length of a regular file; nothing for a pipe or a terminal.
  std::optional<std::uint64_t> file_bytes() const;
  /// Reads up to `bytes_max` bytes; 0 at the end.
  /// Errors: cancelled   a signal that the program catches came first
  Result<std::size_t> read(char* buffer, std::size_t bytes_max) const;

 private:
  Descriptor(int number, bool owned) : number_(number), owned_(owned) {}
  int number_;
  bool owned_;
};

/// A failed call of the operating system as a Status, with errno's text and code.
Status failed_call(const std::string& doing, int error);

/// Buffered writing. An error sticks: every later call returns it.
/// Threads: externally synchronised.
class Output {
 public:
  /// `name` is for messages, for example "the standard output".
  Output(int number, std::string name) : number_(number), name_(std::move(name)) {}

  /// Errors: cancelled   the reader of the pipe went away, see reader_gone()
  ///         exhausted   disk full
  Status write(BytesView bytes);
  Status flush();
  /// All bytes given to write().
  std::uint64_t bytes() const { return bytes_; }
  bool reader_gone() const { return reader_gone_; }
  bool is_terminal() const;

 private:
  Status write_through(BytesView bytes);

  int number_;
  std::string name_;
  std::string buffer_;
  std::uint64_t bytes_ = 0;
  bool reader_gone_ = false;
  Status failed_;
};

/// A file that appears under its name when it is complete: written beside it, synced, renamed.
/// A target that is not a regular file (a device, a FIFO) is written in place.
class OutputFile {
 public:
  static Result<std::unique_ptr<OutputFile>> create(const std::string& path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  /// Without commit(), what was written is removed.
  ~OutputFile();

  Output& output() { return output_; }
  Status commit();

 private:
  OutputFile(std::string path, std::string temporary, Descriptor descriptor);

  std::string path_;
  std::string temporary_;  // empty when written in place, or committed
  Descriptor descriptor_;
  Output output_;
};

}  // namespace talea::cli
