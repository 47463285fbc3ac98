#include "codec/json_number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include "base/assert.h"
#include "talea/limits.h"

namespace talea::internal {
namespace {

// The shortest digits that come back, and where the point is: 0.d1d2d3... * 10^(exponent + 1).
struct Digits {
  bool negative = false;
  std::array<char, 24> digits{};
  std::size_t count = 0;
  int exponent = 0;  // of the first digit

  std::string_view view() const { return {digits.data(), count}; }
};

Digits shortest_digits(double value) {
  std::array<char, 40> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific);
  TALEA_ASSERT(end.ec == std::errc());
  Digits digits;
  const char* at = text.data();
  if (*at == '-') {
    digits.negative = true;
    ++at;
  }
  for (; *at != 'e'; ++at) {
    if (*at != '.') digits.digits[digits.count++] = *at;
  }
  ++at;
  if (*at == '+') ++at;
  const auto exponent = std::from_chars(at, end.ptr, digits.exponent);
  TALEA_ASSERT(exponent.ec == std::errc());
  return digits;
}

void append_with_exponent(Bytes& out, const Digits& digits, std::size_t exponent_digits_min) {
  out += digits.view().front();
  if (digits.count > 1) {
    out += '.';
    out += digits.view().substr(1);
  }
  out += digits.exponent < 0 ? "e-" : "e+";
  const std::string exponent =
      std::to_string(digits.exponent < 0 ? -digits.exponent : digits.exponent);
  if (exponent.size() < exponent_digits_min) {
    out.append(exponent_digits_min - exponent.size(), '0');
  }
  out += exponent;
}

// Whether there was a fraction.
bool append_fixed_point(Bytes& out, const Digits& digits) {
  if (digits.exponent < 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-digits.exponent - 1), '0');
    out += digits.view();
    return true;
  }
  const std::size_t whole = static_cast<std::size_t>(digits.exponent) + 1;
  out += digits.view().substr(0, std::min(whole, digits.count));
  if (whole >= digits.count) {
    out.append(whole - digits.count, '0');
    return false;
  }
  out += '.';
  out += digits.view().substr(whole);
  return true;
}

void append_python_double(Bytes& out, double value) {
  const Digits digits = shortest_digits(value);
  if (digits.negative) out += '-';
  if (digits.exponent < -4 || digits.exponent >= 16) {
    append_with_exponent(out, digits, 2);
  } else if (!append_fixed_point(out, digits)) {
    out += ".0";
  }
}

void append_typescript_double(Bytes& out, double value) {
  if (value == 0) {
    out += '0';  // without the sign of -0
    return;
  }
  const Digits digits = shortest_digits(value);
  if (digits.negative) out += '-';
  if (digits.exponent < -6 || digits.exponent >= 21) {
    append_with_exponent(out, digits, 1);
  } else {
    append_fixed_point(out, digits);
  }
}

// Of a number that is out of the range of doubles: whether it is too large, and not too small.
bool is_too_large(std::string_view number) {
  const std::size_t e = std::min(number.find_first_of("eE"), number.size());
  const std::size_t point = std::min(number.find('.'), e);
  const std::size_t first = number.find_first_of("123456789");
  if (first >= e) return false;
  const auto distance = [](std::size_t a, std::size_t b) {
    return static_cast<std::int64_t>(a) - static_cast<std::int64_t>(b);
  };
  const std::int64_t places = first < point ? distance(point, first) - 1 : distance(point, first);
  std::string_view exponent = number.substr(std::min(e + 1, number.size()));
  if (exponent.starts_with('+')) exponent.remove_prefix(1);
  std::int64_t shift = 0;
  const auto end = std::from_chars(exponent.data(), exponent.data() + exponent.size(), shift);
  if (end.ec == std::errc::result_out_of_range) return exponent.front() != '-';
  return places + shift > 0;
}

// Nothing: too large.
std::optional<double> to_double(std::string_view number) {
  double value = 0;
  const auto end = std::from_chars(number.data(), number.data() + number.size(), value);
  if (end.ec == std::errc()) return value;
  if (is_too_large(number)) return std::nullopt;
  return number.front() == '-' ? -0.0 : 0.0;
}

Status too_large(std::string_view number) {
  constexpr std::size_t kShownMax = 40;
  return Status::invalid_argument("the number " + std::string(number.substr(0, kShownMax)) +
                                  " is beyond the range of doubles");
}

Status check_digits(std::string_view integer) {
  const std::size_t digits = integer.size() - (integer.front() == '-' ? 1 : 0);
  if (digits <= kJsonIntegerDigitsMax) return {};
  return Status::invalid_argument("an integer of " + std::to_string(digits) + " digits; up to " +
                                  std::to_string(kJsonIntegerDigitsMax) + " are read");
}

}  // namespace

Status append_json_number(Bytes& out, std::string_view number, JsonForm form, bool refuse_loss) {
  const bool is_integer = number.find_first_of(".eE") == std::string_view::npos;
  if (is_integer) {
    TALEA_TRY(check_digits(number));
    if (number == "-0") number = "0";
    if (form == JsonForm::python) {
      out += number;
      return {};
    }
  }
  const std::optional<double> value = to_double(number);
  if (!value) return too_large(number);
  const std::size_t begin = out.size();
  if (form == JsonForm::python) {
    append_python_double(out, *value);
    return {};
  }
  append_typescript_double(out, *value);
  if (refuse_loss && is_integer && BytesView(out).substr(begin) != number) {
    return Status::invalid_argument("the integer " + std::string(number) + " would become " +
                                    out.substr(begin) +
                                    " in the typescript form, which has doubles only; give it as "
                                    "a string");
  }
  return {};
}

}  // namespace talea::internal
