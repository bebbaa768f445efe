#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace edge_infer {

// Writing JSON without a document in memory: the hot path appends to one string.

/// Quoted and escaped. Bytes that are not UTF-8 become U+FFFD, so a line is always valid JSON.
void AppendString(std::string_view text, std::string* json);

/// The shortest text that reads back as the same number; null for NaN and infinities.
void AppendNumber(double value, std::string* json);
void AppendNumber(float value, std::string* json);
void AppendInteger(int64_t value, std::string* json);

/// Milliseconds with three decimals.
void AppendMilliseconds(double value, std::string* json);

/// Seconds with six decimals.
void AppendSeconds(double value, std::string* json);

}  // namespace edge_infer
