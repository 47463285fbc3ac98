#include "store/state_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "store/state_testing.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

using testing::HasSubstr;

constexpr auto kInternal = static_cast<Space>(7);

template <typename T>
T must(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.status().to_string();
  return std::move(result).value();
}

MemoryState small_state() {
  return {.rows = {{{Space::user, "alpha"}, {"one", 3, 1000}},
                   {{Space::user, "bravo"}, {"", 2, 900}},
                   {{kInternal, "alpha"}, {Bytes(300, 'v'), 9, 1'500'000}}}};
}

// Keys and values of all sizes, among them such as span frames.
MemoryState random_state(SeededRandom& random, std::size_t rows) {
  const auto pick = [&](std::uint64_t below) { return random.next_u64() % below; };
  MemoryState state;
  for (std::size_t i = 0; i < rows; ++i) {
    Bytes key(1 + (pick(50) == 0 ? pick(kKeyBytesMax) : pick(30)), '\0');
    for (char& byte : key) byte = static_cast<char>(pick(256));
    const std::uint64_t value_bytes = pick(50) == 0 ? pick(3 * kMiB) : pick(2000);
    MemoryState::Value& value = state.rows[{static_cast<Space>(pick(3)), key}];
    value = {Bytes(value_bytes, static_cast<char>(pick(256))), 1 + pick(1000), pick(2'000'000)};
    if (pick(5) == 0) value.expiry_ms = random.next_u64() | 1;
  }
  state.may_expire = true;
  return state;
}

StateHash hash_of(const MemoryState& state, std::size_t piece_bytes = 1000) {
  MemoryStateReader reader(state, piece_bytes);
  return must(hash_state(reader));
}

Bytes stream_of(const MemoryState& state, std::size_t piece_bytes = 1000) {
  MemoryStateReader reader(state, piece_bytes);
  Bytes stream;
  EXPECT_EQ(must(write_state_stream(reader, sink_to(stream))), hash_of(state));
  return stream;
}

// The outcome of reading all of a stream.
Status read_status(BytesView stream) {
  Result<std::unique_ptr<StateStreamReader>> reader = StateStreamReader::open(source_of(stream));
  if (!reader.ok()) return reader.status();
  return read_all(**reader).status();
}

// --- The hash -----------------------------------------------------------------------------------

TEST(StateHash, IsSha256OfTheIntroductionAndTheRowsWithoutTheirTimes) {
  EXPECT_EQ(hash_of({}), Sha256::of(BytesView("talea state 1\0\0\0", 16)));
  Bytes expected("talea state 1\0\0\0", 16);
  append_fixed(expected, std::uint32_t{7});
  append_fixed(expected, std::uint32_t{3});
  append_fixed(expected, std::uint64_t{5});
  append_fixed(expected, std::uint64_t{0});
  append_fixed(expected, std::uint64_t{4});
  expected += "keybody";
  EXPECT_EQ(hash_of({.rows = {{{kInternal, "key"}, {"body", 5, 77}}}}), Sha256::of(expected));
}

TEST(StateHash, KnowsNothingOfPiecesTimesAndTheLastSequence) {
  const MemoryState state = small_state();
  MemoryState later = state;
  later.last_sequence = 5000;
  later.last_time_ms = 9'000'000;
  for (auto& [place, value] : later.rows) value.time_ms += 1;
  EXPECT_EQ(hash_of(later), hash_of(state));
  for (const std::size_t piece_bytes : {1U, 7U, 299U, 300U, 4096U}) {
    EXPECT_EQ(hash_of(state, piece_bytes), hash_of(state));
  }
}

TEST(StateHash, DiffersForWhateverDiffers) {
  const auto one = [](Space space, const Bytes& key, const Bytes& value, Sequence revision) {
    return hash_of({.rows = {{{space, key}, {value, revision, 0}}}});
  };
  const std::set<StateHash> hashes = {
      hash_of({}),
      one(Space::user, "ab", "c", 1),
      one(Space::user, "a", "bc", 1),
      one(Space::user, "ab", "d", 1),
      one(Space::user, "ab", "", 1),
      one(Space::user, "ab", "c", 2),
      one(kInternal, "ab", "c", 1),
      hash_of({.rows = {{{Space::user, "ab"}, {"c", 1, 0}}, {{Space::user, "b"}, {"c", 1, 0}}}}),
  };
  EXPECT_EQ(hashes.size(), 8U);
}

// --- The stream ---------------------------------------------------------------------------------

