// talea_bench: measures Talea and its peers side by side. script/bench builds and runs it.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "bench/child.h"
#include "bench/machine.h"
#include "bench/peer.h"
#include "bench/plan.h"
#include "bench/report.h"
#include "bench/runner.h"

namespace talea::bench {
namespace {

constexpr unsigned kRounds = 5;
constexpr unsigned kQuickRounds = 3;
constexpr unsigned kFirstDiskSamples = 512;
constexpr const char* kExamples =
    "Examples:\n"
    "  script/bench --quick\n"
    "  script/bench --only P-put,P-get\n"
    "  script/bench --only P-ycsbC --with '10 M'\n"
    "  script/bench --only P-ycsbC --sides talea,tkrzw --rounds 9\n"
    "  script/bench --list --only P-scan\n"
    "  script/bench --quick --dir /mnt/disk --json out/a.json\n";

struct Arguments {
  bool quick = false;
  bool list = false;
  unsigned rounds = 0;
  std::vector<std::string> only;
  std::string with;
  std::vector<std::string> sides;
  std::string directory;
  std::string json_file;
  std::string commit = "unknown";
  std::string command;
};

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

// Overwrites one line of a terminal; silent when stderr is not one.
void show_progress(const std::string& text) {
  static const bool terminal = ::isatty(STDERR_FILENO) == 1;
  if (terminal) std::fprintf(stderr, "\r\033[K%s", text.c_str());
}

Status write_file(const std::filesystem::path& path, const std::string& text) {
  std::error_code error;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) return Status::io_error("write " + path.string());
  return {};
}

// The directory of a run's data. A fresh one below `parent`, which is created when it is missing;
// removed with all that is in it when the run ends.
class DataDirectory {
 public:
  static Result<DataDirectory> create(const std::string& parent) {
    std::error_code error;
    std::filesystem::create_directories(parent, error);
    if (error) return Status::io_error("create " + parent + ": " + error.message());
    std::string path = std::filesystem::absolute(parent).string() + "/run-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) {
      return Status::io_error("create a directory in " + parent);
    }
    return DataDirectory(std::move(path));
  }
  DataDirectory(DataDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  DataDirectory& operator=(DataDirectory&&) = delete;
  ~DataDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  explicit DataDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

Result<std::vector<std::unique_ptr<Peer>>> chosen_peers(const std::vector<std::string>& names) {
  std::vector<std::unique_ptr<Peer>> peers = make_peers();
  if (names.empty()) return peers;
  for (const std::string& name : names) {
    if (std::none_of(peers.begin(), peers.end(),
                     [&](const auto& peer) { return peer->name() == name; })) {
      return Status::invalid_argument("no side is called " + name);
    }
  }
  std::erase_if(peers, [&](const auto& peer) {
    return std::find(names.begin(), names.end(), peer->name()) == names.end();
  });
  return peers;
}

// The complete run goes to bench/results/latest; a part of it must not replace that.
std::string json_path(const Arguments& arguments) {
  if (!arguments.json_file.empty()) return arguments.json_file;
  if (!arguments.only.empty() || !arguments.with.empty() || !arguments.sides.empty()) return {};
  return TALEA_SOURCE_DIRECTORY "/bench/results/latest.json";
}

Result<std::vector<std::unique_ptr<Workload>>> chosen_workloads(const Arguments& arguments,
                                                                const PlanOptions& options) {
  std::vector<std::unique_ptr<Workload>> workloads = make_workloads(options);
  std::erase_if(workloads, [&](const std::unique_ptr<Workload>& workload) {
    const std::vector<Row>& rows = workload->description().rows;
    return std::none_of(rows.begin(), rows.end(), [&](const Row& row) {
      return row.variant.find(arguments.with) != std::string::npos;
    });
  });
  if (workloads.empty()) {
    return Status::invalid_argument("no line has '" + arguments.with + "'; --list shows all");
  }
  if (arguments.only.empty()) return workloads;
  const std::vector<std::string> ids = ids_of(workloads);
  for (const std::string& id : arguments.only) {
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) {
      return Status::invalid_argument("no workload is called " + id + "; --list shows all");
    }
  }
  std::erase_if(workloads, [&](const std::unique_ptr<Workload>& workload) {
    return !workload->keep_only(arguments.only);
  });
  return workloads;
}

// A driver that this program was built without leaves a note, not an empty row.
std::vector<std::string> notes(const std::vector<std::unique_ptr<Peer>>& all_peers) {
  const bool has_hightower = std::any_of(all_peers.begin(), all_peers.end(), [](const auto& peer) {
    return peer->name() == "hightower";
  });
  if (has_hightower) return {};
  return {
      "hightower is not built here (no cargo, or no way to its crates). Published with it, for "
      "another machine (Core Ultra 7 265F, NVMe), teardown inside the timer: put 0.26/0.14/0.04 "
      "M/s (64 B, 512 B, 4 KB), get 2.9 M/s hot and 3.2 M/s opened anew, prefix of 1 000 11.3 ms, "
      "compaction 118 ms"};
}

Status write_results(const Arguments& arguments, const Report& report) {
  const std::filesystem::path path = json_path(arguments);
  if (path.empty()) return {};
  TALEA_TRY(write_file(path, to_json(report).dump(2) + "\n"));
  const std::filesystem::path markdown = std::filesystem::path(path).replace_extension(".md");
  TALEA_TRY(write_file(markdown, to_markdown(report)));
  std::printf("written: %s and %s\n", path.c_str(), markdown.c_str());
  return {};
}

Status run_all(const Arguments& arguments) {
  if (arguments.list) {
    const auto listed = TALEA_TRY(chosen_workloads(arguments, {.quick = arguments.quick}));
    std::fputs(list_text(listed).c_str(), stdout);
    return {};
  }
  const std::vector<std::unique_ptr<Peer>> peers = TALEA_TRY(chosen_peers(arguments.sides));
  const DataDirectory directory = TALEA_TRY(DataDirectory::create(arguments.directory));

  Report report;
  report.command = arguments.command;
  report.commit = arguments.commit;
  report.started = utc_now();
  report.machine = describe_machine(directory.path());
  report.rounds =
      arguments.rounds != 0 ? arguments.rounds : (arguments.quick ? kQuickRounds : kRounds);
  report.quick = arguments.quick;
  report.seed = kDefaultSeed;
  for (const std::unique_ptr<Peer>& peer : peers) {
    report.sides.push_back(
        {.name = peer->name(), .version = peer->version(), .options = peer->options()});
  }
  report.notes = notes(make_peers());
  show_progress("disk");
  DiskProbe disk(directory.path());
  TALEA_TRY(disk.sample(kFirstDiskSamples));
  report.disk = disk.limits();
  const std::vector<std::unique_ptr<Workload>> workloads = TALEA_TRY(
      chosen_workloads(arguments, {.quick = arguments.quick,
                                   .disk_sync_seconds = report.disk.preallocated_p50_seconds,
                                   .seed = report.seed}));
  show_progress("");
  std::fputs(header_text(report).c_str(), stdout);

  for (const std::unique_ptr<Workload>& workload : workloads) {
    report.workloads.push_back(TALEA_TRY(
        run(*workload, peers, {.data_directory = directory.path(), .rounds = report.rounds}, disk,
            show_progress)));
    show_progress("");
    std::fputs(workload_text(report.workloads.back()).c_str(), stdout);
    std::fflush(stdout);
  }
  report.disk = disk.limits();
  const Tally counted = tally(report);
  std::printf("\n%zu bars, %zu ok, %zu short, %zu not yet; %zu failures\n",
              counted.ok + counted.missed + counted.not_yet, counted.ok, counted.missed,
              counted.not_yet, counted.failures);
  TALEA_TRY(write_results(arguments, report));
  if (counted.failures == 0) return {};
  return Status::corruption("a side failed; see FAILED above");
}

}  // namespace
}  // namespace talea::bench

