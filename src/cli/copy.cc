// copy: all that one home holds into another.
#include "transfer/copy.h"

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "base/clock.h"
#include "base/executor.h"
#include "cli/human_text.h"
#include "cli/interruption.h"
#include "cli/json_writer.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "home/home.h"
#include "io/posix_file_system.h"
#include "s3/environment.h"
#include "transfer/same_place.h"

namespace talea::cli {

namespace {

constexpr std::string_view kAsIs = "as-is";

// --- Opening

// Nothing of the source is written, nor told how much of its past to keep.
HomeOptions source_options(const Context& context, const CopyRequest& request) {
  HomeOptions options{.engine = context.settings().engine};
  options.engine.read_only = true;
  options.engine.retention.reset();
  options.engine.encryption = request.source_encryption;
  return options;
}

// A key that has expired stays until the copy is read back: its removal would be a revision that
// the source does not have.
HomeOptions destination_options(const Context& context) {
  HomeOptions options{.engine = context.settings().engine};
  options.engine.reap_expired = false;
  return options;
}

HomeOptions reading_options(const Context& context) {
  HomeOptions options = destination_options(context);
  options.engine.read_only = true;
  options.engine.retention.reset();
  return options;
}

// What a check knows of the destination, which it does not make.
struct CheckedDestination {
  std::unique_ptr<Home> home;  // null: it is not there yet
  HomeAbilities abilities;
};

// --- Telling

std::string side_json(const CopySide& side) {
  return JsonObject().number("entries", side.entries).text("sha256", to_hex(side.hash)).close();
}

std::string obstacle_json(const CopyObstacle& obstacle) {
  JsonObject object;
  object.bytes("key", obstacle.key);
  object.text("problem",
              fits_json_string(obstacle.problem) ? obstacle.problem : printable(obstacle.problem));
  return object.close();
}

std::string report_json(const CopyReport& report, double seconds) {
  JsonObject object;
  object.boolean("history", report.with_history)
      .json("source", side_json(report.source))
      .json("destination", side_json(report.destination))
      .boolean("equal", report.source == report.destination)
      .number("written", report.written)
      .number("skipped", report.skipped)
      .number("replaced", report.replaced)
      .number("bytes", report.bytes)
      .decimal("seconds", seconds);
  if (report.difference) object.json("difference", obstacle_json(*report.difference));
  if (!report.remark.empty()) object.text("remark", report.remark);
  return object.close();
}

std::string report_text(const CopyReport& report, double seconds) {
  const auto side = [](const CopySide& one) {
    return std::to_string(one.entries) + "  sha256:" + to_hex(one.hash);
  };
  return table({{report.with_history ? "revisions at the source" : "keys at the source",
                 side(report.source)},
                {report.with_history ? "revisions at the destination" : "keys at the destination",
                 side(report.destination)},
                {"written", std::to_string(report.written)},
                {"of these in the place of another value", std::to_string(report.replaced)},
                {"there already", std::to_string(report.skipped)},
                {"keys and values", human_bytes(report.bytes)},
                {"time", human_seconds(seconds)}});
}

Status tell(Context& context, const CopyReport& report, double seconds) {
  if (context.json()) return context.print_json(report_json(report, seconds));
  if (!report.remark.empty()) context.remark(report.remark);
  if (context.settings().quiet) return {};
  return context.out().write(report_text(report, seconds));
}

// Of a name that was understood before.
StoreScheme scheme_of(const std::string& store) {
  const Result<StoreUrl> url = parse_store_url(store);
  return url.ok() ? url->scheme : StoreScheme::file;
}

// Of a failure to open one of the two.
std::string next_step_of_open(const Status& status, const std::string& store, bool is_source) {
  if (is_source && status.code() == Code::unauthenticated && !is_on_s3(scheme_of(store))) {
    return "name the master key of the source: --source-key-file FILE or --source-key-env VARIABLE";
  }
  return next_step(status, store);
}

// Of a failure of either while both are open.
std::string next_step_of_copy(const Status& status, const CopyRequest& request) {
  const std::string source = shell_word(request.source);
  const std::string destination = shell_word(request.destination);
  switch (status.code()) {
    case Code::unsupported: {
      if (status.message().find("cannot be copied") == std::string_view::npos) return {};
      const std::string list = "all that cannot be copied is listed by: talea copy --check " +
                               source + " " + destination;
      const bool may_help =
          scheme_of(request.destination) == StoreScheme::ledger && request.values == kAsIs;
      return may_help ? list + "; with --values to-json every value becomes JSON" : list;
    }
    case Code::conflict: {
      if (status.message().find("another past") == std::string_view::npos &&
          status.message().find("gone on by itself") == std::string_view::npos) {
        return {};
      }
      return "what is there now can be copied: talea copy --latest " + source + " " + destination;
    }
    case Code::unauthenticated:
    case Code::denied:
      return next_step(
          status, is_on_s3(scheme_of(request.destination)) ? request.destination : request.source);
    case Code::corruption:
      return "find out which is damaged: talea -s " + source + " verify; talea -s " + destination +
             " verify";
    case Code::exhausted:
    case Code::unavailable:
    case Code::timed_out:
    case Code::io_error: return "mend that; then the same command goes on where this one stopped";
    default: return {};
  }
}

// --- The verb

class Copying {
 public:
  Copying(Context& context, const CopyRequest& request) : context_(context), request_(request) {
    options_.history = request.history  ? CopyHistory::required
                       : request.latest ? CopyHistory::none
                                        : CopyHistory::automatic;
    options_.merge = request.merge;
    if (request.values == "to-json") options_.form = ValueForm::to_json;
    if (request.values == "from-json") options_.form = ValueForm::from_json;
    options_.is_interrupted = interrupted;
  }

