// Context: what every verb works with. The settings of the command, its output, and the one place
// that reports a failure.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "cli/descriptor.h"
#include "cli/exit_code.h"
#include "home/home.h"
#include "s3/prices.h"
#include "talea/engine.h"

namespace talea::cli {

/// The options that all verbs share.
struct Settings {
  /// What -s or TALEA_STORE says.
  std::string store;
  bool json = false;
  bool quiet = false;
  /// Of stores on S3: tell what a command cost, and what requests cost.
  bool shows_cost = false;
  s3::RequestPrices prices;
  Options engine;
};

class Context {
 public:
  Context(const Settings& settings, Output& out) : settings_(settings), out_(out) {}

  const Settings& settings() const { return settings_; }
  bool json() const { return settings_.json; }
  Output& out() { return out_; }
  /// Whether people watch: progress is drawn on a terminal only.
  bool shows_progress() const;

  /// What --store says; what is asked of it is counted for --cost. Errors: invalid_argument
  Result<StoreUrl> url();
  /// What a store of this kind can do: known before it is opened.
  Result<HomeAbilities> abilities();
  /// The words of another command on the same store, as a shell takes them.
  std::string command(const std::string& words) const;

  // A verb that any home can answer opens a Home. What only one kind of store knows goes past it,
  // and is refused by the others.

  /// Opens the home, creating it when it is missing.
  Result<std::unique_ptr<Home>> open_home_for_writing();
  /// Opens a home that is there, for reading; writes nothing.
  Result<std::unique_ptr<Home>> open_home_for_reading();
  /// Opens bucket files that are there; `recover`: also without an index that can be read.
  Result<BucketDb> open_bucket_files(bool for_reading, bool recover = false);
  /// Opens a ledger for writing.
  Result<Ledger> open_ledger();

  // These are `invalid_argument` for what is no store in a directory.

  /// Opens the store, creating it when it is missing.
  Result<Engine> open_for_writing();
  /// Opens a store that is there.
  Result<Engine> open_existing_for_writing();
  /// Opens the store for reading; writes nothing.
  Result<Engine> open_for_reading();
  /// Opens a store that is there, for a command that does the store's upkeep itself: nothing of it
  /// happens in the background.
  Result<Engine> open_for_upkeep();
  /// The directory that --store names.
  Result<std::string> directory() const;

  /// Writes `json` (an object) to the output, on a line of its own.
  Status print_json(std::string_view json);
  /// Writes a closing remark to the standard error, unless --quiet.
  void remark(const std::string& text) const;
  /// Of a store that is about to be opened: what is asked of it counts for --cost.
  void count_requests(S3Options& at);
  /// Tells the cost on the standard error, if that was asked for.
  void report_cost() const;
  /// Reports a failure and what to do next on the standard error, and returns `code`.
  ExitCode fail(ExitCode code, const Status& status, const std::string& next = {}) const;

 private:
  Result<Engine> open_existing(const Options& options);
  HomeOptions reading_options() const;

  const Settings& settings_;
  Output& out_;
  mutable Mutex mutex_;
  S3RequestCounts requests_ TALEA_GUARDED_BY(mutex_);
};

/// The directory that the name of a store stands for.
/// Errors: invalid_argument   another kind of store, or none
Result<std::string> store_directory(const std::string& store);

/// `refusal` when the home cannot do what a verb needs: such a command can never work.
/// Errors: invalid_argument
Status require(bool can, std::string_view refusal);

/// `text` as one word of a shell.
std::string shell_word(const std::string& text);

/// What a user can do about a failure; empty when the message says it all.
std::string next_step(const Status& status, const std::string& store);

}  // namespace talea::cli
