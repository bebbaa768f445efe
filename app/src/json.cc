#include "json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace edge_infer {
namespace {

/// Length of the UTF-8 sequence at the start of `text`, or 0 when it is not valid: too long for
/// its value, a surrogate, above U+10FFFF, or cut off.
size_t Utf8Length(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) ||
      (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f)) {
    return 0;
  }
  return length;
}

template <typename T>
void AppendFinite(T value, std::string* json) {
  std::array<char, 32> text;
  const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
  json->append(text.data(), result.ptr);
}

}  // namespace

void AppendString(std::string_view text, std::string* json) {
  *json += '"';
  while (!text.empty()) {
    const char c = text.front();
    const size_t length = Utf8Length(text);
    if (length == 0) {
      *json += "\xef\xbf\xbd";
    } else if (c == '"' || c == '\\') {
      *json += '\\';
      *json += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      std::array<char, 8> escape;
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
      *json += escape.data();
    } else {
      json->append(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  *json += '"';
}

void AppendNumber(double value, std::string* json) {
  if (!std::isfinite(value)) {
    *json += "null";
  } else {
    AppendFinite(value, json);
  }
}

void AppendNumber(float value, std::string* json) {
  if (!std::isfinite(value)) {
    *json += "null";
  } else {
    AppendFinite(value, json);
  }
}

void AppendInteger(int64_t value, std::string* json) { AppendFinite(value, json); }

void AppendMilliseconds(double value, std::string* json) {
  AppendNumber(std::round(value * 1000) / 1000, json);
}

void AppendSeconds(double value, std::string* json) {
  AppendNumber(std::round(value * 1e6) / 1e6, json);
}

}  // namespace edge_infer
