// One pass over the text, which prints as it reads. An object's members are printed behind each
// other, each with a comma behind it; what is not in order then is put in order where it lies.
#include "codec/canonical_json.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_set>

#include "base/assert.h"
#include "codec/json_number.h"
#include "codec/utf8.h"
#include "talea/limits.h"

namespace talea {
namespace {

// Characters as each form compares them: code points, or UTF-16 units.
using SortName = std::u32string;

constexpr char32_t kSurrogateFirst = 0xd800;
constexpr char32_t kLowSurrogateFirst = 0xdc00;
constexpr char32_t kSurrogateLast = 0xdfff;
constexpr char32_t kAstralFirst = 0x10000;

bool is_surrogate(char32_t c) { return c >= kSurrogateFirst && c <= kSurrogateLast; }
bool is_high_surrogate(char32_t c) { return c >= kSurrogateFirst && c < kLowSurrogateFirst; }
bool is_low_surrogate(char32_t c) { return c >= kLowSurrogateFirst && c <= kSurrogateLast; }

char32_t high_half(char32_t c) { return kSurrogateFirst + ((c - kAstralFirst) >> 10); }
char32_t low_half(char32_t c) { return kLowSurrogateFirst + ((c - kAstralFirst) & 0x3ff); }

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(Bytes& out, char32_t c) {
  const auto append = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    append(c);
  } else if (c < 0x800) {
    append(0xc0 | (c >> 6));
    append(0x80 | (c & 0x3f));
  } else if (c < kAstralFirst) {
    append(0xe0 | (c >> 12));
    append(0x80 | ((c >> 6) & 0x3f));
    append(0x80 | (c & 0x3f));
  } else {
    append(0xf0 | (c >> 18));
    append(0x80 | ((c >> 12) & 0x3f));
    append(0x80 | ((c >> 6) & 0x3f));
    append(0x80 | (c & 0x3f));
  }
}

void append_hex_escape(Bytes& out, char32_t unit) {
  constexpr BytesView kDigits = "0123456789abcdef";
  out += "\\u";
  for (unsigned shift = 16; shift > 0;) {
    shift -= 4;
    out += kDigits[(unit >> shift) & 0xf];
  }
}

void append_control(Bytes& out, char32_t c) {
  switch (c) {
    case '\b': out += "\\b"; return;
    case '\t': out += "\\t"; return;
    case '\n': out += "\\n"; return;
    case '\f': out += "\\f"; return;
    case '\r': out += "\\r"; return;
    default: append_hex_escape(out, c);
  }
}

void append_character(Bytes& out, char32_t c, JsonForm form) {
  if (c == '"' || c == '\\') {
    out += '\\';
    out += static_cast<char>(c);
  } else if (c < 0x20) {
    append_control(out, c);
  } else if (c < 0x7f || (c == 0x7f && form != JsonForm::python)) {
    out += static_cast<char>(c);
  } else if (form == JsonForm::typescript_raw && !is_surrogate(c)) {
    append_utf8(out, c);
  } else if (c >= kAstralFirst) {
    append_hex_escape(out, high_half(c));
    append_hex_escape(out, low_half(c));
  } else {
    append_hex_escape(out, c);
  }
}

// The number that `name` is, as JavaScript's objects order their members.
std::optional<std::uint64_t> array_index(const SortName& name) {
  constexpr std::uint64_t kArrayIndexMax = 4'294'967'294;
  constexpr std::size_t kDigitsMax = 10;
  if (name.empty() || name.size() > kDigitsMax || (name[0] == '0' && name.size() > 1)) return {};
  std::uint64_t value = 0;
  for (const char32_t c : name) {
    if (c < '0' || c > '9') return {};
    value = value * 10 + (c - '0');
  }
  if (value > kArrayIndexMax) return {};
  return value;
}

bool comes_before(const SortName& a, const SortName& b, JsonForm form) {
  if (form == JsonForm::python) return a < b;
  const auto index_a = array_index(a);
  const auto index_b = array_index(b);
  if (index_a && index_b) return *index_a < *index_b;
  if (index_a || index_b) return index_a.has_value();
  return a < b;
}

// Reads JSON, and prints it when it was given where to. Every function leaves `at_` behind what it
// read. It recurses, at most kJsonDepthMax deep.
class Walker {
 public:
  Walker(BytesView text, JsonForm form, const JsonReading& reading, Bytes* out)
      : text_(text), form_(form), reading_(reading), out_(out) {}

  std::size_t at() const { return at_; }
  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }

  void skip_space() {
    while (!at_end() && is_space(text_[at_])) ++at_;
  }

  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Status fail(std::string_view what) const {
    return Status::invalid_argument("not JSON: " + std::string(what) + " at offset " +
                                    std::to_string(at_));
  }

  Status value() {
    switch (peek()) {
      case '{': return object();
      case '[': return array();
      case '"': return string([&](char32_t c) { print(c); });
      default: return scalar();
    }
  }

