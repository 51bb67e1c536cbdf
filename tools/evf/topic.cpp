// evf topic create|grow|list|describe|delete: all but list and describe, which have files of their own.

#include <fmt/format.h>

#include <bit>

#include "tools/evf/terminal.hpp"
#include "tools/evf/text.hpp"
#include "tools/evf/topic.hpp"
#include "tools/evf/values.hpp"
#include "tools/evf/verb.hpp"

namespace fabric::evf {
namespace {

struct CreateArguments {
  TopicOptions options;
  std::uint64_t slot_bytes = 256, arena_block_bytes = 4096;
  std::optional<std::uint64_t> void_after_ns;
};

void parse_sync(ipc::RingOptions& ring, const std::string& text) {
  static const std::vector<std::pair<std::string, ipc::SyncMode>> kModes{
      {"none", ipc::SyncMode::none}, {"async", ipc::SyncMode::async}, {"always", ipc::SyncMode::always}};
  for (const auto& [word, mode] : kModes) {
    if (text != word) continue;
    ring.sync = mode;
    return;
  }
  const auto every = text.starts_with("every-") ? parse_size(text.substr(6)) : std::nullopt;
  if (!every || *every == 0 || *every > 0xffffffff)
    refuse_value("--sync", "'" + text + "' is not one of none, async, every-N (every-1000), always");
  ring.sync = ipc::SyncMode::every;
  ring.sync_every = static_cast<std::uint32_t>(*every);
}

void parse_mode(ipc::RingOptions& ring, const std::string& text) {
  std::uint32_t mode = 0;
  bool octal = !text.empty() && text.size() <= 4;
  for (const char digit : text) {
    octal = octal && digit >= '0' && digit <= '7';
    mode = mode << 3 | static_cast<std::uint32_t>(digit & 7);
  }
  if (!octal || (mode & ~0666U) != 0 || (mode & 0600) != 0600)
    refuse_value("--mode", "'" + text + "' is no mode of a ring file; write 0600, 0640, 0660 or 0666");
  ring.file.mode = mode;
}

// What a power of two or a multiple would be, so that nobody has to work it out.
int check_geometry(CreateArguments& arguments) {
  auto& ring = arguments.options.ring;
  if (!std::has_single_bit(ring.slot_count) && ring.slot_count < (1ULL << 30))
    return fail(kUsage, fmt::format("--slots {} is not a power of two", ring.slot_count),
                fmt::format("use {}", std::max<std::uint64_t>(16, std::bit_ceil(ring.slot_count))));
  if (arguments.slot_bytes == 0 || arguments.slot_bytes % 64 != 0 || arguments.slot_bytes > (1U << 20))
    return fail(kUsage, fmt::format("--slot-bytes {} is not a multiple of 64 up to 1M", arguments.slot_bytes),
                fmt::format("use {}", std::clamp<std::uint64_t>((arguments.slot_bytes + 63) / 64 * 64, 64, 1U << 20)));
  if (!std::has_single_bit(arguments.arena_block_bytes) || arguments.arena_block_bytes > (1U << 26))
    return fail(kUsage,
                fmt::format("--arena-block-bytes {} is not a power of two up to 64M", arguments.arena_block_bytes),
                "use 4096");
  ring.slot_bytes = static_cast<std::uint32_t>(arguments.slot_bytes);
  ring.arena_block_bytes = static_cast<std::uint32_t>(arguments.arena_block_bytes);
  if (arguments.void_after_ns) ring.void_after_ns = *arguments.void_after_ns;
  return kOk;
}

int create(const Context& context, CreateArguments& arguments) {
  if (const int code = check_geometry(arguments); code != kOk) return code;
  const auto fabric = open_fabric(context, true);
  if (!fabric) return fail(fabric.error());
  const auto& options = arguments.options;
  if (const auto created = fabric->create_topic(options); !created) return fail(created.error());
  const auto info = fabric->describe_topic(options.name);
  if (!info) return fail(info.error());
  note(fmt::format("created topic {} in {}: {}, {} slots of {} each, {} in all", options.name, fabric->directory(),
                   plural(options.partitions, "partition"), format_count(options.ring.slot_count),
                   format_bytes(options.ring.slot_bytes), format_bytes(info->file_bytes)));
  return kOk;
}

int grow(const Context& context, const std::string& name, std::uint32_t partitions) {
  const auto fabric = open_fabric(context);
  if (!fabric) return fail(fabric.error());
  const auto opened = open_topic(*fabric, name, ipc::Access::read_only);  // has the better message
  if (!opened) return fail(opened.error());
  const auto before = fabric->describe_topic(name);
  if (!before) return fail(before.error());
  const auto grown = fabric->grow_topic(name, partitions);
  if (!grown && grown.error().code == ErrorCode::invalid_argument) {
    const auto& message = grown.error().message;
    const auto end = message.rfind("; ");
    return fail(kUsage, message.substr(0, end), message.substr(end + 2));
  }
  if (!grown) return fail(grown.error());
  const auto info = fabric->describe_topic(name);
  if (!info) return fail(info.error());
  if (before->partitions == info->partitions && !before->growing)
    note(fmt::format("topic {} has {}: nothing to do", name, plural(info->partitions, "partition")));
  else
    note(fmt::format("topic {} of {} grew from {} to {}, {} in all", name, fabric->directory(), before->partitions,
                     plural(info->partitions, "partition"), format_bytes(info->file_bytes)));
  return kOk;
}

int remove(const Context& context, const std::string& name, bool force) {
  const auto fabric = open_fabric(context);
  if (!fabric) return fail(fabric.error());
  const auto removed = fabric->delete_topic(name, force);
  if (!removed && removed.error().code == ErrorCode::not_found) {
    const auto opened = open_topic(*fabric, name, ipc::Access::read_only);  // has the better message
    return fail(opened ? removed.error() : opened.error());
  }
  if (!removed && removed.error().code == ErrorCode::busy) {
    const auto& message = removed.error().message;
    return fail(kFailed, message.substr(0, message.rfind("; ")), "stop it, or use --force");
  }
  if (!removed) return fail(removed.error());
  note(fmt::format("deleted topic {} of {}", name, fabric->directory()));
  return kOk;
}

void add_create(CLI::App& app, Context& context) {
  const auto arguments = std::make_shared<CreateArguments>();
  auto* sub =
      add_verb(app, context,
               {.name = "create",
                .description = "Create a topic; its space is allocated at once.",
                .details = "A record up to --slot-bytes less 32 is stored in its slot, a larger one in the arena.\n"
                           "The ring keeps the last --slots records of each partition; groups that gate hold\n"
                           "publishers up before a record they have not acked is overwritten.",
                .examples = "  evf topic create orders --partitions 4\n"
                            "  evf topic create frames --slots 1K --slot-bytes 64 --arena-bytes 256M\n"
                            "  evf topic create ledger --dir /var/lib/ledger --writers one --sync every-100"},
               [&context, arguments] { return create(context, *arguments); });
  auto& options = arguments->options;
  auto& ring = options.ring;
  sub->add_option("TOPIC", options.name, "Name: letters, digits, '.', '_' and '-'")->required();
  add_count(*sub, "-p,--partitions", options.partitions, "Ordered rings that keys are spread over (1)");
  add_choice<ipc::WriterMode>(*sub, "--writers", ring.writers,
                              {{"many", ipc::WriterMode::many}, {"one", ipc::WriterMode::one}},
                              "Publishers per partition (many)");
  add_size(*sub, "--slots", ring.slot_count, "Records that a partition holds, a power of two (16K)");
  add_size(*sub, "--slot-bytes", arguments->slot_bytes, "Bytes of a slot, a multiple of 64 (256)");
  add_size(*sub, "--arena-bytes", ring.arena_bytes, "Room for payloads larger than a slot (0: none)");
  add_size(*sub, "--arena-block-bytes", arguments->arena_block_bytes, "Unit of the arena, a power of two (4K)");
  add_count(*sub, "--max-publishers", ring.max_publishers, "Publishers per partition at a time (64)");
  add_count(*sub, "--max-cursors", ring.max_cursors, "Groups and readers per partition (64)");
  add_duration(*sub, "--void-after", arguments->void_after_ns, "How long readers wait for a stopped publisher (1ms)");
  sub->add_option_function<std::string>(
         "--sync", [&ring](const std::string& text) { parse_sync(ring, text); },
         "When records are written back to the disk (none)")
      ->type_name("none|async|every-N|always");
  sub->add_option_function<std::string>(
         "--mode", [&ring](const std::string& text) { parse_mode(ring, text); },
         "Permissions of the files, octal (0600)")
      ->type_name("MODE");
  sub->add_option("--group", ring.file.group, "Group that the files belong to (yours)")->type_name("NAME");
  sub->add_flag("--huge-pages", ring.file.huge_pages, "Ask for transparent huge pages");
  sub->add_flag("--prefault", ring.file.prefault, "Touch every page now");
  sub->add_flag("--lock", ring.file.lock, "Keep the pages in memory (RLIMIT_MEMLOCK)");
}

void add_grow(CLI::App& app, Context& context) {
  struct Arguments {
    std::string name;
    std::uint32_t partitions = 0;
  };
  const auto arguments = std::make_shared<Arguments>();
  auto* sub = add_verb(app, context,
                       {.name = "grow",
                        .description = "Give a topic more partitions, while it is in use.",
                        .details = "Partitions are doubled, once or several times: 4 can become 8, 16, 32, ...\n"
                                   "Publishers and groups follow by themselves. Half of the keys of each partition\n"
                                   "move to its new one; a group gets nothing of it before it has acked what they\n"
                                   "had in the old one, so the order of each key is kept. Killed half way it harms\n"
                                   "nobody: run it again. There is no way back.",
                        .examples = "  evf topic grow orders --partitions 16"},
                       [&context, arguments] { return grow(context, arguments->name, arguments->partitions); });
  sub->add_option("TOPIC", arguments->name, "The topic")->required();
  add_count(*sub, "-p,--partitions", arguments->partitions, "How many it is to have")->required();
}

void add_delete(CLI::App& app, Context& context) {
  struct Arguments {
    std::string name;
    bool force = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  auto* sub =
      add_verb(app, context,
               {.name = "delete",
                .description = "Delete a topic and its records.",
                .details = "Refused while a publisher or a reader with a cursor is alive, unless forced. Processes\n"
                           "that have it mapped keep what they have; nobody else finds it any more.",
                .examples = "  evf topic delete orders"},
               [&context, arguments] { return remove(context, arguments->name, arguments->force); });
  sub->add_option("TOPIC", arguments->name, "The topic")->required();
  sub->add_flag("--force", arguments->force, "Even if it is in use");
}

}  // namespace

void add_topic(CLI::App& app, Context& context) {
  auto* topic = add_verb(app, context,
                         {.name = "topic",
                          .description = "Create, grow, list, describe and delete topics.",
                          .details = "evf topic VERB --help says more.",
                          .directory = false});
  topic->require_subcommand(0, 1);
  add_create(*topic, context);
  add_grow(*topic, context);
  add_topic_list(*topic, context);
  add_topic_describe(*topic, context);
  add_delete(*topic, context);
}

}  // namespace fabric::evf
