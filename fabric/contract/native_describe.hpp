#pragma once
// The native schema of a C++ struct, from its Boost.Describe description:
//
//   enum class Side : std::uint8_t { buy = 1, sell = 2 };
//   BOOST_DESCRIBE_ENUM(Side, buy, sell)
//   struct Order {
//     std::uint64_t id = 0;
//     Side side = Side::buy;
//     char symbol[7] = {};
//     double price = 0;
//     std::uint32_t venue = 7;                               // an older producer does not write it: 7
//     static constexpr auto kOptionalFrom = &Order::venue;   // from here on fields may be missing; leave it out: none
//   };
//   BOOST_DESCRIBE_STRUCT(Order, (), (id, side, symbol, price, venue))
//
//   native_schema<Order>()
//
// Fields: bool, integers, float, double, described enums, described structs, std::array and C arrays of these; char
// arrays are text, std::byte arrays are bytes. Member initialisers of optional fields are the defaults that readers get
// for what is not there. What does not fit is refused by the compiler with a sentence that says why. Padding is
// allowed, and travels as it is: readers see what the memory held before, so where that matters give it a member.
// A field that the compiler would put into what was padding at the end of an older version is refused by the registry
// (field-in-padding); alignas(8) on the member moves it behind. An enum whose values may be any is declared open:
//   template <> inline constexpr bool fabric::contract::kOpenEnum<Side> = true;
// Thread-safe.

#include <array>
#include <bit>
#include <boost/core/type_name.hpp>
#include <boost/describe.hpp>
#include <boost/mp11.hpp>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "fabric/contract/native.hpp"

namespace fabric::contract {

template <class E>
inline constexpr bool kOpenEnum = false;

namespace native_detail {

template <class T>
inline constexpr bool kNever = false;

template <class T>
using Members = boost::describe::describe_members<T, boost::describe::mod_any_access>;

// What an array is made of, at the bottom, and its extents.
template <class M>
struct Elements {
  using Type = M;
  static void extents(std::vector<std::uint32_t>&) {}
};
template <class M, std::size_t N>
struct Elements<M[N]> {
  using Type = typename Elements<M>::Type;
  static void extents(std::vector<std::uint32_t>& out) {
    out.push_back(static_cast<std::uint32_t>(N));
    Elements<M>::extents(out);
  }
};
template <class M, std::size_t N>
struct Elements<std::array<M, N>> : Elements<M[N]> {};
template <class M>
using ElementOf = typename Elements<M>::Type;

// Initialisers that a member takes from a list without inner braces: only C arrays are taken apart.
template <class M>
inline constexpr std::size_t kInitialisers = 1;
template <class M, std::size_t N>
inline constexpr std::size_t kInitialisers<M[N]> = N* kInitialisers<M>;

struct Anything {
  template <class U>
  constexpr operator U() const noexcept;
};
template <std::size_t>
using AnythingAt = Anything;

template <class T, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return requires { T{AnythingAt<I>{}...}; };
}

template <class D>
struct MemberOf;
template <class C, class M>
struct MemberOf<M C::*> {
  using Type = M;
};
template <class D>
using MemberType = typename MemberOf<std::remove_cv_t<decltype(D::pointer)>>::Type;

template <class T, class... D>
constexpr std::size_t initialisers(boost::mp11::mp_list<D...>) {
  return (std::size_t{0} + ... + kInitialisers<MemberType<D>>);
}

// Whether the description names every member. Counted by how many initialisers the aggregate takes; larger ones, which
// would take the compiler long, and classes with constructors are taken on trust.
template <class T>
constexpr bool describes_all_members() {
  if constexpr (std::is_aggregate_v<T>) {
    constexpr auto count = initialisers<T>(boost::mp11::mp_rename<Members<T>, boost::mp11::mp_list>{});
    if constexpr (count <= 128)
      return takes<T>(std::make_index_sequence<count>{}) && !takes<T>(std::make_index_sequence<count + 1>{});
  }
  return true;
}

template <class E>
constexpr void check_enum() {
  static_assert(boost::describe::has_describe_enumerators<E>::value,
                "a native event's enum has to be described: BOOST_DESCRIBE_ENUM(Enum, enumerators...)");
  static_assert(
      requires { E{0}; },
      "a native event's enum needs a fixed underlying type, so that every value of its bytes is one: enum class E : "
      "std::uint8_t");
  static_assert(!std::is_same_v<std::underlying_type_t<E>, bool> && !std::is_same_v<std::underlying_type_t<E>, char>,
                "a native event's enum is based on an integer type of fixed width");
}

template <class T>
constexpr void check_struct() {
  static_assert(std::endian::native == std::endian::little, "native events are little-endian");
  static_assert(std::is_class_v<T> && boost::describe::has_describe_members<T>::value,
                "a native event is a struct that is described: BOOST_DESCRIBE_STRUCT(Struct, (), (members...))");
  static_assert(std::is_trivially_copyable_v<T>,
                "a native event is trivially copyable: no pointers, strings, vectors, virtual functions, no copy "
                "constructor of its own");
  static_assert(std::is_standard_layout_v<T>,
                "a native event has standard layout: one access level, no virtual functions");
  static_assert(std::is_default_constructible_v<T>,
                "a native event can be made without arguments: its members' initialisers are the defaults");
  static_assert(boost::mp11::mp_empty<boost::describe::describe_bases<T, boost::describe::mod_any_access>>::value,
                "a native event has no base classes; make the base its first member");
  static_assert(!boost::mp11::mp_empty<Members<T>>::value, "a native event has at least one member");
  static_assert(sizeof(T) <= kMaxNativeBytes, "a native event has at most 16 MiB");
  static_assert(describes_all_members<T>(),
                "BOOST_DESCRIBE_STRUCT has to name all members, or bytes that nobody knows of would travel");
}

template <class E>
NativeType integer_type() {
  constexpr auto at = std::countr_zero(sizeof(E));
  constexpr NativeType kSigned[] = {NativeType::i8, NativeType::i16, NativeType::i32, NativeType::i64};
  constexpr NativeType kUnsigned[] = {NativeType::u8, NativeType::u16, NativeType::u32, NativeType::u64};
  return std::is_signed_v<E> ? kSigned[at] : kUnsigned[at];
}

template <class E>
std::shared_ptr<const NativeEnum> describe_enum() {
  check_enum<E>();
  using Base = std::underlying_type_t<E>;
  auto made = std::make_shared<NativeEnum>();
  made->name = boost::core::type_name<E>();
  made->base = integer_type<Base>();
  made->open = kOpenEnum<E>;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto enumerator) {
    made->values.push_back({enumerator.name, static_cast<std::int64_t>(static_cast<Base>(enumerator.value))});
  });
  sort_enumerators(*made);
  return made;
}