TEST(StateStream, CarriesAStateOver) {
  SeededRandom random(test_seed());
  std::vector<MemoryState> states = {{}, small_state()};
  for (const std::size_t rows : {1U, 10U, 100U, 300U}) states.push_back(random_state(random, rows));
  for (const MemoryState& state : states) {
    const Bytes stream = stream_of(state);
    for (const std::size_t at_once : {std::size_t{1} << 40, std::size_t{4093}, std::size_t{1}}) {
      if (at_once == 1 && stream.size() > 100'000) continue;
      const auto reader = must(StateStreamReader::open(source_of(stream, at_once)));
      EXPECT_TRUE(must(read_all(*reader)) == state);
      EXPECT_EQ(reader->hash(), hash_of(state));
      EXPECT_FALSE(must(reader->next()));  // and stays at its end
    }
  }
}

TEST(StateStream, OneStateHasOneStream) {
  SeededRandom random(test_seed());
  const MemoryState state = random_state(random, 200);
  const Bytes stream = stream_of(state);
  EXPECT_TRUE(stream_of(state, 97) == stream);
  EXPECT_TRUE(stream_of(state, kMiB) == stream);
  // What is read from a stream is a state like any other.
  Bytes again;
  const auto reader = must(StateStreamReader::open(source_of(stream)));
  EXPECT_EQ(must(write_state_stream(*reader, sink_to(again))), hash_of(state));
  EXPECT_TRUE(again == stream);
}

TEST(StateStream, ValuesThatNobodyReadsAreVerifiedToo) {
  const MemoryState state = small_state();
  Bytes stream = stream_of(state);
  const auto reader = must(StateStreamReader::open(source_of(stream)));
  std::uint64_t rows = 0;
  while (must(reader->next())) ++rows;
  EXPECT_EQ(rows, 3U);
  EXPECT_EQ(reader->hash(), hash_of(state));
}

TEST(StateStream, NothingBehindItsEndIsRead) {
  Bytes stream = stream_of(small_state());
  const Bytes whole = stream + "somebody else's";
  BytesView left = whole;
  const auto reader =
      must(StateStreamReader::open([&](char* out, std::size_t wanted) -> Result<std::size_t> {
        const std::size_t count = std::min(wanted, left.size());
        std::memcpy(out, left.data(), count);
        left.remove_prefix(count);
        return count;
      }));
  EXPECT_TRUE(must(read_all(*reader)) == small_state());
  EXPECT_EQ(left, "somebody else's");
}

TEST(StateStream, EveryCutIsCorruption) {
  const Bytes stream = stream_of(small_state());
  for (std::size_t bytes = 0; bytes < stream.size(); ++bytes) {
    EXPECT_EQ(read_status(BytesView(stream).substr(0, bytes)).code(), Code::corruption) << bytes;
  }
}

TEST(StateStream, EveryTurnedBitIsCorruption) {
  const Bytes stream = stream_of(small_state());
  for (std::size_t bit = 0; bit < 8 * stream.size(); ++bit) {
    Bytes damaged = stream;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_EQ(read_status(damaged).code(), Code::corruption) << bit;
  }
}

// Frames of `bytes` bytes of content, from behind the header.
std::vector<Bytes> split_frames(BytesView stream) {
  std::vector<Bytes> parts = {Bytes(stream.substr(0, kStateHeaderBytes))};
  stream.remove_prefix(kStateHeaderBytes);
  while (!stream.empty()) {
    const auto content = load_fixed<std::uint32_t>(stream.data());
    const std::size_t bytes = content == 0 ? 48 : 8 + content;
    parts.emplace_back(stream.substr(0, bytes));
    stream.remove_prefix(bytes);
  }
  return parts;
}

Bytes join(const std::vector<Bytes>& parts) {
  Bytes whole;
  for (const Bytes& part : parts) whole += part;
  return whole;
}

TEST(StateStream, FramesCannotBeMovedLostRepeatedOrTakenFromElsewhere) {
  MemoryState state;
  // Rows that fill a frame each, so that any order of frames is one of rows.
  for (char c = 'a'; c < 'f'; ++c) {
    state.rows[{Space::user, Bytes(1, c)}] = {Bytes(kStateFrameBytes - kStateRowBytes - 1, c), 1,
                                              0};
  }
  const std::vector<Bytes> parts = split_frames(stream_of(state));
  ASSERT_EQ(parts.size(), 7U);
  EXPECT_TRUE(read_status(join(parts)).ok());

  std::vector<Bytes> moved = parts;
  std::swap(moved[2], moved[3]);
  std::vector<Bytes> lost = parts;
  lost.erase(lost.begin() + 3);
  std::vector<Bytes> repeated = parts;
  repeated.insert(repeated.begin() + 3, parts[3]);
  MemoryState other = state;
  other.last_time_ms += 1;
  std::vector<Bytes> elsewhere = parts;
  elsewhere[3] = split_frames(stream_of(other))[3];
  for (const auto& damaged : {moved, lost, repeated, elsewhere}) {
    const Status status = read_status(join(damaged));
    EXPECT_EQ(status.code(), Code::corruption);
    EXPECT_THAT(status.message(), HasSubstr("check of a frame"));
  }
}

// --- Nonsense behind right checks ---------------------------------------------------------------

Bytes row_bytes(const StateRow& row, BytesView value) {
  Bytes out;
  append_fixed(out, static_cast<std::uint32_t>(row.space));
  append_fixed(out, static_cast<std::uint32_t>(row.key.size()));
  append_fixed(out, row.revision);
  append_fixed(out, row.expiry_ms);
  append_fixed(out, static_cast<std::uint64_t>(value.size()));
  append_fixed(out, row.time_ms);
  out += row.key;
  out += value;
  return out;
}

// A stream with right checks, whatever it says.
struct Forgery {
  std::uint16_t version = 1;
  std::uint16_t reserved = 0;
  std::uint32_t features = 0;
  Sequence last_sequence = 1000;
  char last_reserved = 0;
  std::vector<Bytes> frames = {};
  std::uint64_t rows = 0;
  StateHash hash = {};

  Bytes bytes() const {
    Bytes out = "TALEASTA";
    append_fixed(out, version);
    append_fixed(out, reserved);
    append_fixed(out, features);
    append_fixed(out, last_sequence);
    append_fixed(out, std::uint64_t{2'000'000});
    out.resize(59);
    out += last_reserved;
    std::uint32_t check = crc32c(0, out);
    append_fixed(out, check);
    const auto send = [&](std::uint32_t length, BytesView content) {
      Bytes frame;
      append_fixed(frame, length);
      frame += content;
      check = crc32c(check, frame);
      append_fixed(frame, check);
      out += frame;
    };
    for (const Bytes& frame : frames) send(static_cast<std::uint32_t>(frame.size()), frame);
    Bytes end;
    append_fixed(end, rows);
    for (const unsigned char byte : hash) end += static_cast<char>(byte);
    send(0, end);
    return out;
  }
};

Forgery honest() {
  return {.frames = {row_bytes({.key = "a", .revision = 1}, "v")},
          .rows = 1,
          .hash = hash_of({.rows = {{{Space::user, "a"}, {"v", 1, 0}}}})};
}

TEST(StateStreamNonsense, TheForgerCanBeHonest) {
  EXPECT_TRUE(read_status(honest().bytes()).ok());
  Forgery in_small_frames = honest();
  const Bytes rows = std::exchange(in_small_frames.frames, {})[0];
  in_small_frames.frames.reserve(rows.size());
  for (const char byte : rows) in_small_frames.frames.emplace_back(1, byte);
  EXPECT_TRUE(read_status(in_small_frames.bytes()).ok());
}

TEST(StateStreamNonsense, ANewerVersionOrFeatureIsUnsupported) {
  Forgery newer = honest();
  newer.version = 2;
  EXPECT_EQ(read_status(newer.bytes()).code(), Code::unsupported);
  Forgery compressed = honest();
  compressed.features = 3;
  const Status status = read_status(compressed.bytes());
  EXPECT_EQ(status.code(), Code::unsupported);
  EXPECT_THAT(status.message(), HasSubstr("LZ4 compression"));
}

TEST(StateStreamNonsense, ReservedBytesAreZero) {
  Forgery one = honest();
  one.reserved = 1;
  Forgery two = honest();
  two.last_reserved = 1;
  for (const Forgery& forgery : {one, two}) {
    EXPECT_THAT(read_status(forgery.bytes()).message(), HasSubstr("reserved"));
  }
}

TEST(StateStreamNonsense, RowsAreInOrderAndInRange) {
  const Bytes a = row_bytes({.key = "a", .revision = 1}, "v");
  const Bytes b = row_bytes({.key = "b", .revision = 1}, "v");
  const Bytes internal = row_bytes({.space = kInternal, .key = "a", .revision = 1}, "v");
  Bytes endless_value = a;
  store_fixed(endless_value.data() + 24, kStreamedValueBytesMax + 1);
  Bytes endless_key = a;
  store_fixed(endless_key.data() + 4, std::uint32_t{66561});
  const std::vector<std::pair<Bytes, const char*>> cases = {
      {b + a, "order"},
      {a + a, "order"},
      {internal + b, "order"},
      {row_bytes({.key = "", .revision = 1}, "v"), "length of a key"},
      {endless_key, "length of a key"},
      {endless_value, "length of a value"},
      {row_bytes({.key = "a", .revision = 0}, "v"), "revision"},
      {row_bytes({.key = "a", .revision = 1001}, "v"), "revision"},
      {row_bytes({.key = "a", .revision = 1, .time_ms = 2'000'001}, "v"), "time"},
      {row_bytes({.key = "a", .revision = 1, .expiry_ms = 1}, "v"), "time"},
      {a.substr(0, a.size() - 1), "inside a row"},
      {a.substr(0, 41 - 1), "inside a row"},
      {a + "x", "inside a row"},
      {a, "as many rows"},
  };
  for (const auto& [content, problem] : cases) {
    const Status status = read_status(Forgery{.frames = {content}, .rows = 7}.bytes());
    EXPECT_EQ(status.code(), Code::corruption);
    EXPECT_THAT(status.message(), HasSubstr(problem));
  }
}

TEST(StateStreamNonsense, TheHashAndTheRowsAreThoseOfTheEnd) {
  Forgery hash = honest();
  hash.hash[31] ^= 1;
  EXPECT_THAT(read_status(hash.bytes()).message(), HasSubstr("state hash"));
  Forgery range = honest();
  range.last_sequence = kSequenceMax + 1;
  EXPECT_THAT(read_status(range.bytes()).message(), HasSubstr("out of range"));
}

TEST(StateStreamNonsense, AFrameThatIsTooLongTakesNoMemory) {
  Bytes stream = honest().bytes();
  store_fixed(stream.data() + kStateHeaderBytes, std::uint32_t{0xffff'ffff});
  EXPECT_THAT(read_status(stream).message(), HasSubstr("too long"));
}

// --- Failures of others -------------------------------------------------------------------------

TEST(StateStream, AFailingSinkEndsTheWriting) {
  const MemoryState state = small_state();
  for (int calls = 0; calls < 3; ++calls) {
    MemoryStateReader reader(state);
    int left = calls;
    const Result<StateHash> written = write_state_stream(
        reader, [&](BytesView) { return left-- > 0 ? Status() : Status::exhausted("no more"); });
    EXPECT_EQ(written.status().code(), Code::exhausted);
  }
}

TEST(StateStream, AFailingSourceIsNoDamage) {
  const Bytes stream = stream_of(small_state());
  const auto reader = must(
      StateStreamReader::open([left = kStateHeaderBytes, source = source_of(stream)](
                                  char* out, std::size_t bytes) mutable -> Result<std::size_t> {
        if (left == 0) return Status::io_error("the network is gone");
        left -= std::min(left, bytes);
        return source(out, bytes);
      }));
  EXPECT_EQ(reader->next().status().code(), Code::io_error);
  EXPECT_EQ(reader->next().status().code(), Code::io_error);  // it does not try again
  EXPECT_EQ(reader->read_value().status().code(), Code::io_error);
}

// A value of any size, which is nowhere in memory.
class OneLargeValue final : public StateReader {
 public:
  explicit OneLargeValue(std::uint64_t bytes) : left_(bytes) { row_.value_bytes = bytes; }
  Sequence last_sequence() const override { return 1; }
  std::uint64_t last_time_ms() const override { return 0; }
  Result<bool> next() override { return !std::exchange(done_, true); }
  const StateRow& row() const override { return row_; }
  Result<BytesView> read_value() override {
    const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(left_, piece_.size()));
    left_ -= bytes;
    return BytesView(piece_).substr(0, bytes);
  }

 private:
  std::uint64_t left_;
  bool done_ = false;
  const Bytes piece_ = Bytes(kMiB, 'p');
  StateRow row_ = {.key = "large", .revision = 1};
};

TEST(StateStream, ALargeValuePassesInPieces) {
  constexpr std::uint64_t kBytes = 100 * kMiB + 17;
  OneLargeValue state(kBytes);
  // The stream is put together and taken apart at the same time: a frame is all that exists.
  std::uint64_t frame_bytes_max = 0;
  std::uint64_t written = 0;
  const StateHash hash = must(write_state_stream(state, [&](BytesView frame) {
    frame_bytes_max = std::max<std::uint64_t>(frame_bytes_max, frame.size());
    written += frame.size();
    return Status();
  }));
  EXPECT_LE(frame_bytes_max, kStateFrameBytes + 8);
  EXPECT_GT(written, kBytes);
  OneLargeValue again(kBytes);
  EXPECT_EQ(must(hash_state(again)), hash);
}

}  // namespace
}  // namespace talea
