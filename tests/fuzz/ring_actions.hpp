#pragma once
// What the processes of a fabric do with a ring, all of it, on a ring that may be anything.

#include <cstdint>
#include <memory>
#include <string>

#include "ipc/ring.hpp"

namespace fabric::fuzz {

// Aborts with `rule` when it is broken.
void require(bool holds, const char* rule);

// Publishes, reads, voids: a valid ring with something of everything in it.
void fill_base(const std::string& path, const std::string& members_directory);

// Everything that a read-only mapping allows.
void observe(const std::shared_ptr<ipc::Ring>& ring);

// Everything else: publishers, readers of all kinds, cursors, waiting, repair. `choice` varies the order.
void take_part(const std::shared_ptr<ipc::Ring>& ring, std::uint8_t choice);

}  // namespace fabric::fuzz
