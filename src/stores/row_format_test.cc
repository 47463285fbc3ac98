// The rows as bytes: what is written, and what is not believed.
#include "stores/row_format.h"

#include <gtest/gtest.h>

#include "codec/crc32c.h"
#include "codec/fixed.h"
#include "talea/limits.h"

namespace talea {
namespace {

TEST(RowFormat, PlacesAreInTheOrderOfSpaceAndKey) {
  std::vector<Bytes> places = {Bytes(kHeadKey)};
  for (const std::uint32_t space : {0U, 1U, 255U, 256U, 70'000U, UINT32_MAX}) {
    places.push_back(place_of(Space{space}, {}));  // below all of the space
    for (const char* key : {"\x01", "a", "a\x01", "b", "\xff"}) {
      places.push_back(place_of(Space{space}, key));
    }
    if (space == 0 || space == 255 || space == UINT32_MAX) continue;  // the next one's lowest
    places.push_back(end_of_space(Space{space}));
  }
  places.push_back(end_of_space(Space{UINT32_MAX}));
  places.push_back(encode_due({1, Space{5}, "z"}));
  places.push_back(encode_due({256, Space{4}, "z"}));
  places.push_back(encode_due({256, Space{5}, "a"}));
  for (std::size_t i = 1; i < places.size(); ++i) EXPECT_LT(places[i - 1], places[i]) << i;
  EXPECT_EQ(end_of_space(Space{255}), place_of(Space{256}, {}));
}

TEST(RowFormat, WhatIsWrittenIsReadBack) {
  const Bytes place = place_of(Space{70'000}, "key");
  EXPECT_EQ(decode_place(place)->space, Space{70'000});
  EXPECT_EQ(decode_place(place)->key, "key");
  const Bytes due = encode_due({kExpiryMsMax, Space{UINT32_MAX}, "key"});
  EXPECT_EQ(decode_due(due)->expiry_ms, kExpiryMsMax);
  EXPECT_EQ(decode_due(due)->space, Space{UINT32_MAX});
  EXPECT_EQ(decode_due(due)->key, "key");
  const Bytes value = encode_value({7, 8, 9, "value"});
  EXPECT_EQ(decode_value(value)->revision, 7U);
  EXPECT_EQ(decode_value(value)->time_ms, 8U);
  EXPECT_EQ(decode_value(value)->expiry_ms, 9U);
  EXPECT_EQ(decode_value(value)->value, "value");
  const StoreHead head = decode_head(encode_head({kSequenceMax, 12})).value();
  EXPECT_EQ(head.last_sequence, kSequenceMax);
  EXPECT_EQ(head.last_time_ms, 12U);
}

TEST(RowFormat, NonsenseIsNoRow) {
  EXPECT_FALSE(decode_place({}));
  EXPECT_FALSE(decode_place(place_of(Space{5}, {}))) << "the empty key";
  EXPECT_FALSE(decode_place(place_of(Space{5}, Bytes(kKeyBytesMax + 1, 'k'))));
  EXPECT_FALSE(decode_place(place_of(Space{5}, "key").substr(0, 4)));
  EXPECT_FALSE(decode_place(encode_due({1, Space{5}, "key"})));
  EXPECT_FALSE(decode_due({}));
  EXPECT_FALSE(decode_due(encode_due({1, Space{5}, {}})));
  EXPECT_FALSE(decode_due(encode_due({1, Space{5}, "key"}).substr(0, 12)));
  EXPECT_FALSE(decode_due(place_of(Space{5}, "a key that is long enough")));
  const Bytes value = encode_value({7, 8, 9, ""});
  EXPECT_TRUE(decode_value(value));
  EXPECT_FALSE(decode_value(value.substr(0, 23)));
  EXPECT_FALSE(decode_value(encode_value({0, 8, 9, ""})));
  EXPECT_FALSE(decode_value(encode_value({kSequenceMax + 1, 8, 9, ""})));
  EXPECT_FALSE(decode_value(encode_value({7, 8, kExpiryMsMax + 1, ""})));
}

// A head with other bytes at `offset`, and a check that is right.
Bytes changed_head(std::size_t offset, const Bytes& to) {
  Bytes head = encode_head({5, 6});
  head.replace(offset, to.size(), to);
  head.resize(36);
  append_fixed(head, crc32c(0, head));
  return head;
}

TEST(RowFormat, AHeadIsCheckedBeforeItIsBelieved) {
  const Bytes head = encode_head({5, 6});
  for (std::size_t bytes = 0; bytes < head.size(); ++bytes) {
    EXPECT_EQ(decode_head(head.substr(0, bytes)).status().code(), Code::corruption);
  }
  EXPECT_EQ(decode_head(head + "x").status().code(), Code::corruption);
  for (std::size_t bit = 0; bit < 8 * head.size(); ++bit) {
    Bytes flipped = head;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    EXPECT_EQ(decode_head(flipped).status().code(), Code::corruption) << "bit " << bit;
  }
  EXPECT_EQ(decode_head(changed_head(8, "\2")).status().code(), Code::unsupported);
  const Status feature = decode_head(changed_head(12, "\4")).status();
  EXPECT_EQ(feature.code(), Code::unsupported);
  EXPECT_NE(feature.message().find("encryption"), std::string_view::npos) << feature.message();
  EXPECT_EQ(decode_head(changed_head(10, "\1")).status().code(), Code::corruption);
  EXPECT_EQ(decode_head(changed_head(32, "\1")).status().code(), Code::corruption);
  EXPECT_EQ(decode_head(changed_head(23, "\x80")).status().code(), Code::corruption)
      << "beyond the last sequence there can be";
}

}  // namespace
}  // namespace talea
