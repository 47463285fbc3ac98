#include "bench/child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <utility>
#include <vector>

#include "bench/measurement.h"

extern char** environ;

namespace talea::bench {
namespace {

constexpr const char* kArgument = "--child";

Status last_error(const char* doing) {
  return Status::io_error(std::string(doing) + ": " + std::strerror(errno));
}

// One end of a pipe.
class PipeEnd {
 public:
  explicit PipeEnd(int file) : file_(file) {}
  PipeEnd(PipeEnd&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  PipeEnd& operator=(PipeEnd&&) = delete;
  ~PipeEnd() { close(); }
  int file() const { return file_; }
  void close() {
    if (file_ >= 0) ::close(std::exchange(file_, -1));
  }

 private:
  int file_;
};

Result<std::pair<PipeEnd, PipeEnd>> make_pipe() {
  std::array<int, 2> files{};
  if (::pipe2(files.data(), O_CLOEXEC) != 0) return last_error("make a pipe");
  return std::pair(PipeEnd(files[0]), PipeEnd(files[1]));
}

// Up to the end of a line or of the file.
std::string read_line(int file) {
  std::string line;
  for (char letter = 0; ::read(file, &letter, 1) == 1 && letter != '\n';) line += letter;
  return line;
}

std::vector<std::string> words_of(const ChildTask& task) {
  return {task.load ? "load" : "open",
          task.side,
          task.directory,
          std::to_string(task.data.keys),
          std::to_string(task.data.key_bytes),
          std::to_string(task.data.value_bytes),
          std::to_string(task.data.seed)};
}

ChildTask task_of(char** words) {
  return {.side = words[1],
          .directory = words[2],
          .data = {.keys = std::stoull(words[3]),
                   .key_bytes = std::stoull(words[4]),
                   .value_bytes = std::stoull(words[5]),
                   .seed = std::stoull(words[6])},
          .load = std::strcmp(words[0], "load") == 0};
}

// Does the task, reports, and closes the store when standard input ends.
Status do_task(const ChildTask& task) {
  std::unique_ptr<Peer> chosen;
  for (std::unique_ptr<Peer>& peer : make_peers()) {
    if (peer->name() == task.side) chosen = std::move(peer);
  }
  if (chosen == nullptr) return Status::invalid_argument("no side is called " + task.side);
  const DataSet data(task.data);
  // The allocator keeps what was freed, so whatever comes before must not be large.
  const std::uint64_t before = anonymous_memory_bytes();
  TALEA_TRY(chosen->open(task.directory, data.open_options()));
  if (task.load) {
    TALEA_TRY(put_entries(*chosen, data, 0, data.size()));
  } else {
    TALEA_TRY(check_entries(*chosen, data, 0, 1000));
  }
  std::printf("%llu %llu\n", static_cast<unsigned long long>(before),
              static_cast<unsigned long long>(anonymous_memory_bytes()));
  std::fflush(stdout);
  read_line(STDIN_FILENO);
  return chosen->close();
}

}  // namespace

Result<ChildReport> ChildProgram::run(const ChildTask& task, ChildEnd end) const {
  auto [input_read, input_write] = TALEA_TRY(make_pipe());
  auto [output_read, output_write] = TALEA_TRY(make_pipe());
  std::vector<std::string> words = words_of(task);
  std::vector<char*> argv = {const_cast<char*>(path_.c_str()), const_cast<char*>(kArgument)};
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input_read.file(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output_write.file(), STDOUT_FILENO);
  pid_t child = 0;
  errno = ::posix_spawn(&child, path_.c_str(), &actions, nullptr, argv.data(), environ);
  const Status spawned = errno == 0 ? Status() : last_error("start a child");
  ::posix_spawn_file_actions_destroy(&actions);
  TALEA_TRY(Status(spawned));
  input_read.close();
  output_write.close();

  std::istringstream line(read_line(output_read.file()));
  ChildReport report;
  const bool reported = !(line >> report.memory_before_bytes >> report.memory_bytes).fail();
  if (end == ChildEnd::killed) ::kill(child, SIGKILL);
  input_write.close();
  int exit_status = 0;
  while (::waitpid(child, &exit_status, 0) < 0 && errno == EINTR) {
  }
  const bool as_told = end == ChildEnd::killed
                           ? WIFSIGNALED(exit_status) && WTERMSIG(exit_status) == SIGKILL
                           : WIFEXITED(exit_status) && WEXITSTATUS(exit_status) == 0;
  if (!reported || !as_told) {
    return Status::io_error("the process that was to " + words[0] + " a store of " + task.side +
                            " failed; its message is above");
  }
  return report;
}

int child_main(int argc, char** argv) {
  constexpr int kWords = 7;
  if (argc != 2 + kWords || std::strcmp(argv[1], kArgument) != 0) return -1;
  const Status done = do_task(task_of(argv + 2));
  if (done.ok()) return 0;
  std::fprintf(stderr, "%s\n", done.to_string().c_str());
  return 1;
}

}  // namespace talea::bench
