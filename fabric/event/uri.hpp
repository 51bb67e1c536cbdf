#pragma once
// Whether text is a URI of RFC 3986. Functions without state; thread-safe, no allocation. Of our own, because
// Boost.URL 1.81 runs into assertions of its own with some inputs that are no URIs, and these come from anywhere.

#include <string_view>

namespace fabric {

// Section 4.1: a URI, or relative: "/orders", "1-555-123-4567", "//host/x?y#z"; also the empty text.
bool is_uri_reference(std::string_view text) noexcept;
// Section 3: with a scheme; a fragment may follow.
bool is_uri(std::string_view text) noexcept;

}  // namespace fabric
