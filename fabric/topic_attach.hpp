#pragma once
// Attaching partitions, one file after another. Internal to fabric/.
//
// Thread-safe: all functions. Not for hot paths: they block on the file system.

#include <memory>
#include <string>
#include <vector>

#include "fabric/topic_directory.hpp"
#include "fabric/topic_route.hpp"
#include "ipc/ring.hpp"

namespace fabric {

// A file must be where its header says that it belongs: partition `partition` of a topic that had `born` of them when
// it was made. Errors: corrupt.
ipc::Result<void> check_place(const ipc::RingHeader& header, const std::string& topic, std::uint32_t partition,
                              std::uint32_t born, const std::string& path);

// Attaches; a ring of an earlier boot is recovered on the way, by us or by whoever was quicker (read-write only; waits
// up to 10 s while another process does it). Errors: those of ipc::Ring::attach.
ipc::Result<std::shared_ptr<ipc::Ring>> attach_ring(const std::string& path, const ipc::AttachOptions& options);

// Appends the partitions [rings.size(), count) of a topic of `base`, from the directory's path. Errors: those of both.
ipc::Result<void> attach_more(const TopicDirectory& directory, const std::string& topic, std::uint32_t base,
                              std::uint32_t count, const ipc::AttachOptions& options,
                              std::vector<std::shared_ptr<ipc::Ring>>& rings);

inline ipc::RingFile& file_of(ipc::RingFile& file) { return file; }
inline ipc::RingFile& file_of(const std::shared_ptr<ipc::Ring>& ring) { return ring->file(); }

// Whether all partitions are these files. They are mapped, so their inodes have not been given to other files.
template <class Files>
bool are_in(const TopicDirectory& directory, Files& files) {
  for (std::uint32_t i = 0; i < files.size(); ++i)
    if (!directory.holds(i, file_of(files[i]).segment().identity())) return false;
  return true;
}

}  // namespace fabric
