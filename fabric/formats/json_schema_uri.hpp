#pragma once
// Just enough of RFC 3986 to find out which schema of a document a $ref means. Pure functions; anything is accepted.

#include <string>
#include <string_view>

namespace fabric::formats::jsonschema {

// `reference` seen from `base` (section 5.2.2), its fragment included.
std::string resolve_uri(std::string_view base, std::string_view reference);
// What stands in front of the '#'.
std::string_view without_fragment(std::string_view uri) noexcept;
// What stands behind the '#', with its percent signs decoded.
std::string fragment_of(std::string_view uri);

}  // namespace fabric::formats::jsonschema
