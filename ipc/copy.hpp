#pragma once
// Copies between private and shared memory, and single fields of shared structs.
//
// A reader that does not gate may copy while a publisher writes, and then throws the copy away (ring_reader.hpp). For the language
// both sides have to be atomic; for the processor a plain copy is the same and several times faster. So the copy is by
// relaxed atomic words under ThreadSanitizer, and memcpy elsewhere: no torn copy is ever believed, either way.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace fabric::ipc {

#if defined(__SANITIZE_THREAD__)
#define EVF_ATOMIC_COPY 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EVF_ATOMIC_COPY 1
#endif
#endif

inline void copy_shared(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
#ifdef EVF_ATOMIC_COPY
  for (std::size_t i = 0; i < bytes; ++i)
    std::atomic_ref(to[i]).store(std::atomic_ref(const_cast<std::byte&>(from[i])).load(std::memory_order_relaxed),
                                 std::memory_order_relaxed);
#else
  if (bytes != 0) std::memcpy(to, from, bytes);
#endif
}

// One load or store of a field of a shared struct: the compiler may neither split, repeat nor invent it.
template <class T>
T load_field(const T& field) noexcept {
  return std::atomic_ref(const_cast<T&>(field)).load(std::memory_order_relaxed);
}
template <class T>
void store_field(T& field, T value) noexcept {
  std::atomic_ref(field).store(value, std::memory_order_relaxed);
}

}  // namespace fabric::ipc
