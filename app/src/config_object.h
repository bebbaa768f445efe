#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "error.h"

namespace edge_infer {

/// Throws ConfigError.
[[noreturn]] inline void Fail(const std::string& place, const std::string& what) {
  throw ConfigError(place.empty() ? what : place + ": " + what);
}

/// An object of the configuration. Each key is taken once; Done() reports those nobody took.
class Object {
 public:
  Object(const nlohmann::json& value, std::string place) : value_(value), place_(std::move(place)) {
    if (!value.is_object()) Fail(place_, "must be an object");
  }

  std::string Place(const char* key) const { return place_.empty() ? key : place_ + "." + key; }

  /// Null when the key is missing or its value is null.
  const nlohmann::json* Optional(const char* key) {
    taken_.emplace_back(key);
    const auto found = value_.find(key);
    return found == value_.end() || found->is_null() ? nullptr : &*found;
  }

  const nlohmann::json& Required(const char* key) {
    const nlohmann::json* value = Optional(key);
    if (value == nullptr) Fail(Place(key), "is missing");
    return *value;
  }

  std::string String(const char* key) { return AsString(key, Required(key)); }

  std::string String(const char* key, const char* fallback) {
    const nlohmann::json* value = Optional(key);
    return value == nullptr ? fallback : AsString(key, *value);
  }

  int64_t Integer(const char* key, int64_t low, int64_t high) {
    const nlohmann::json& value = Required(key);
    // A number above int64 is stored as unsigned and must not wrap.
    if (!value.is_number_integer() ||
        (value.is_number_unsigned() &&
         value.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) ||
        value.get<int64_t>() < low || value.get<int64_t>() > high) {
      Fail(Place(key),
           "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
    }
    return value.get<int64_t>();
  }

  int64_t Integer(const char* key, int64_t low, int64_t high, int64_t fallback) {
    return Optional(key) == nullptr ? fallback : Integer(key, low, high);
  }

  bool Boolean(const char* key, bool fallback) {
    const nlohmann::json* value = Optional(key);
    if (value == nullptr) return fallback;
    if (!value->is_boolean()) Fail(Place(key), "must be true or false");
    return value->get<bool>();
  }

  /// One of the names; its position is the value of the enumeration.
  template <typename Enum, size_t N>
  Enum Choice(const char* key, const std::array<const char*, N>& names, const std::string& value) {
    std::string all;
    for (size_t i = 0; i < N; ++i) {
      if (value == names.at(i)) return static_cast<Enum>(i);
      all += (i == 0 ? "" : ", ") + std::string(names.at(i));
    }
    Fail(Place(key), "must be one of " + all);
  }

  void Done() const {
    for (const auto& [key, value] : value_.items()) {
      bool known = false;
      for (const char* name : taken_) known = known || key == name;
      if (!known) Fail(Place(key.c_str()), "not a key");
    }
  }

 private:
  std::string AsString(const char* key, const nlohmann::json& value) const {
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
      Fail(Place(key), "must be a string that is not empty");
    }
    const auto& text = value.get_ref<const std::string&>();
    if (text.find('\0') != std::string::npos) Fail(Place(key), "has a NUL character");
    return text;
  }

  const nlohmann::json& value_;
  std::string place_;
  std::vector<const char*> taken_;
};

}  // namespace edge_infer
