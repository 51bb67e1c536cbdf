#pragma once
// Failures of the control plane: a code that a program can branch on, the errno behind it, and a message that names the
// object and its values and says what to do. Hot paths use small enums instead and never see these types.

#include <boost/system/result.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

namespace fabric::ipc {

enum class ErrorCode : std::uint8_t {
  invalid_argument,  // a value the caller gave is out of range
  not_found,         // the file, topic, cursor or member does not exist
  already_exists,    // and must not
  no_space,          // disk, /dev/shm, or a fixed table (publisher lines, cursors, members) is full
  permission,        // the kernel said EACCES, EPERM or EROFS
  corrupt,           // damaged, truncated or foreign bytes
  incompatible,      // intact, but of another layout version, another boot, or for another machine
  busy,              // in use by a live member
  fenced,            // ownership was taken over by another member
  unsupported,       // this kernel or file system lacks what is needed
  system,            // any other errno
};

const char* to_string(ErrorCode code) noexcept;

struct Error {
  ErrorCode code = ErrorCode::system;
  int system_errno = 0;  // 0: no system call failed
  std::string message;
};

// Boost's result: explicit bool, *, ->, value(), error(). value() of a failure is a bug of the caller and aborts.
template <class T>
using Result = boost::system::result<T, Error>;

inline Error make_error(ErrorCode code, std::string message) { return {code, 0, std::move(message)}; }

// Maps errno to a code and appends its text: system_error("open /dev/shm/x", EACCES).
Error system_error(const std::string& what, int system_errno);

[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location& where) {
  std::fprintf(stderr, "%s:%u: value() of a failure: %s\n", where.file_name(), static_cast<unsigned>(where.line()),
               error.message.c_str());
  std::abort();
}

}  // namespace fabric::ipc
