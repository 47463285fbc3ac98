#include "cli/password_source.h"

#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <string_view>

#include "cli/interruption.h"
#include "cli/line_reader.h"

namespace talea::cli {

namespace {

// Does not show what is typed, until it is destroyed.
class HiddenInput {
 public:
  HiddenInput() : is_hidden_(::tcgetattr(STDIN_FILENO, &shown_) == 0) {
    if (!is_hidden_) return;
    termios hidden = shown_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    is_hidden_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0;
  }
  HiddenInput(const HiddenInput&) = delete;
  HiddenInput& operator=(const HiddenInput&) = delete;
  ~HiddenInput() {
    if (is_hidden_) (void)::tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown_);
  }

  bool is_hidden() const { return is_hidden_; }

 private:
  termios shown_{};
  bool is_hidden_;
};

Result<std::string> next_line(LineReader& lines, const std::string& from) {
  std::optional<std::string_view> line = TALEA_TRY(lines.next());
  if (line && line->ends_with('\r')) line->remove_suffix(1);
  if (line && !line->empty()) return std::string(*line);
  return Status::invalid_argument(from + " has no password in its first line");
}

Result<std::string> ask(LineReader& lines, const char* prompt) {
  std::fputs(prompt, stderr);
  Result<std::string> answer = next_line(lines, "what was typed");
  std::fputs("\n", stderr);  // the one that was typed is not shown either
  return answer;
}

Result<std::string> ask_twice() {
  const HiddenInput hidden;
  if (!hidden.is_hidden()) return failed_call("cannot hide what is typed", errno);
  const Descriptor input = Descriptor::borrowed(STDIN_FILENO);
  LineReader lines(input);
  std::string password = TALEA_TRY(ask(lines, "Password: "));
  if (TALEA_TRY(ask(lines, "Again: ")) == password) return password;
  return Status::invalid_argument("the two passwords differ; nothing was changed");
}

}  // namespace

Result<std::string> read_password(const std::string& file) {
  const bool is_input = file.empty() || file == "-";
  const bool is_asked = is_input && ::isatty(STDIN_FILENO) == 1;
  if (is_asked) {
    catch_interruption();  // what is typed has to be shown again after it
    return ask_twice();
  }
  const Descriptor input = TALEA_TRY(Descriptor::open_for_reading(is_input ? "-" : file));
  LineReader lines(input);
  return next_line(lines, is_input ? "the standard input" : "'" + file + "'");
}

}  // namespace talea::cli
