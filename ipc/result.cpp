#include "ipc/result.hpp"

#include <cerrno>
#include <system_error>

namespace fabric::ipc {

namespace {

ErrorCode code_of(int system_errno) noexcept {
  switch (system_errno) {
    case ENOENT:
      return ErrorCode::not_found;
    case EEXIST:
      return ErrorCode::already_exists;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::permission;
    case ENOSPC:
    case EDQUOT:
      return ErrorCode::no_space;
    case ENOSYS:
    case EOPNOTSUPP:
      return ErrorCode::unsupported;
    default:
      return ErrorCode::system;
  }
}

// What usually helps; empty where only the caller knows.
const char* advice(int system_errno) noexcept {
  switch (system_errno) {
    case ENOENT:
      return "; check the path, or create it first";
    case EACCES:
    case EPERM:
      return "; check owner, group and mode, or run as a member of the group";
    case EROFS:
      return "; use a writable file system, or attach read-only";
    case ENOSPC:
    case EDQUOT:
      return "; free space, raise the limit, or ask for less";
    case ENOSYS:
    case EOPNOTSUPP:
      return "; use another file system or kernel";
    case EMFILE:
    case ENFILE:
      return "; raise the limit of open files (ulimit -n)";
    default:
      return "";
  }
}

}  // namespace

const char* to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::already_exists:
      return "already_exists";
    case ErrorCode::no_space:
      return "no_space";
    case ErrorCode::permission:
      return "permission";
    case ErrorCode::corrupt:
      return "corrupt";
    case ErrorCode::incompatible:
      return "incompatible";
    case ErrorCode::busy:
      return "busy";
    case ErrorCode::fenced:
      return "fenced";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::system:
      return "system";
  }
  return "unknown";  // a value that another program stored
}

Error system_error(const std::string& what, int system_errno) {
  std::string text = what + ": " + std::generic_category().message(system_errno) + advice(system_errno);
  return {code_of(system_errno), system_errno, std::move(text)};
}

}  // namespace fabric::ipc
