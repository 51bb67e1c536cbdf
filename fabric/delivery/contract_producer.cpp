#include "fabric/delivery/contract_producer.hpp"

namespace fabric {

const char* to_string(SendOutcome outcome) noexcept {
  switch (outcome) {
    case SendOutcome::published:
      return "published";
    case SendOutcome::back_pressure:
      return "back-pressure";
    case SendOutcome::too_large:
      return "too large";
    case SendOutcome::contract:
      return "refused by its contract";
    case SendOutcome::failed:
      return "failed";
  }
  return "unknown";
}

Result<ContractProducer> ContractProducer::open(const Fabric& fabric, const contract::Registry& registry,
                                                const std::string& topic, const contract::Schema& schema,
                                                const ContractOptions& options) {
  const auto& subject = options.subject.empty() ? topic : options.subject;
  auto attached = contract::attach_schema(registry, subject, schema,
                                          {.register_new = options.register_schema, .now_ns = options.now_ns});
  if (!attached) return attached.error();
  if (options.report != nullptr) *options.report = *attached;
  const auto words = contract::explain(*attached, subject);
  if (!contract::may_write(attached->standing)) return ipc::make_error(ErrorCode::incompatible, words);
  if (!words.empty() && options.on_warning) options.on_warning(words);
  auto producer = Producer::open(fabric, topic, options.producer);
  if (!producer) return producer.error();
  return ContractProducer(std::move(*producer), registry, std::move(*attached), options.on_warning);
}

Result<bool> ContractProducer::check(std::uint64_t now_ns) {
  auto attached = contract::check_attached(registry_, attachment_.schema, now_ns);
  if (!attached) return attached.error();
  attachment_ = std::move(*attached);
  allowed_ = contract::may_write(attachment_.standing);
  const auto words = contract::explain(attachment_, subject());
  if (!words.empty() && on_warning_) on_warning_(words);
  return allowed_;
}

}  // namespace fabric