  // Calls `each` with every character; halves of surrogate pairs come alone where they stand alone.
  template <typename Each>
  Status string(Each each) {
    if (!take('"')) return fail("no string");
    if (out_ != nullptr) *out_ += '"';
    while (true) {
      if (at_end()) return fail("a string without an end");
      const char c = text_[at_];
      if (c == '"') break;
      if (c == '\\') {
        each(TALEA_TRY(escape()));
        continue;
      }
      if (static_cast<unsigned char>(c) < 0x20) return fail("a control character in a string");
      const Utf8Character read = read_utf8(text_.substr(at_));
      if (read.length == 0) return fail("not UTF-8");
      at_ += read.length;
      each(read.character);
    }
    ++at_;
    if (out_ != nullptr) *out_ += '"';
    return {};
  }

 private:
  struct Member {
    SortName name;
    std::size_t begin;
    std::size_t end;  // behind its comma
  };

  void print(char32_t c) {
    if (out_ != nullptr) append_character(*out_, c, form_);
  }

  Result<char32_t> hex_unit() {
    constexpr std::size_t kHexDigits = 4;
    const BytesView digits = text_.substr(at_, kHexDigits);
    std::uint32_t unit = 0;
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
    const bool whole = digits.size() == kHexDigits && end.ptr == digits.data() + digits.size();
    if (!whole || digits.front() == '-') return fail("\\u without four digits");
    at_ += kHexDigits;
    return static_cast<char32_t>(unit);
  }

  Result<char32_t> escape() {
    ++at_;
    const char c = peek();
    ++at_;
    switch (c) {
      case '"': return U'"';
      case '\\': return U'\\';
      case '/': return U'/';
      case 'b': return U'\b';
      case 'f': return U'\f';
      case 'n': return U'\n';
      case 'r': return U'\r';
      case 't': return U'\t';
      case 'u': break;
      default: --at_; return fail("an unknown escape");
    }
    const char32_t unit = TALEA_TRY(hex_unit());
    if (!is_high_surrogate(unit) || text_.substr(at_, 2) != "\\u") return unit;
    const std::size_t second_half = at_;
    at_ += 2;
    const char32_t low = TALEA_TRY(hex_unit());
    if (is_low_surrogate(low)) {
      return kAstralFirst + ((unit - kSurrogateFirst) << 10) + (low - kLowSurrogateFirst);
    }
    at_ = second_half;
    return unit;
  }

  Status enter() {
    if (++depth_ <= kJsonDepthMax) return {};
    return fail("arrays and objects more than " + std::to_string(kJsonDepthMax) + " deep");
  }

  Status array() {
    TALEA_TRY(enter());
    ++at_;
    if (out_ != nullptr) *out_ += '[';
    skip_space();
    if (!take(']')) {
      while (true) {
        TALEA_TRY(value());
        skip_space();
        if (take(']')) break;
        if (!take(',')) return fail("neither a comma nor the end of an array");
        if (out_ != nullptr) *out_ += ',';
        skip_space();
      }
    }
    if (out_ != nullptr) *out_ += ']';
    --depth_;
    return {};
  }

  Status object() {
    TALEA_TRY(enter());
    ++at_;
    if (out_ != nullptr) *out_ += '{';
    std::vector<Member> members;
    skip_space();
    if (!take('}')) {
      while (true) {
        TALEA_TRY(member(members));
        skip_space();
        if (take('}')) break;
        if (!take(',')) return fail("neither a comma nor the end of an object");
        skip_space();
      }
    }
    --depth_;
    return finish_object(members);
  }

  Status member(std::vector<Member>& members) {
    const std::size_t begin = out_ == nullptr ? 0 : out_->size();
    SortName name;
    TALEA_TRY(string([&](char32_t c) {
      print(c);
      if (out_ != nullptr) append_name(name, c);
    }));
    skip_space();
    if (!take(':')) return fail("no colon behind a name");
    if (out_ != nullptr) *out_ += ':';
    skip_space();
    TALEA_TRY(value());
    if (out_ == nullptr) return {};
    if (form_ != JsonForm::python && name == U"__proto__") {
      if (reading_.refuse_loss) return fail("a member __proto__, which TypeScript loses,");
      out_->resize(begin);
      return {};
    }
    *out_ += ',';
    members.push_back({std::move(name), begin, out_->size()});
    return {};
  }

  void append_name(SortName& name, char32_t c) const {
    if (form_ == JsonForm::python || c < kAstralFirst) {
      name += c;
    } else {
      name += high_half(c);
      name += low_half(c);
    }
  }

  Status finish_object(std::vector<Member>& members) {
    if (out_ == nullptr) return {};
    if (members.empty()) {
      *out_ += '}';
      return {};
    }
    const auto before = [&](const Member& a, const Member& b) {
      return comes_before(a.name, b.name, form_);
    };
    if (!std::is_sorted(members.begin(), members.end(), before)) {
      const std::size_t begin = members.front().begin;
      std::sort(members.begin(), members.end(), before);
      Bytes sorted;
      sorted.reserve(out_->size() - begin);
      for (const Member& member : members) {
        sorted.append(*out_, member.begin, member.end - member.begin);
      }
      out_->replace(begin, Bytes::npos, sorted);
    }
    const auto twice =
        std::adjacent_find(members.begin(), members.end(),
                           [](const Member& a, const Member& b) { return a.name == b.name; });
    if (twice != members.end()) return fail("a member twice in the object that ends");
    out_->back() = '}';
    return {};
  }

