#pragma once
// JSON of the event layer: Boost.JSON's values, with errors that say where, and numbers as people write them. Order of keys is kept.
// Everything parsed is input. Thread-safe; allocates.

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "ipc/result.hpp"

namespace fabric::json {

// One JSON value and nothing behind it, nested 128 deep at most; keys are unique in an object. Errors: invalid_argument,
// "line 3, column 7: ...".
ipc::Result<boost::json::value> parse(std::string_view text);

// The shortest text that reads back as the same value; `indent`: spaces per level, 0: one line without spaces. Not a number and infinity, which
// JSON cannot say, become null.
std::string print(const boost::json::value& value, unsigned indent = 0);
// A string with its quotes.
std::string quote(std::string_view text);
// The value with the keys of every object in byte order: equal values print equally.
boost::json::value sorted(const boost::json::value& value);
// The same, with each number, string, literal as `leaf` makes it.
using Leaf = boost::json::value (*)(const boost::json::value&);
boost::json::value sorted(const boost::json::value& value, Leaf leaf);
// RFC 7396: `target` with the changes of `patch`; null removes a key.
boost::json::value merge_patch(const boost::json::value& target, const boost::json::value& patch);

}  // namespace fabric::json
