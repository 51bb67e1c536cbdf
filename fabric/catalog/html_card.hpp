#pragma once
// One event or command as HTML. Internal to html.cpp.

#include <string>

#include "fabric/catalog/export.hpp"

namespace fabric::catalog::html {

std::string card(const Message& message, const ExportOptions& options);
// "<span class="badge ...">sunset in 12 days</span>"; empty: not deprecated.
std::string sunset_badge(const Message& message, Date today);

}  // namespace fabric::catalog::html
