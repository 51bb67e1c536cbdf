#pragma once
// JSON values as JSON Schema sees them: 1, 1.0 and 1e0 are one number, the order of keys means nothing. Pure functions,
// thread-safe.
//
// Numbers are what Boost.JSON holds: 64-bit integers, else doubles. A double stands for its shortest decimal text (0.1
// is one tenth), as whoever wrote it meant it; a whole one below 2^64 for its exact value. So comparing and dividing
// are exact.

#include <boost/json/value.hpp>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fabric::formats::jsonschema {

class Number {
 public:
  // `value` has to be a finite number.
  explicit Number(const boost::json::value& value);
  static Number of(std::int64_t value);

  friend std::strong_ordering operator<=>(const Number& a, const Number& b);
  friend bool operator==(const Number& a, const Number& b) { return (a <=> b) == 0; }
  // 1.0 and 1e300 are integers as well.
  bool is_integer() const noexcept;
  bool is_positive() const noexcept { return whole_ ? !negative_ && magnitude_ != 0 : real_ > 0; }
  // Whether it is `divisor` times a whole number. `divisor` has to be positive.
  bool is_multiple_of(const Number& divisor) const;
  // The nearest whole number that is not below, not above it; of one beyond 64 bits: itself.
  Number ceiling() const;
  Number floor() const;
  // The next whole number above, below a whole one; nullopt at the end of 64 bits, and for one that is not whole.
  std::optional<Number> next() const;
  std::optional<Number> previous() const;
  std::uint64_t as_count() const noexcept;  // of a whole number that is not negative; saturates
  std::string text() const;
  boost::json::value json() const;  // the shortest form: whole numbers below 2^64 without a fraction

 private:
  Number() = default;
  struct Decimal {  // mantissa * 10^exponent
    std::uint64_t mantissa = 0;
    int exponent = 0;
  };
  Decimal decimal() const;

  bool whole_ = true;  // and below 2^64: magnitude_ and negative_; else real_
  bool negative_ = false;
  std::uint64_t magnitude_ = 0;
  double real_ = 0;
};

// The value in its normal form: numbers as Number::json(), keys in byte order. Equal values have equal normal forms,
// which print equally.
boost::json::value normal_form(const boost::json::value& value);
bool equal(const boost::json::value& a, const boost::json::value& b);
// Offset of a number in JSON text that has been parsed which this process cannot hold: an integer beyond 64 bits, or
// one beyond a double; npos: there is none.
std::size_t find_oversized_number(std::string_view text);
std::size_t code_points(std::string_view utf8) noexcept;
// A key as a token of a JSON pointer (RFC 6901), with the '/' in front of it.
std::string pointer_token(std::string_view key);

}  // namespace fabric::formats::jsonschema
