#include "cli/context.h"

#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <utility>

#include "cli/cost_report.h"
#include "cli/human_text.h"
#include "cli/json_writer.h"

namespace talea::cli {

namespace {

Status missing_store(const std::string& path) {
  return Status::not_found("there is no store in '" + path + "'; put, batch and import create one");
}

std::string one_line(std::string_view message) {
  while (!message.empty() && std::isspace(static_cast<unsigned char>(message.back())) != 0) {
    message.remove_suffix(1);
  }
  return std::string(message);
}

Result<StoreUrl> url_of(const std::string& store) {
  if (!store.empty()) return parse_store_url(store);
  return Status::invalid_argument("name the store: -s STORE, or TALEA_STORE=STORE");
}

constexpr const char* kWaitForProcess =
    "wait until that process is done, or end it; then try again";

// A lock says who has it (FileSystem::lock).
bool is_held_by_process(const Status& status) {
  return status.message().find(": held by: ") != std::string_view::npos;
}

// Which bytes of bucket files are damaged, the message alone says.
std::string cure_of_bucket_files(const Status& status, const std::string& program) {
  const auto tells = [&](std::string_view text) {
    return status.message().find(text) != std::string_view::npos;
  };
  if (tells("talea.journal")) return {};  // it says what to do
  const bool is_index =
      tells("index.idx") || tells("no index that names") || tells("index is gone");
  return program + (is_index ? "repair" : "verify");
}

std::string next_step_on_s3(const Status& status, StoreScheme scheme, const std::string& store) {
  const bool is_ledger = scheme == StoreScheme::ledger;
  const std::string program = "talea -s " + store + " ";
  const std::string doctor = "talea doctor " + store;
  switch (status.code()) {
    case Code::unauthenticated:
      return "give credentials that the store knows: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
             "AWS_PROFILE or ?profile=NAME; docs/guide/s3.md, \"Who asks\", has all places and "
             "their order";
    case Code::denied:
      return "if it is the store that refuses: docs/guide/s3.md, \"Who asks\", has the permissions "
             "that are needed, and where credentials come from";
    case Code::unavailable:
      if (is_held_by_process(status)) return kWaitForProcess;
      return "try again; what is wrong with the store says " + doctor;
    case Code::unsupported: return doctor;
    case Code::corruption:
      return is_ledger ? program + "verify" : cure_of_bucket_files(status, program);
    case Code::conflict:
      return is_ledger ? "read what is there now: " + program + "get -o json KEY"
                       : "others write at the same time: try again";
    case Code::exhausted: return "stay below the limit";
    case Code::timed_out:
      return "whether it happened is unknown: read what is there, then decide (" + program +
             "get KEY)" +
             (is_ledger ? std::string()
                        : "; what a directory keeps is uploaded with the next write, or by: " +
                              program + "import < /dev/null");
    default: return {};
  }
}

}  // namespace

Result<std::string> store_directory(const std::string& store) {
  StoreUrl url = TALEA_TRY(url_of(store));
  if (url.scheme == StoreScheme::file) return std::move(url.path);
  return Status::invalid_argument("this is for a store in a directory, as ./data; " +
                                  std::string(store_scheme_name(url.scheme)) + ": is " +
                                  std::string(kind_of_store(url.scheme)));
}

Status require(bool can, std::string_view refusal) {
  if (can) return {};
  return Status::invalid_argument(std::string(refusal));
}

std::string shell_word(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:,@%=";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

std::string next_step(const Status& status, const std::string& store) {
  const Result<StoreUrl> url = parse_store_url(store);
  if (url.ok() && is_on_s3(url->scheme)) {
    return next_step_on_s3(status, url->scheme, shell_word(store));
  }
  const std::string program = "talea -s " + shell_word(store) + " ";
  switch (status.code()) {
    case Code::unavailable: return kWaitForProcess;
    case Code::corruption: return program + "verify";
    case Code::conflict: return "read what is there now: " + program + "get -o json KEY";
    case Code::exhausted:
      return "free space if the disk is full, else stay below the limit; then try again";
    case Code::timed_out:
      return "whether it happened is unknown: read what is there, then decide (" + program +
             "get KEY)";
    case Code::unauthenticated: return "name its master key: --key-file FILE or --key-env VARIABLE";
    case Code::denied:
      return "check who owns the file or directory, and whether it is writable; of an encrypted "
             "store, whether the key is its own";
    case Code::unsupported: return "use the version of talea that wrote the store, or a newer one";
    default: return {};
  }
}

bool Context::shows_progress() const { return !settings_.quiet && ::isatty(STDERR_FILENO) == 1; }

Result<std::string> Context::directory() const { return store_directory(settings_.store); }

Result<StoreUrl> Context::url() {
  StoreUrl url = TALEA_TRY(url_of(settings_.store));
  count_requests(url.s3);
  return url;
}

Result<HomeAbilities> Context::abilities() { return abilities_of(TALEA_TRY(url()).scheme); }

std::string Context::command(const std::string& words) const {
  return "talea -s " + shell_word(settings_.store) + " " + words;
}

HomeOptions Context::reading_options() const {
  HomeOptions options{.engine = settings_.engine};
  options.engine.read_only = true;
  return options;
}

Result<std::unique_ptr<Home>> Context::open_home_for_writing() {
  return open_home(TALEA_TRY(url()), {.engine = settings_.engine});
}

Result<std::unique_ptr<Home>> Context::open_home_for_reading() {
  const StoreUrl named = TALEA_TRY(url());
  auto home = open_home(named, reading_options());
  if (home.status().code() != Code::not_found || is_on_s3(named.scheme)) return home;
  return missing_store(named.path);
}

Result<BucketDb> Context::open_bucket_files(bool for_reading, bool recover) {
  HomeOptions options{.engine = settings_.engine};
  options.engine.create_if_missing = false;
  if (for_reading) options = reading_options();
  return talea::open_bucket_files(TALEA_TRY(url()), options, recover);
}

Result<Ledger> Context::open_ledger() {
  return talea::open_ledger(TALEA_TRY(url()), {.engine = settings_.engine});
}

Result<Engine> Context::open_for_writing() {
  return Engine::open(TALEA_TRY(directory()), settings_.engine);
}

Result<Engine> Context::open_existing_for_writing() {
  Options options = settings_.engine;
  options.create_if_missing = false;
  return open_existing(options);
}

Result<Engine> Context::open_for_reading() {
  Options options = settings_.engine;
  options.read_only = true;
  return open_existing(options);
}

Result<Engine> Context::open_for_upkeep() {
  Options options = settings_.engine;
  options.create_if_missing = false;
  options.compaction_interval = std::chrono::milliseconds(0);
  options.checkpoint_bytes = 0;
  return open_existing(options);
}

Result<Engine> Context::open_existing(const Options& options) {
  const std::string path = TALEA_TRY(directory());
  auto engine = Engine::open(path, options);
  if (engine.ok() || engine.status().code() != Code::not_found) return engine;
  return missing_store(path);
}

Status Context::print_json(std::string_view json) {
  TALEA_TRY(out_.write(json));
  return out_.write("\n");
}

void Context::count_requests(S3Options& at) {
  at.on_request = [this](const S3RequestKind& kind, const S3RequestCount& one) {
    MutexLock lock(mutex_);
    requests_[kind].add(one);
  };
}

void Context::report_cost() const {
  if (!settings_.shows_cost) return;
  S3RequestCounts requests;
  {
    MutexLock lock(mutex_);
    requests = requests_;
  }
  if (json()) {
    const std::string cost = requests_json(requests, settings_.prices);
    std::fprintf(stderr, "%s\n", JsonObject().json("cost", cost).close().c_str());
  } else if (requests.empty()) {
    std::fprintf(stderr, "no request was made to S3\n");
  } else {
    std::fprintf(stderr, "%s", requests_text(requests, settings_.prices).c_str());
  }
}

void Context::remark(const std::string& text) const {
  if (!settings_.quiet) std::fprintf(stderr, "%s\n", text.c_str());
}

ExitCode Context::fail(ExitCode code, const Status& status, const std::string& next) const {
  const std::string message = one_line(status.message());
  if (settings_.json) {
    JsonObject error;
    error.text("code", code_name(status.code()))
        .text("message", fits_json_string(message) ? message : printable(message));
    if (!next.empty()) error.text("next", fits_json_string(next) ? next : printable(next));
    std::fprintf(stderr, "%s\n", JsonObject().json("error", error.close()).close().c_str());
    return code;
  }
  std::fprintf(stderr, "talea: %s\n", message.c_str());
  if (!next.empty()) std::fprintf(stderr, "  next: %s\n", next.c_str());
  return code;
}

}  // namespace talea::cli