  Status scalar() {
    for (const BytesView word : {BytesView("true"), BytesView("false"), BytesView("null")}) {
      if (take_word(word)) {
        if (out_ != nullptr) *out_ += word;
        return {};
      }
    }
    for (const BytesView word : {BytesView("NaN"), BytesView("Infinity"), BytesView("-Infinity")}) {
      if (!take_word(word)) continue;
      if (!reading_.allow_nan) {
        at_ -= word.size();
        return fail(std::string(word) + ", which JSON does not have,");
      }
      if (out_ != nullptr) *out_ += form_ == JsonForm::python ? word : BytesView("null");
      return {};
    }
    return number();
  }

  bool take_word(BytesView word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  std::size_t skip_digits() {
    const std::size_t begin = at_;
    while (is_digit(peek())) ++at_;
    return at_ - begin;
  }

  Status number() {
    const std::size_t begin = at_;
    take('-');
    if (!take('0') && skip_digits() == 0) return fail("no value");
    if (take('.') && skip_digits() == 0) return fail("no digit behind a point");
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      if (skip_digits() == 0) return fail("no digit in an exponent");
    }
    if (out_ == nullptr) return {};
    Status status = internal::append_json_number(*out_, text_.substr(begin, at_ - begin), form_,
                                                 reading_.refuse_loss);
    if (status.ok()) return {};
    return std::move(status).with_context("offset " + std::to_string(begin));
  }

  const BytesView text_;
  const JsonForm form_;
  const JsonReading reading_;
  Bytes* const out_;
  std::size_t at_ = 0;
  std::uint32_t depth_ = 0;
};

}  // namespace

Result<Bytes> canonical_json(BytesView json, JsonForm form, const JsonReading& reading) {
  Bytes out;
  out.reserve(json.size());
  Walker walker(json, form, reading, &out);
  walker.skip_space();
  TALEA_TRY(walker.value());
  walker.skip_space();
  if (!walker.at_end()) return walker.fail("more behind the value");
  return out;
}

Result<Bytes> canonical_json_string(BytesView text, JsonForm form) {
  Bytes out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Character read = read_utf8(text.substr(at));
    if (read.length == 0) {
      return Status::invalid_argument("not UTF-8 at offset " + std::to_string(at));
    }
    append_character(out, read.character, form);
    at += read.length;
  }
  out += '"';
  return out;
}

Result<std::vector<JsonMember>> scan_json_object(BytesView json) {
  Walker walker(json, JsonForm::python, {.allow_nan = true}, nullptr);
  walker.skip_space();
  if (!walker.take('{')) return walker.fail("no object");
  std::vector<JsonMember> members;
  std::unordered_set<std::string> names;
  walker.skip_space();
  bool ended = walker.take('}');
  while (!ended) {
    const std::size_t name_at = walker.at();
    TALEA_TRY(walker.string([](char32_t) {}));
    std::string name = TALEA_TRY(parse_json_string(json.substr(name_at, walker.at() - name_at)));
    if (!names.insert(name).second) return walker.fail("a member twice");
    walker.skip_space();
    if (!walker.take(':')) return walker.fail("no colon behind a name");
    walker.skip_space();
    const std::size_t begin = walker.at();
    TALEA_TRY(walker.value());
    members.push_back({std::move(name), json.substr(begin, walker.at() - begin)});
    walker.skip_space();
    ended = walker.take('}');
    if (!ended && !walker.take(',')) {
      return walker.fail("neither a comma nor the end of an object");
    }
    walker.skip_space();
  }
  walker.skip_space();
  if (!walker.at_end()) return walker.fail("more behind the object");
  return members;
}

Result<std::string> parse_json_string(BytesView json) {
  std::string text;
  bool torn = false;
  Walker walker(json, JsonForm::python, {}, nullptr);
  TALEA_TRY(walker.string([&](char32_t c) {
    if (is_surrogate(c)) torn = true;
    append_utf8(text, c);
  }));
  if (!walker.at_end()) return walker.fail("more behind the string");
  if (torn) return walker.fail("half of a surrogate pair before the end");
  return text;
}

Result<std::int64_t> parse_json_integer(BytesView json) {
  std::int64_t value = 0;
  const auto end = std::from_chars(json.data(), json.data() + json.size(), value);
  const std::size_t first = json.starts_with('-') ? 1 : 0;
  const bool padded = json.size() > first + 1 && json[first] == '0';
  if (json.empty() || end.ec != std::errc() || end.ptr != json.data() + json.size() || padded) {
    return Status::invalid_argument("not an integer of 64 bits");
  }
  return value;
}

}  // namespace talea
