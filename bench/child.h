// Child: a process of its own for what cannot be measured in the one of the benchmark: the memory
// of one store, and what a store finds after SIGKILL.
//
// The child is this program again, with `--child` as its first argument. It loads or opens a store,
// reports on its standard output, and waits on its standard input for what becomes of it.
#pragma once

#include <cstdint>
#include <string>

#include "bench/drive.h"
#include "talea/result.h"

namespace talea::bench {

struct ChildTask {
  /// The name of a peer.
  std::string side;
  std::string directory;
  DataSet::Shape data = {};
  /// Put the entries; else the store is there, and is opened only.
  bool load = true;
};

struct ChildReport {
  /// anonymous_memory_bytes() before the store was opened, and when it was ready.
  std::uint64_t memory_before_bytes = 0;
  std::uint64_t memory_bytes = 0;
};

/// What becomes of the child when it has reported.
enum class ChildEnd : std::uint8_t { killed, closed };

/// Starts children. Threads: immutable.
class ChildProgram {
 public:
  /// `path` is a program whose main() begins with child_main().
  explicit ChildProgram(std::string path) : path_(std::move(path)) {}

  /// Has a child do `task` and ends it. With ChildEnd::killed it dies of SIGKILL, with the store
  /// open, right after the last put.
  Result<ChildReport> run(const ChildTask& task, ChildEnd end) const;

 private:
  std::string path_;
};

/// The exit status of the child that `argv` asks for, or -1 when it asks for none.
int child_main(int argc, char** argv);

}  // namespace talea::bench
