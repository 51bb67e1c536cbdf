#include "fabric/delivery/typed_reader.hpp"

#include <algorithm>

#include "fabric/contract/native_value.hpp"
#include "ipc/clock.hpp"

namespace fabric {
namespace {

constexpr std::uint64_t kAskAgainNs = 100'000'000;
constexpr std::size_t kMostPlans = 256;  // ids are input: there may be millions of them

}  // namespace

const char* to_string(ViewOutcome outcome) noexcept {
  switch (outcome) {
    case ViewOutcome::event:
      return "event";
    case ViewOutcome::no_schema:
      return "no schema";
    case ViewOutcome::unknown_schema:
      return "unknown schema";
    case ViewOutcome::other_type:
      return "other type";
    case ViewOutcome::incompatible:
      return "incompatible";
    case ViewOutcome::malformed:
      return "malformed";
  }
  return "unknown";
}

ReadPlans::Plan ReadPlans::resolve(std::uint32_t id) {
  Plan plan{.id = id, .looked_ns = ipc::monotonic_ns()};
  trouble_.clear();
  const auto registered = registry_.by_id(id);
  if (!registered) {
    if (registered.error().code != ErrorCode::not_found) trouble_ = registered.error().message;
    return plan;
  }
  if (registered->subject != subject_) {
    plan.outcome = ViewOutcome::other_type;
    return plan;
  }
  plan.outcome = ViewOutcome::incompatible;
  if (registered->format != contract::Format::native) {
    plan.violations = {
        {.path = "",
         .rule = "format-changed",
         .message = "the writer's schema is of format " + std::string(contract::to_string(registered->format))}};
    return plan;
  }
  const auto writer = contract::NativeFormat().parse(*registered->text);
  if (!writer) {
    trouble_ = writer.error().message;
    plan.violations = {{.path = "", .rule = "damaged-schema", .message = writer.error().message}};
    return plan;
  }
  plan.violations = own_->cannot_read(**writer);
  if (plan.violations.empty()) plan.outcome = ViewOutcome::event;
  return plan;
}

const ReadPlans::Plan& ReadPlans::find(std::uint32_t id) {
  auto known = std::find_if(plans_.begin(), plans_.end(), [&](const auto& plan) { return plan->id == id; });
  if (known == plans_.end()) {
    if (plans_.size() == kMostPlans) {
      const auto useless = [](const auto& plan) { return plan->outcome != ViewOutcome::event; };
      const auto oldest = std::find_if(plans_.begin(), plans_.end(), useless);
      plans_.erase(oldest == plans_.end() ? plans_.begin() : oldest);
    }
    plans_.push_back(std::make_unique<Plan>(resolve(id)));
    return *plans_.back();
  }
  auto& plan = **known;
  if (plan.outcome == ViewOutcome::unknown_schema && ipc::monotonic_ns() - plan.looked_ns >= kAskAgainNs)
    plan = resolve(id);
  return plan;
}

bool ReadPlans::is_whole(std::size_t bytes) const noexcept {
  const auto& layout = own_->layout();
  return bytes >= layout.required &&
         (bytes >= layout.root.size || contract::is_between_fields(layout.root, static_cast<std::uint32_t>(bytes)));
}

}  // namespace fabric
