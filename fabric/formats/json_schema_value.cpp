#include "fabric/formats/json_schema_value.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <boost/multiprecision/cpp_int.hpp>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

#include "fabric/json.hpp"

namespace fabric::formats::jsonschema {
namespace {

namespace bj = boost::json;
using Wide = boost::multiprecision::uint128_t;

constexpr double kTwo64 = 18446744073709551616.0;
constexpr std::uint64_t kTwo53 = std::uint64_t{1} << 53;

std::strong_ordering order(double a, double b) {
  return a < b ? std::strong_ordering::less : b < a ? std::strong_ordering::greater : std::strong_ordering::equal;
}

Wide power_of_ten(unsigned exponent, const Wide& modulus) {
  Wide result = 1, base = 10;
  for (; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = result * base % modulus;
    base = base * base % modulus;
  }
  return result;
}

}  // namespace

Number::Number(const bj::value& value) {
  if (const auto* integer = value.if_int64()) {
    negative_ = *integer < 0;
    magnitude_ = negative_ ? 0 - static_cast<std::uint64_t>(*integer) : static_cast<std::uint64_t>(*integer);
  } else if (const auto* natural = value.if_uint64()) {
    magnitude_ = *natural;
  } else {
    real_ = value.get_double();
    whole_ = std::abs(real_) < kTwo64 && std::trunc(real_) == real_;
    if (!whole_) return;
    negative_ = real_ < 0;
    magnitude_ = static_cast<std::uint64_t>(std::abs(real_));
  }
}

Number Number::of(std::int64_t value) { return Number(bj::value(value)); }

std::strong_ordering operator<=>(const Number& a, const Number& b) {
  if (a.whole_ && b.whole_) {
    if (a.negative_ != b.negative_) return a.negative_ ? std::strong_ordering::less : std::strong_ordering::greater;
    return a.negative_ ? b.magnitude_ <=> a.magnitude_ : a.magnitude_ <=> b.magnitude_;
  }
  if (!a.whole_ && !b.whole_) return order(a.real_, b.real_);
  if (!a.whole_) return 0 <=> (b <=> a);
  // A double that is not whole lies below 2^53, or it is beyond 64 bits: rounding a large integer cannot change the
  // order.
  if (a.magnitude_ >= kTwo53 && std::abs(b.real_) < static_cast<double>(kTwo53))
    return a.negative_ ? std::strong_ordering::less : std::strong_ordering::greater;
  if (std::abs(b.real_) >= kTwo64) return b.real_ > 0 ? std::strong_ordering::less : std::strong_ordering::greater;
  const auto real = static_cast<double>(a.magnitude_);
  return order(a.negative_ ? -real : real, b.real_);
}

Number::Decimal Number::decimal() const {
  Decimal result{magnitude_, 0};
  if (!whole_) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, std::abs(real_), std::chars_format::scientific).ptr;
    const auto* exponent = std::find(text, end, 'e');
    result.mantissa = 0;
    for (const auto* digit = text; digit != exponent; ++digit) {
      if (*digit == '.') continue;
      result.mantissa = result.mantissa * 10 + static_cast<std::uint64_t>(*digit - '0');
      if (digit != text) --result.exponent;
    }
    result.exponent += std::atoi(exponent + 1);
  }
  while (result.mantissa != 0 && result.mantissa % 10 == 0) {
    result.mantissa /= 10;
    ++result.exponent;
  }
  return result;
}

bool Number::is_multiple_of(const Number& divisor) const {
  const auto a = decimal(), b = divisor.decimal();
  if (a.mantissa == 0) return true;
  const int shift = a.exponent - b.exponent;
  if (shift >= 0) return Wide(a.mantissa) * power_of_ten(static_cast<unsigned>(shift), b.mantissa) % b.mantissa == 0;
  // 10^20 and more is beyond every mantissa.
  if (shift <= -20) return false;
  Wide scaled = b.mantissa;
  for (int i = shift; i < 0; ++i) {
    scaled *= 10;
    if (scaled > a.mantissa) return false;
  }
  return Wide(a.mantissa) % scaled == 0;
}

bool Number::is_integer() const noexcept { return whole_ || std::abs(real_) >= kTwo64; }

