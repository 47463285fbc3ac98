#include "cli/line_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

namespace talea::cli {
namespace {

struct Pipe {
  Pipe() { EXPECT_EQ(::pipe(ends.data()), 0); }
  ~Pipe() {
    ::close(ends[0]);
    close_writer();
  }
  void write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t put = ::write(ends[1], text.data(), text.size());
      ASSERT_GT(put, 0);
      text.remove_prefix(static_cast<std::size_t>(put));
    }
  }
  void close_writer() {
    if (ends[1] >= 0) ::close(ends[1]);
    ends[1] = -1;
  }
  std::array<int, 2> ends{};
};

std::vector<std::string> all_lines(LineReader& reader) {
  std::vector<std::string> lines;
  for (;;) {
    const auto line = reader.next();
    EXPECT_TRUE(line.ok());
    if (!*line) return lines;
    lines.emplace_back(**line);
  }
}

TEST(LineReader, ALineIsReturnedBeforeTheNextIsThere) {
  Pipe pipe;
  const Descriptor input = Descriptor::borrowed(pipe.ends[0]);
  LineReader reader(input);
  pipe.write("one\ntw");
  EXPECT_EQ(**reader.next(), "one");
  pipe.write("o\n");
  EXPECT_EQ(**reader.next(), "two");
  EXPECT_EQ(reader.line(), 2U);
  EXPECT_EQ(reader.bytes(), 8U);
}

TEST(LineReader, EmptyLinesAndATextWithoutNewlineAreLines) {
  Pipe pipe;
  pipe.write("\n\na");
  pipe.close_writer();
  const Descriptor input = Descriptor::borrowed(pipe.ends[0]);
  LineReader reader(input);
  EXPECT_EQ(all_lines(reader), (std::vector<std::string>{"", "", "a"}));
}

TEST(LineReader, NoInputHasNoLine) {
  Pipe pipe;
  pipe.close_writer();
  const Descriptor input = Descriptor::borrowed(pipe.ends[0]);
  LineReader reader(input);
  EXPECT_TRUE(all_lines(reader).empty());
}

TEST(LineReader, LongAndShortLinesOfAllLengthsArriveWhole) {
  std::vector<std::string> written;
  std::string text;
  for (const std::size_t length : std::initializer_list<std::size_t>{
           0, 1, 63, 64, 262143, 262144, 262145, 3000000, 5, 700000, 0}) {
    written.emplace_back(length, static_cast<char>('a' + written.size()));
    text += written.back() + "\n";
  }
  Pipe pipe;
  std::thread writer([&] {
    pipe.write(text);
    pipe.close_writer();
  });
  const Descriptor input = Descriptor::borrowed(pipe.ends[0]);
  LineReader reader(input);
  EXPECT_EQ(all_lines(reader), written);
  writer.join();
  EXPECT_EQ(reader.bytes(), text.size());
}

}  // namespace
}  // namespace talea::cli
