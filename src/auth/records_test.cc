// Every record comes back as it was, and no bytes whatever do harm.
#include "auth/records.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/random.h"
#include "codec/fixed.h"
#include "tests/support/test_directory.h"

namespace talea {
namespace {

AuthId id_of(unsigned char fill) {
  AuthId id;
  id.bytes.fill(fill);
  return id;
}

UserRecord a_user() {
  return {.id = id_of(1),
          .created_ms = 2,
          .password_changed_ms = 3,
          .name = "Alice",
          .password_hash = "hash",
          .sealed_metadata = "sealed"};
}

ApiKeyRecord a_key() {
  ApiKeyRecord record{.id = id_of(1),
                      .owner = id_of(2),
                      .created_ms = 3,
                      .expires_ms = 4,
                      .label = "label",
                      .scopes = {"read", "write"},
                      .sealed_metadata = "sealed"};
  record.token_hash.fill(5);
  return record;
}

// One of each kind: its key, its value, and its decoder, which says what it found.
struct Sample {
  Bytes key;
  Bytes value;
  std::function<Status(BytesView key, BytesView value)> decode;
};

template <typename Record>
Sample sample(const Bytes& key, const Record& record,
              Result<Record> (*decode)(BytesView, BytesView)) {
  return {key, encode(record), [record, decode](BytesView at, BytesView value) -> Status {
            const Record read = TALEA_TRY(decode(at, value));
            // What decodes at all is what was encoded: one record has one form.
            EXPECT_EQ(encode(read), value);
            if (!(read == record)) return Status::cancelled("another record");
            return {};
          }};
}

std::vector<Sample> samples() {
  UserRecord plain_user = a_user();
  plain_user.sealed_metadata.clear();
  ApiKeyRecord plain_key = a_key();
  plain_key.sealed_metadata.clear();
  plain_key.scopes.clear();
  plain_key.label.clear();
  plain_key.owner = {};
  const AuthId id = id_of(1);
  return {
      sample<NameRecord>(key_of_name("alice"), {id}, decode_name),
      sample(key_of(AuthKind::user, id), a_user(), decode_user),
      sample(key_of(AuthKind::user, id), plain_user, decode_user),
      sample<FailuresRecord>(key_of(AuthKind::failures, id), {id, 3, 4, 5}, decode_failures),
      sample<FailuresRecord>(key_of_nobody(63), {AuthId(), 3, 0, 5}, decode_failures),
      sample<SeenRecord>(key_of(AuthKind::login_seen, id), {AuthKind::login_seen, id, 7},
                         decode_seen),
      sample<SeenRecord>(key_of(AuthKind::api_key_seen, id), {AuthKind::api_key_seen, id, 7},
                         decode_seen),
      sample<KeyListRecord>(key_of(AuthKind::key_list, id), {id, {id_of(2), id_of(3)}},
                            decode_key_list),
      sample(key_of(AuthKind::api_key, id), a_key(), decode_api_key),
      sample(key_of(AuthKind::api_key, id), plain_key, decode_api_key),
  };
}

TEST(AuthRecords, ComeBackAsTheyWere) {
  for (const Sample& sample : samples()) {
    const Status read = sample.decode(sample.key, sample.value);
    EXPECT_TRUE(read.ok()) << sample.key.front() << ": " << read.to_string();
  }
}

TEST(AuthRecords, OfAnotherKeyAreRefused) {
  for (const Sample& sample : samples()) {
    if (sample.key.front() == 'n') continue;  // compared with its user by who reads it
    Bytes other = sample.key;
    if (sample.key.front() == 'x') other = key_of(AuthKind::failures, id_of(1));
    other.back() = static_cast<char>(other.back() ^ 1);
    EXPECT_EQ(sample.decode(other, sample.value).code(), Code::corruption) << sample.key.front();
  }
}

TEST(AuthRecords, CutOrLongerAreRefused) {
  for (const Sample& sample : samples()) {
    const bool has_metadata = sample.value.ends_with("sealed");
    for (std::size_t cut = 0; cut < sample.value.size(); ++cut) {
      const Status read = sample.decode(sample.key, BytesView(sample.value).substr(0, cut));
      // An envelope goes up to the end, and knows itself whether it is whole.
      const bool is_in_metadata = has_metadata && cut > sample.value.size() - 6;
      // A list of two keys that is cut behind the first is a list.
      const bool is_list = sample.key.front() == 'o' && cut == sample.value.size() - 16;
      EXPECT_EQ(read.code(), is_in_metadata || is_list ? Code::cancelled : Code::corruption)
          << sample.key.front() << " cut at " << cut;
    }
    EXPECT_EQ(sample.decode(sample.key, sample.value + "x").code(),
              has_metadata ? Code::cancelled : Code::corruption);
  }
}

TEST(AuthRecords, OfOtherVersionsOrWithUnknownFlagsAreUnsupported) {
  for (const Sample& sample : samples()) {
    Bytes changed = sample.value;
    changed[1] = 2;
    EXPECT_EQ(sample.decode(sample.key, changed).code(), Code::unsupported);
    for (int bit = 1; bit < 16; ++bit) {
      changed = sample.value;
      store_fixed(changed.data() + 2, static_cast<std::uint16_t>(1U << bit));
      EXPECT_EQ(sample.decode(sample.key, changed).code(), Code::unsupported) << bit;
    }
    changed = sample.value;
    changed[0] = '?';
    EXPECT_EQ(sample.decode(sample.key, changed).code(), Code::corruption);
  }
}

TEST(AuthRecords, NonsenseInsideIsRefused) {
  const AuthId id = id_of(1);
  KeyListRecord list{id, {id_of(2), id_of(3)}};
  Bytes twice = encode(list);
  twice.replace(twice.size() - 16, 16, twice.substr(twice.size() - 32, 16));
  EXPECT_EQ(decode_key_list(key_of(AuthKind::key_list, id), twice).status().code(),
            Code::corruption);
  const Bytes none = twice.substr(0, twice.size() - 32);
  EXPECT_EQ(decode_key_list(key_of(AuthKind::key_list, id), none).status().code(),
            Code::corruption);

  FailuresRecord failures{id, 1, 0, 0};
  Bytes no_attempts = encode(failures);
  no_attempts[20] = 0;
  EXPECT_EQ(decode_failures(key_of(AuthKind::failures, id), no_attempts).status().code(),
            Code::corruption);

  UserRecord user = a_user();
  user.name = "\xff\xff";
  EXPECT_EQ(decode_user(key_of(AuthKind::user, id), encode(user)).status().code(),
            Code::corruption);
  ApiKeyRecord key = a_key();
  key.scopes = {"\n"};
  EXPECT_EQ(decode_api_key(key_of(AuthKind::api_key, id), encode(key)).status().code(),
            Code::corruption);
}

// Bits flipped, ranges overwritten, and nothing but noise: read or refused, and read to one form.
TEST(AuthRecords, ArbitraryBytesAreReadOrRefused) {
  SeededRandom random(test_seed());
  int read = 0;
  int refused = 0;
  for (const Sample& sample : samples()) {
    for (int round = 0; round < 4000; ++round) {
      Bytes value = sample.value;
      if (round % 4 == 0) value.resize(random.next_u64() % 300);
      const std::uint64_t changes = 1 + random.next_u64() % 8;
      for (std::uint64_t i = 0; i < changes && !value.empty(); ++i) {
        const std::size_t at = random.next_u64() % value.size();
        value[at] = static_cast<char>(round % 2 == 0 ? random.next_u64()
                                                     : static_cast<unsigned char>(value[at]) ^
                                                           1U << random.next_u64() % 8);
      }
      const Code code = sample.decode(sample.key, value).code();
      ASSERT_TRUE(code == Code::ok || code == Code::cancelled || code == Code::corruption ||
                  code == Code::unsupported);
      ++(code == Code::ok || code == Code::cancelled ? read : refused);
    }
  }
  EXPECT_GT(read, 100);
  EXPECT_GT(refused, 100);
}

TEST(AuthRecords, SlotsOfNobodyAreSpread) {
  EXPECT_EQ(slot_of_name(""), 0xcbf29ce484222325 & 63);
  EXPECT_EQ(slot_of_name("foobar"), 0x85944171f73967e8 & 63);  // published vector of FNV-1a
  std::array<int, 64> counts{};
  for (int i = 0; i < 6400; ++i) ++counts.at(slot_of_name("name" + std::to_string(i)));
  for (const int count : counts) EXPECT_GT(count, 20);
}

}  // namespace
}  // namespace talea