int main(int argc, char** argv) {
  if (const int child = talea::bench::child_main(argc, argv); child >= 0) return child;
  talea::bench::Arguments arguments;
  arguments.directory = TALEA_SOURCE_DIRECTORY "/build/bench-data";
  CLI::App app("Measures Talea and its peers side by side.", "script/bench");
  app.footer(talea::bench::kExamples);
  app.add_flag("--quick", arguments.quick, "3 rounds and less of everything: a quarter of an hour");
  app.add_flag("--list", arguments.list, "show the workloads with their sides and targets");
  app.add_option("--only", arguments.only, "only rows with these ids")
      ->delimiter(',')
      ->option_text("ID,...");
  app.add_option("--with", arguments.with, "only what measures a row that has TEXT in its line")
      ->option_text("TEXT");
  app.add_option("--rounds", arguments.rounds, "instead of 5, or 3 with --quick")
      ->check(CLI::Range(1u, 100u))
      ->option_text("N");
  app.add_option("--sides", arguments.sides, "only these, for example talea,rocksdb")
      ->delimiter(',')
      ->option_text("NAME,...");
  app.add_option("--dir", arguments.directory,
                 "where the data goes, in a fresh directory that is removed afterwards")
      ->option_text("DIR");
  app.add_option("--json", arguments.json_file,
                 "write the results to FILE, and as Markdown to the same name with .md")
      ->option_text("FILE");
  app.add_option("--commit", arguments.commit, "what was built; script/bench fills it in")
      ->option_text("TEXT");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  arguments.command = "script/bench";
  for (int position = 1; position < argc; ++position) {
    const std::string argument = argv[position];
    if (argument.starts_with("--commit")) {
      position += argument == "--commit" ? 1 : 0;
      continue;
    }
    arguments.command += " " + argument;
  }
  const talea::Status status = talea::bench::run_all(arguments);
  if (status.ok()) return 0;
  std::fprintf(stderr, "script/bench: %s\n", status.to_string().c_str());
  return status.code() == talea::Code::invalid_argument ? 2 : 4;
}
