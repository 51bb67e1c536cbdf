#pragma once
// Records as described C++ structs (contract/native_describe.hpp), whoever wrote them, with whichever version of the
// schema:
//
//   auto orders = TypedReader<Order>::open(*registry, "orders.placed");
//   consumer.poll([&](const Delivery& delivery) {
//     const auto order = orders->view(delivery);
//     if (order) handle(order->id);
//     else       ...  order.outcome
//   });
//
// What a schema id means for T is found out once, at the first record that has it; then a record costs one comparison.
// A record as long as T, or longer (a newer producer), is read where it lies; of a shorter one (an older producer) a
// copy is made, and what is not in it has T's own defaults. One thread at a time. Per record: no allocation, no lock,
// no system call.

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "fabric/contract/native_describe.hpp"
#include "fabric/contract/registry.hpp"
#include "fabric/delivery/consumer.hpp"

namespace fabric {

enum class ViewOutcome : std::uint8_t {
  event,
  no_schema,       // the record has no schema id
  unknown_schema,  // nobody registered it, as far as the registry can be read; asked again at most every 100 ms
  other_type,      // of another subject, so it is no event of this type
  incompatible,    // of our subject, but T cannot read it: see violations()
  malformed,       // too short, ends inside a field, or has a bool that is neither true nor false
};
const char* to_string(ViewOutcome outcome) noexcept;

// What the schema ids of a topic mean for one reader. Not thread-safe.
class ReadPlans {
 public:
  struct Plan {
    std::uint32_t id = 0;
    ViewOutcome outcome = ViewOutcome::unknown_schema;
    std::vector<contract::Violation> violations{};  // incompatible
    std::uint64_t looked_ns = 0;                    // unknown_schema: when the registry was last asked
  };
  ReadPlans(contract::Registry registry, std::string subject, std::shared_ptr<const contract::NativeSchema> own)
      : registry_(std::move(registry)), subject_(std::move(subject)), own_(std::move(own)) {}

  // Blocks on the file system the first time that an id is seen. Valid until the next call.
  const Plan& find(std::uint32_t id);
  // Whether a payload may end there.
  bool is_whole(std::size_t bytes) const noexcept;
  const std::string& subject() const noexcept { return subject_; }
  // Why the registry could not be read the last time; empty: it could.
  const std::string& trouble() const noexcept { return trouble_; }

 private:
  Plan resolve(std::uint32_t id);
  contract::Registry registry_;
  std::string subject_;
  std::shared_ptr<const contract::NativeSchema> own_;
  std::vector<std::unique_ptr<Plan>> plans_;
  std::string trouble_;
};

// Valid as long as the record; where `copied`, until the next view() of its reader.
template <class T>
struct TypedView {
  ViewOutcome outcome = ViewOutcome::event;
  const T* event = nullptr;
  bool copied = false;
  explicit operator bool() const noexcept { return event != nullptr; }
  const T& operator*() const noexcept { return *event; }
  const T* operator->() const noexcept { return event; }
};

template <class T>
class TypedReader {
 public:
  // Errors: invalid_argument (native_schema<T>(), subject).
  static Result<TypedReader> open(const contract::Registry& registry, const std::string& subject) {
    if (auto fine = contract::check_subject(subject); !fine) return fine.error();
    const auto& schema = contract::native_schema<T>();
    if (!schema) return schema.error();
    return TypedReader(ReadPlans(registry, subject, *schema));
  }

  TypedView<T> view(const Delivery& delivery) { return view(delivery.record.schema, delivery.event.payload); }
  TypedView<T> view(std::uint32_t schema, std::span<const std::byte> payload) {
    if (schema != readable_) [[unlikely]] {
      const auto outcome = look_up(schema);
      if (outcome != ViewOutcome::event) return {.outcome = outcome};
    }
    const auto* bytes = payload.data();
    if (payload.size() < sizeof(T) || reinterpret_cast<std::uintptr_t>(bytes) % alignof(T) != 0) [[unlikely]]
      return copy(payload);
    if (!contract::native_detail::bools_hold<T>(bytes)) [[unlikely]]
      return {.outcome = ViewOutcome::malformed};
    return {.event = reinterpret_cast<const T*>(bytes)};
  }

  // Polls a consumer once: on_event(const T&, const Delivery&) or on_other(ViewOutcome, const Delivery&) for each
  // record.
  template <class OnEvent, class OnOther>
  std::uint64_t poll(Consumer& consumer, OnEvent&& on_event, OnOther&& on_other,
                     const Consumer::GapHandler& gaps = {}) {
    const auto handler = [&](const Delivery& delivery) {
      if (const auto seen = view(delivery))
        on_event(*seen, delivery);
      else
        on_other(seen.outcome, delivery);
    };
    return consumer.poll(std::cref(handler), gaps);
  }

  // What T cannot make of the schema with this id; empty unless it is incompatible.
  std::vector<contract::Violation> violations(std::uint32_t schema) { return plans_.find(schema).violations; }
  const std::string& subject() const noexcept { return plans_.subject(); }
  const std::string& trouble() const noexcept { return plans_.trouble(); }

 private:
  explicit TypedReader(ReadPlans plans) : plans_(std::move(plans)) {}

  [[gnu::noinline]] ViewOutcome look_up(std::uint32_t schema) {
    if (schema == 0) return ViewOutcome::no_schema;
    const auto& plan = plans_.find(schema);
    if (plan.outcome == ViewOutcome::event) readable_ = schema;
    return plan.outcome;
  }
  [[gnu::noinline]] TypedView<T> copy(std::span<const std::byte> payload) {
    if (payload.size() < sizeof(T) && !plans_.is_whole(payload.size())) return {.outcome = ViewOutcome::malformed};
    *copy_ = T{};
    // As bytes: a payload may hold a bool that is none, and copying a T would read it as one.
    std::memcpy(static_cast<void*>(copy_.get()), payload.data(), std::min(payload.size(), sizeof(T)));
    if (!contract::native_detail::bools_hold<T>(reinterpret_cast<const std::byte*>(copy_.get())))
      return {.outcome = ViewOutcome::malformed};
    return {.event = copy_.get(), .copied = true};
  }

  std::uint32_t readable_ = 0;  // the last schema id that T can read
  ReadPlans plans_;
  std::unique_ptr<T> copy_ = std::make_unique<T>();
};

}  // namespace fabric
