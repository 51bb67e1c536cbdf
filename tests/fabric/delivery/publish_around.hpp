#pragma once
// Publishers that are held between claim and commit, by an admission that says yes and runs something first.

#include <string>
#include <type_traits>

#include "fabric/delivery/id_index.hpp"
#include "fabric/event/event_attributes.hpp"
#include "ipc/ring_writer.hpp"

namespace fabric::testing {

// `meanwhile()` or `meanwhile(sequence)`; it has to outlive the admission.
template <class Meanwhile>
ipc::Admission admission_around(std::uint64_t announced, const Meanwhile& meanwhile) {
  return {.announced = announced,
          .admit =
              [](void* context, [[maybe_unused]] std::uint64_t sequence) noexcept {
                const auto& run = *static_cast<const Meanwhile*>(context);
                if constexpr (std::is_invocable_v<const Meanwhile&>) {
                  run();
                } else {
                  run(sequence);
                }
                return true;
              },
          .context = const_cast<Meanwhile*>(&meanwhile)};
}

// A record with this id; the publisher stands between claim and commit while `meanwhile` runs.
template <class Meanwhile>
ipc::PublishOutcome publish_around(ipc::Publisher& publisher, const std::string& id, const Meanwhile& meanwhile) {
  const auto admission = admission_around(IdIndex::hash(id), meanwhile);
  const EventAttributes attributes{.id = id};
  auto claim = publisher.claim(*envelope_bytes({}, attributes));
  static_cast<void>(encode_envelope({}, attributes, claim.bytes()));
  return claim.commit(claim.bytes().size(), {.flags = ipc::kExtended, .admission = &admission});
}

// A record without one, by a publisher that has announced this.
template <class Meanwhile>
ipc::PublishOutcome publish_around(ipc::Publisher& publisher, std::uint64_t announced, const Meanwhile& meanwhile) {
  const auto admission = admission_around(announced, meanwhile);
  return publisher.publish(as_bytes("x"), {.admission = &admission});
}

}  // namespace fabric::testing