  Result<ExitCode> run() {
    StoreUrl from = TALEA_TRY(parse_store_url(request_.source));
    StoreUrl to = TALEA_TRY(parse_store_url(request_.destination));
    context_.count_requests(from.s3);
    context_.count_requests(to.s3);
    PosixFileSystem files;
    if (is_same_place(from, to, s3::process_environment(files))) {
      return Status::invalid_argument("'" + request_.source + "' and '" + request_.destination +
                                      "' are one place: a home is copied into another");
    }
    source_ = TALEA_TRY(open(from, source_options(context_, request_), Side::source));
    catch_interruption();
    if (request_.check) return check(to);
    return copy(to);
  }

  std::string next_step_of(const Status& failure) const {
    if (!unopened_) return next_step_of_copy(failure, request_);
    return next_step_of_open(failure, name_of(*unopened_), *unopened_ == Side::source);
  }

 private:
  enum class Side : std::uint8_t { source, destination };

  CopySeams seams() { return {clock_, executor_}; }

  const std::string& name_of(Side side) const {
    return side == Side::source ? request_.source : request_.destination;
  }

  Result<std::unique_ptr<Home>> open(const StoreUrl& url, const HomeOptions& options, Side side) {
    Result<std::unique_ptr<Home>> home = open_home(url, options);
    if (home.ok()) return home;
    unopened_ = side;
    return std::move(home).status().with_context("open " + name_of(side));
  }

  Result<ExitCode> copy(const StoreUrl& to) {
    const std::uint64_t began_ns = clock_.monotonic_ns();
    const std::unique_ptr<Home> destination =
        TALEA_TRY(open(to, destination_options(context_), Side::destination));
    Result<CopyReport> report =
        with_progress("copy", [&] { return copy_home(*source_, *destination, options_, seams()); });
    const Status closed = destination->close();
    if (!report.ok()) return std::move(report).status();
    TALEA_TRY(Status(closed));
    const std::unique_ptr<Home> again = TALEA_TRY(open_again(to, report->source.entries == 0));
    TALEA_TRY(with_progress(
        "read back", [&] { return read_back(*source_, *again, options_, seams(), *report); }));
    const std::uint64_t elapsed_ns = clock_.monotonic_ns() - began_ns;
    TALEA_TRY(tell(context_, *report, static_cast<double>(elapsed_ns) / 1e9));
    if (!report->difference) return ExitCode::ok;
    return context_.fail(ExitCode::corrupt,
                         Status::corruption("the destination is not what the source is: key '" +
                                            printable(report->difference->key) +
                                            "': " + report->difference->problem),
                         "if something else writes one of them, stop it; then copy again");
  }