Number Number::ceiling() const { return is_integer() ? *this : Number(bj::value(std::ceil(real_))); }

Number Number::floor() const { return is_integer() ? *this : Number(bj::value(std::floor(real_))); }

std::optional<Number> Number::next() const {
  auto result = *this;
  if (!whole_ || (!negative_ && magnitude_ == std::numeric_limits<std::uint64_t>::max())) return std::nullopt;
  result.magnitude_ = negative_ ? magnitude_ - 1 : magnitude_ + 1;
  result.negative_ = negative_ && result.magnitude_ != 0;
  return result;
}

std::optional<Number> Number::previous() const {
  auto result = *this;
  if (!whole_ || (negative_ && magnitude_ == std::numeric_limits<std::uint64_t>::max())) return std::nullopt;
  result.negative_ = negative_ || magnitude_ == 0;
  result.magnitude_ = result.negative_ ? magnitude_ + 1 : magnitude_ - 1;
  return result;
}

std::uint64_t Number::as_count() const noexcept {
  return whole_ ? magnitude_ : std::numeric_limits<std::uint64_t>::max();
}

bj::value Number::json() const {
  if (!whole_ || (negative_ && magnitude_ > std::uint64_t{1} << 63))
    return whole_ ? -static_cast<double>(magnitude_) : real_;
  if (negative_) return static_cast<std::int64_t>(0 - magnitude_);
  if (magnitude_ <= std::uint64_t{std::numeric_limits<std::int64_t>::max()})
    return static_cast<std::int64_t>(magnitude_);
  return magnitude_;
}

std::string Number::text() const { return json::print(json()); }

bj::value normal_form(const bj::value& value) {
  return json::sorted(value, [](const bj::value& leaf) {
    const bool finite = !leaf.is_double() || std::isfinite(leaf.get_double());
    return leaf.is_number() && finite ? Number(leaf).json() : leaf;
  });
}

bool equal(const bj::value& a, const bj::value& b) {
  if (a.is_number() && b.is_number()) return Number(a) == Number(b);
  if (a.kind() != b.kind()) return false;
  if (const auto* array = a.if_array())
    return std::equal(array->begin(), array->end(), b.get_array().begin(), b.get_array().end(), equal);
  const auto* object = a.if_object();
  if (object == nullptr) return a == b;
  if (object->size() != b.get_object().size()) return false;
  return std::all_of(object->begin(), object->end(), [&](const auto& pair) {
    const auto* other = b.get_object().if_contains(pair.key());
    return other != nullptr && equal(pair.value(), *other);
  });
}

std::size_t find_oversized_number(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') {
      for (++at; at < text.size() && text[at] != '"'; ++at)
        if (text[at] == '\\') ++at;
    } else if (text[at] == '-' || (text[at] >= '0' && text[at] <= '9')) {
      const auto end = std::min(text.find_first_not_of("+-.0123456789eE", at), text.size());
      const auto number = text.substr(at, end - at);
      const auto digits = number.substr(number[0] == '-' ? 1 : 0);
      std::uint64_t magnitude = 0;
      double real = 0;
      if (digits.find_first_of(".eE") == std::string_view::npos) {
        const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), magnitude);
        if (read.ec != std::errc{} || (number[0] == '-' && magnitude > std::uint64_t{1} << 63)) return at;
      } else if (std::from_chars(digits.data(), digits.data() + digits.size(), real).ec ==
                     std::errc::result_out_of_range &&
                 std::strtod(std::string(digits).c_str(), nullptr) != 0) {  // too small is zero
        return at;
      }
      at = end - 1;
    }
  }
  return std::string_view::npos;
}

std::size_t code_points(std::string_view utf8) noexcept {
  return static_cast<std::size_t>(std::count_if(
      utf8.begin(), utf8.end(), [](char byte) { return (static_cast<unsigned char>(byte) & 0xc0) != 0x80; }));
}

std::string pointer_token(std::string_view key) {
  std::string result = "/";
  for (const char letter : key) {
    if (letter == '~')
      result += "~0";
    else if (letter == '/')
      result += "~1";
    else
      result += letter;
  }
  return result;
}

}  // namespace fabric::formats::jsonschema
