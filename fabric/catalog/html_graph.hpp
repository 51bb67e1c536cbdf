#pragma once
// The flow of a catalog as inline SVG. Internal to html.cpp.

#include <cstddef>
#include <string>
#include <string_view>

#include "fabric/catalog/flow.hpp"

namespace fabric::catalog::html {

// The class that carries a context's colour, by its place in the catalog: "k0" to "k7".
std::string colour_of(const Catalog& catalog, std::string_view context);
// <svg>...</svg>; nodes lead to their places on the page.
std::string graph(const Catalog& catalog);

}  // namespace fabric::catalog::html
