// BatchSession: a client on a pipe. One line in, one line out, in order; a result is written when
// what it tells is durable, and before the next line is read.
#pragma once

#include <string>
#include <string_view>

#include "cli/descriptor.h"
#include "cli/exit_code.h"
#include "cli/json_reader.h"
#include "cli/line_reader.h"
#include "talea/result.h"

namespace talea::cli {

/// Whether the row has if_absent, if_present or if_revision.
bool has_condition(const JsonRow& row);

/// Threads: externally synchronised.
class BatchSession {
 public:
  explicit BatchSession(Output& out) : out_(out) {}
  virtual ~BatchSession() = default;
  BatchSession(const BatchSession&) = delete;
  BatchSession& operator=(const BatchSession&) = delete;

  /// Answers all lines. The exit code tells the worst that happened.
  Result<ExitCode> run(LineReader& lines);

 protected:
  // What a store answers; rows were checked.
  virtual std::string get(const JsonRow& row, std::uint64_t line) = 0;
  virtual std::string stats(std::uint64_t line) = 0;
  virtual std::string write(const JsonLine& parsed, std::uint64_t line) = 0;

  /// `detail`: of the failure, as an object under "failed"; empty: none.
  std::string error_of(const Status& status, std::uint64_t line, const std::string& detail = {});
  void note(ExitCode code);

 private:
  Status answer(const std::string& result);
  std::string result_of(std::string_view text, std::uint64_t line);

  Output& out_;
  JsonReader reader_;
  ExitCode worst_ = ExitCode::ok;
};

}  // namespace talea::cli