template <class S>
NativeStruct describe_struct();

template <class M>
NativeField describe_member() {
  using E = ElementOf<M>;
  NativeField field{.bytes = sizeof(E)};
  Elements<M>::extents(field.array);
  if constexpr (std::is_same_v<E, bool>) {
    field.type = NativeType::boolean;
  } else if constexpr (std::is_same_v<E, char> || std::is_same_v<E, char8_t> || std::is_same_v<E, std::byte>) {
    field.type = std::is_same_v<E, std::byte> ? NativeType::bytes : NativeType::text;
    if (!field.array.empty()) {
      field.bytes = field.array.back();
      field.array.pop_back();
    }
  } else if constexpr (std::is_enum_v<E>) {
    field.type = NativeType::enumeration;
    field.enumeration = describe_enum<E>();
  } else if constexpr (std::is_integral_v<E>) {
    static_assert(
        sizeof(E) <= 8 && !std::is_same_v<E, wchar_t> && !std::is_same_v<E, char16_t> && !std::is_same_v<E, char32_t>,
        "a native event has no wide characters and no integers above 64 bits");
    field.type = integer_type<E>();
  } else if constexpr (std::is_floating_point_v<E>) {
    static_assert(sizeof(E) <= 8, "a native event has no long double: its bytes differ between compilers");
    field.type = sizeof(E) == 4 ? NativeType::f32 : NativeType::f64;
  } else if constexpr (std::is_pointer_v<E> || std::is_member_pointer_v<E> || std::is_reference_v<E>) {
    static_assert(kNever<E>, "a native event has no pointers and references: they mean nothing in another process");
  } else if constexpr (std::is_union_v<E>) {
    static_assert(kNever<E>, "a native event has no unions: nobody knows which member is meant");
  } else {
    field.type = NativeType::record;
    field.record = std::make_shared<const NativeStruct>(describe_struct<E>());
  }
  return field;
}