  // What others see of the destination: of bucket files not what this machine keeps of them. On S3
  // a copy of nothing makes nothing, which is not there then for who only reads.
  Result<std::unique_ptr<Home>> open_again(StoreUrl to, bool is_empty) {
    to.directory.clear();
    return open(to, is_empty ? destination_options(context_) : reading_options(context_),
                Side::destination);
  }

  Result<CheckedDestination> open_for_check(StoreUrl url) {
    CheckedDestination destination;
    const std::optional<Retention>& retention = context_.settings().engine.retention;
    const bool will_keep_all = retention && retention->kind() == Retention::Kind::all;
    if (is_on_s3(url.scheme)) {
      // Opened for writing it may be absent; nothing is written before something is put.
      url.directory.clear();
      destination.home = TALEA_TRY(open(url, destination_options(context_), Side::destination));
      destination.abilities = destination.home->abilities();
      return destination;
    }
    Result<std::unique_ptr<Home>> home = open(url, reading_options(context_), Side::destination);
    if (home.ok()) {
      destination.home = *std::move(home);
      destination.abilities = destination.home->abilities();
      if (will_keep_all) destination.abilities.keeps_all_history = true;
      return destination;
    }
    if (home.status().code() != Code::not_found) return std::move(home).status();
    unopened_.reset();  // it will be made
    destination.abilities.name = kind_of_store(url.scheme);
    destination.abilities.keeps_history = url.scheme == StoreScheme::file;
    destination.abilities.keeps_all_history = will_keep_all;
    return destination;
  }

  Result<ExitCode> check(const StoreUrl& to) {
    const CheckedDestination destination = TALEA_TRY(open_for_check(to));
    std::uint64_t count = 0;
    if (context_.json()) TALEA_TRY(context_.out().write("{\"obstacles\":["));
    const CopyReport report = TALEA_TRY(with_progress("check", [&] {
      return check_copy(*source_, destination.abilities, destination.home.get(), options_, seams(),
                        [&](const CopyObstacle& obstacle) { return list(obstacle, count++); });
    }));
    if (context_.json()) {
      JsonObject rest;
      rest.boolean("history", report.with_history)
          .json("source", side_json(report.source))
          .number("replaced", report.replaced);
      if (!report.remark.empty()) rest.text("remark", report.remark);
      TALEA_TRY(context_.print_json("]," + rest.close().substr(1)));
    } else {
      if (!report.remark.empty()) context_.remark(report.remark);
      if (report.replaced > 0) {
        context_.remark(std::to_string(report.replaced) +
                        " keys have another value at the destination, which would be replaced");
      }
      context_.remark(count == 0 ? "all " + std::to_string(report.source.entries) +
                                       " entries can be copied; nothing was written"
                                 : std::to_string(count) + " obstacles; nothing was written");
    }
    return count == 0 ? ExitCode::ok : ExitCode::not_found;
  }

  Status list(const CopyObstacle& obstacle, std::uint64_t position) {
    if (context_.json()) {
      return context_.out().write((position == 0 ? "" : ",") + obstacle_json(obstacle));
    }
    return context_.out().write(printable(obstacle.key) + "\t" + printable(obstacle.problem) +
                                "\n");
  }

  template <typename Work>
  std::invoke_result_t<Work> with_progress(const char* label, const Work& work) {
    Progress progress(label, ProgressUnit::rows, source_->key_count(), context_.shows_progress());
    options_.progress = [&](std::uint64_t entries, std::uint64_t) { progress.update(entries); };
    auto done = work();
    options_.progress = nullptr;
    return done;
  }

  Context& context_;
  const CopyRequest& request_;
  CopyOptions options_;
  SystemClock clock_;
  ThreadExecutor executor_;
  std::optional<Side> unopened_;
  std::unique_ptr<Home> source_;  // after what it runs on
};

}  // namespace

Result<ExitCode> run_copy(Context& context, const CopyRequest& request) {
  Copying copying(context, request);
  Result<ExitCode> ended = copying.run();
  const Code code = ended.status().code();
  if (ended.ok() || code == Code::cancelled) return ended;
  return context.fail(exit_code_of(ended.status()), ended.status(),
                      copying.next_step_of(ended.status()));
}

}  // namespace talea::cli
