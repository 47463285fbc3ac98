#include "cli/context.h"

#include <unistd.h>

#include <cctype>
#include <cstdio>

#include "cli/human_text.h"
#include "cli/json_writer.h"

namespace talea::cli {

namespace {

// The scheme of `store`, as in `file:PATH`; empty when it is a path. `./a:b` is a path.
std::string_view scheme_of(std::string_view store) {
  const std::size_t colon = store.find(':');
  if (colon == std::string_view::npos || store.find('/') < colon) return {};
  return store.substr(0, colon);
}

std::string one_line(std::string_view message) {
  while (!message.empty() && std::isspace(static_cast<unsigned char>(message.back())) != 0) {
    message.remove_suffix(1);
  }
  return std::string(message);
}

}  // namespace

Result<std::string> store_directory(const std::string& store) {
  const std::string_view scheme = scheme_of(store);
  if (!scheme.empty() && scheme != "file") {
    return Status::invalid_argument("there is no kind of store '" + std::string(scheme) +
                                    ":'; supported are a directory, as ./data, and file:PATH");
  }
  std::string directory = scheme.empty() ? store : store.substr(scheme.size() + 1);
  if (directory.starts_with("//")) {  // file://HOST/PATH, of which HOST has to be empty
    if (!directory.starts_with("///")) {
      return Status::invalid_argument("'" + store +
                                      "' names a host; a store is on this one: file:///PATH");
    }
    directory.erase(0, 2);
  }
  if (directory.empty()) {
    return Status::invalid_argument("name the store: -s DIRECTORY, or TALEA_STORE=DIRECTORY");
  }
  return directory;
}

std::string next_step(const Status& status, const std::string& store) {
  const std::string program = "talea -s " + store + " ";
  switch (status.code()) {
    case Code::unavailable: return "wait until that process is done, or end it; then try again";
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
  return Status::not_found("there is no store in '" + path + "'; put, batch and import create one");
}

Status Context::print_json(std::string_view json) {
  TALEA_TRY(out_.write(json));
  return out_.write("\n");
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
