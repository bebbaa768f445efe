#include <algorithm>
#include <cstring>

#include "error.h"
#include "image.h"

namespace edge_infer {
namespace {

bool IsSpace(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

struct NeedMore {};  ///< the bytes end inside a number or the header

/// Reads the decimal numbers of a PNM file.
class Scanner {
 public:
  explicit Scanner(Bytes bytes) : bytes_(bytes) {}

  size_t position() const { return position_; }
  void Skip(size_t count) { position_ += count; }

  /// The next number, after white space and comments. Throws NeedMore at the end of the bytes and
  /// FrameError for anything else. `at_end` says that a number may end with the bytes.
  unsigned Number(bool at_end = false) {
    SkipSpace();
    unsigned value = 0;
    size_t digits = 0;
    for (; position_ < bytes_.size; ++position_, ++digits) {
      const unsigned digit = bytes_.data[position_] - unsigned{'0'};
      if (digit > 9) break;
      value = value * 10 + digit;
      if (value > 100'000'000) throw FrameError("PNM: a number is too large");
    }
    if (position_ == bytes_.size && !(at_end && digits > 0)) throw NeedMore();
    if (digits == 0) throw FrameError("PNM: a number is missing");
    return value;
  }

 private:
  void SkipSpace() {
    bool comment = false;
    for (; position_ < bytes_.size; ++position_) {
      const uint8_t c = bytes_.data[position_];
      if (comment) {
        comment = c != '\n';
      } else if (c == '#') {
        comment = true;
      } else if (!IsSpace(c)) {
        return;
      }
    }
  }

  Bytes bytes_;
  size_t position_ = 0;
};

struct Header {
  bool text = false;  ///< P2, P3: samples as decimal numbers
  int channels = 1;
  size_t width = 0;
  size_t height = 0;
  unsigned maximum = 255;
  size_t size = 0;  ///< of the header itself

  size_t samples() const { return width * height * static_cast<size_t>(channels); }
  size_t bytes_per_sample() const { return maximum > 255 ? 2 : 1; }
};

Header ParseHeader(Bytes encoded) {
  if (encoded.size < 2) throw NeedMore();
  if (!IsPnm(encoded)) throw FrameError("PNM: not P2, P3, P5 or P6");
  Scanner scanner(encoded);
  scanner.Skip(2);
  Header header;
  const char kind = static_cast<char>(encoded.data[1]);
  header.text = kind == '2' || kind == '3';
  header.channels = kind == '3' || kind == '6' ? 3 : 1;
  header.width = scanner.Number();
  header.height = scanner.Number();
  header.maximum = scanner.Number();
  if (header.maximum == 0 || header.maximum > 65535) throw FrameError("PNM: bad maximum value");
  if (!IsSpace(encoded.data[scanner.position()])) throw FrameError("PNM: bad header");
  header.size = scanner.position() + 1;
  CheckImageSize(header.width, header.height);
  return header;
}

/// One sample to 8 bits: 16-bit samples keep their high byte, any other maximum is scaled.
uint8_t To8Bit(unsigned value, unsigned maximum) {
  if (value > maximum) throw FrameError("PNM: a sample is above the maximum");
  if (maximum == 255) return static_cast<uint8_t>(value);
  if (maximum == 65535) return static_cast<uint8_t>(value >> 8);
  return static_cast<uint8_t>((value * 255 + maximum / 2) / maximum);
}

void DecodeText(Bytes encoded, const Header& header, std::vector<uint8_t>* samples) {
  Scanner scanner(encoded);
  scanner.Skip(header.size);
  for (uint8_t& sample : *samples) sample = To8Bit(scanner.Number(true), header.maximum);
}

void DecodeBinary(Bytes encoded, const Header& header, std::vector<uint8_t>* samples) {
  const uint8_t* in = encoded.data + header.size;
  if (header.maximum == 255) {
    std::memcpy(samples->data(), in, samples->size());
    return;
  }
  const bool wide = header.bytes_per_sample() == 2;
  for (uint8_t& sample : *samples) {
    unsigned value = *in++;
    if (wide) value = value << 8 | *in++;
    sample = To8Bit(value, header.maximum);
  }
}

}  // namespace

bool IsPnm(Bytes encoded) {
  if (encoded.size < 2 || encoded.data[0] != 'P') return false;
  const uint8_t kind = encoded.data[1];
  return kind == '2' || kind == '3' || kind == '5' || kind == '6';
}

PnmExtent MeasurePnm(Bytes encoded) {
  try {
    const Header header = ParseHeader(encoded);
    if (!header.text) {
      const size_t size = header.size + header.samples() * header.bytes_per_sample();
      return {encoded.size >= size, size};
    }
    Scanner scanner(encoded);
    scanner.Skip(header.size);
    for (size_t i = 0; i < header.samples(); ++i) scanner.Number();
    return {true, scanner.position()};
  } catch (const NeedMore&) {
    return {};
  }
}

void DecodePnm(Bytes encoded, Image* image) {
  try {
    const Header header = ParseHeader(encoded);
    // Refuse before making room for what is not there. A text sample takes at least one byte.
    const size_t per_sample = header.text ? 1 : header.bytes_per_sample();
    if ((encoded.size - header.size) / per_sample < header.samples()) throw NeedMore();
    image->Resize(header.width, header.height, header.channels);
    if (header.text) {
      DecodeText(encoded, header, &image->samples);
    } else {
      DecodeBinary(encoded, header, &image->samples);
    }
  } catch (const NeedMore&) {
    throw FrameError("PNM: truncated");
  }
}

}  // namespace edge_infer