template <class C, class M>
std::uint32_t offset_in(const C& object, M C::*member) noexcept {
  return static_cast<std::uint32_t>(reinterpret_cast<const char*>(std::addressof(object.*member)) -
                                    reinterpret_cast<const char*>(std::addressof(object)));
}

template <class S>
NativeStruct describe_struct() {
  check_struct<S>();
  const auto probe = std::make_unique<S>();
  NativeStruct made{.name = boost::core::type_name<S>(), .size = sizeof(S)};
  boost::mp11::mp_for_each<Members<S>>([&](auto member) {
    auto field = describe_member<MemberType<decltype(member)>>();
    field.name = member.name;
    field.offset = offset_in(*probe, member.pointer);
    const auto behind = std::find_if(made.fields.begin(), made.fields.end(),
                                     [&](const auto& other) { return other.offset > field.offset; });
    made.fields.insert(behind, std::move(field));
  });
  return made;
}

// From which byte on fields are optional: kOptionalFrom's, or that of a struct at the end.
template <class S>
std::uint32_t required_bytes() {
  const auto probe = std::make_unique<S>();
  if constexpr (requires { S::kOptionalFrom; }) {
    return offset_in(*probe, S::kOptionalFrom);
  } else {
    std::uint32_t last = 0, required = sizeof(S);
    boost::mp11::mp_for_each<Members<S>>([&](auto member) {
      using M = MemberType<decltype(member)>;
      const auto offset = offset_in(*probe, member.pointer);
      if (offset < last) return;
      last = offset;
      required = sizeof(S);
      if constexpr (std::is_class_v<M> && std::is_same_v<ElementOf<M>, M>) {
        const auto inner = required_bytes<M>();
        if (inner != sizeof(M)) required = offset + inner;
      }
    });
    return required;
  }
}

// The fields' bytes, without padding.
inline void copy_fields(const NativeStruct& record, const std::byte* from, std::byte* to) {
  for (const auto& field : record.fields) {
    for (std::uint32_t i = 0; i < field.count(); ++i) {
      const auto at = field.offset + i * field.bytes;
      if (field.record)
        copy_fields(*field.record, from + at, to + at);
      else
        std::memcpy(to + at, from + at, field.bytes);
    }
  }
}

template <class T>
Result<std::shared_ptr<const NativeSchema>> make_schema() {
  NativeLayout layout{.root = describe_struct<T>(), .required = required_bytes<T>()};
  layout.defaults.resize(sizeof(T));
  const auto probe = std::make_unique<T>();
  copy_fields(layout.root, reinterpret_cast<const std::byte*>(probe.get()), layout.defaults.data());
  std::fill_n(layout.defaults.begin(), layout.required, std::byte{0});
  return NativeSchema::make(std::move(layout));
}

// Types whose bytes may be no value: only bool, since enums have fixed underlying types.
template <class M>
constexpr bool has_bool() {
  using E = ElementOf<M>;
  if constexpr (std::is_same_v<E, bool>) {
    return true;
  } else if constexpr (std::is_class_v<E>) {
    bool found = false;
    boost::mp11::mp_for_each<Members<E>>(
        [&](auto member) { found = found || has_bool<MemberType<decltype(member)>>(); });
    return found;
  } else {
    return false;
  }
}

// Whether every bool in the bytes of an M is 0 or 1.
template <class M>
bool bools_hold(const std::byte* bytes) noexcept {
  using E = ElementOf<M>;
  if constexpr (!has_bool<M>()) {
    return true;
  } else {
    bool hold = true;
    for (std::size_t i = 0; i < sizeof(M) / sizeof(E); ++i) {
      const auto* element = bytes + i * sizeof(E);
      if constexpr (std::is_same_v<E, bool>) {
        hold = hold && *element <= std::byte{1};
      } else {
        const auto* object = reinterpret_cast<const E*>(element);
        boost::mp11::mp_for_each<Members<E>>([&](auto member) {
          using Inner = MemberType<decltype(member)>;
          hold = hold && bools_hold<Inner>(reinterpret_cast<const std::byte*>(std::addressof(object->*member.pointer)));
        });
      }
    }
    return hold;
  }
}

}  // namespace native_detail

// The schema of T, made once. Errors: invalid_argument (what the compiler cannot see: a default that is no enumerator,
// kOptionalFrom at the first field, structs nested too deep).
template <class T>
const Result<std::shared_ptr<const NativeSchema>>& native_schema() {
  static const auto schema = native_detail::make_schema<T>();
  return schema;
}

}  // namespace fabric::contract
