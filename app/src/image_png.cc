#include <png.h>

#include <csetjmp>
#include <cstring>
#include <string>

#include "error.h"
#include "image.h"

namespace edge_infer {
namespace {

constexpr png_uint_32 kMaxSide = 1'000'000;
constexpr png_alloc_size_t kMaxChunk = 8 << 20;  // an ancillary chunk can unpack to gigabytes

/// What libpng reads and where it jumps to. Functions between setjmp and longjmp must not own
/// anything with a destructor: so each step below is a function of its own on plain data.
struct Decoder {
  png_structp png = nullptr;
  png_infop info = nullptr;
  Bytes rest;
  uint8_t* rows = nullptr;
  png_uint_32 width = 0;
  png_uint_32 height = 0;
  int channels = 0;
  int passes = 0;
  char message[160] = "";

  ~Decoder() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void OnError(png_structp png, png_const_charp text) {
  auto* decoder = static_cast<Decoder*>(png_get_error_ptr(png));
  std::strncpy(decoder->message, text, sizeof decoder->message - 1);
  png_longjmp(png, 1);
}

void OnWarning(png_structp /*png*/, png_const_charp /*text*/) {}

void OnRead(png_structp png, png_bytep out, size_t size) {
  auto* decoder = static_cast<Decoder*>(png_get_io_ptr(png));
  if (size > decoder->rest.size) png_error(png, "truncated");
  std::memcpy(out, decoder->rest.data, size);
  decoder->rest.data += size;
  decoder->rest.size -= size;
}

/// Asks for 8-bit gray or RGB without alpha. Samples are never gamma-corrected.
void SetTransforms(Decoder* decoder) {
  png_structp png = decoder->png;
  const int type = png_get_color_type(png, decoder->info);
  png_set_expand(png);    // palettes, 1, 2 and 4 bits; transparency becomes alpha
  png_set_strip_16(png);  // keeps the high byte
  png_set_strip_alpha(png);
  decoder->passes = png_set_interlace_handling(png);
  decoder->channels = (type & PNG_COLOR_MASK_COLOR) != 0 ? 3 : 1;
  png_read_update_info(png, decoder->info);
}

bool ReadHeader(Decoder* decoder) {
  if (setjmp(png_jmpbuf(decoder->png)) != 0) return false;
  png_set_user_limits(decoder->png, kMaxSide, kMaxSide);
  png_set_chunk_malloc_max(decoder->png, kMaxChunk);
  png_set_chunk_cache_max(decoder->png, 64);
  png_set_read_fn(decoder->png, decoder, OnRead);
  png_read_info(decoder->png, decoder->info);
  decoder->width = png_get_image_width(decoder->png, decoder->info);
  decoder->height = png_get_image_height(decoder->png, decoder->info);
  return true;
}

bool ReadRows(Decoder* decoder) {
  if (setjmp(png_jmpbuf(decoder->png)) != 0) return false;
  SetTransforms(decoder);
  const size_t stride = size_t{decoder->width} * static_cast<size_t>(decoder->channels);
  if (png_get_rowbytes(decoder->png, decoder->info) != stride) {
    png_error(decoder->png, "unexpected row size");
  }
  for (int pass = 0; pass < decoder->passes; ++pass) {
    for (png_uint_32 y = 0; y < decoder->height; ++y) {
      png_read_row(decoder->png, decoder->rows + y * stride, nullptr);
    }
  }
  png_read_end(decoder->png, nullptr);
  return true;
}

void Require(bool good, const Decoder& decoder) {
  if (!good) throw FrameError(std::string("PNG: ") + decoder.message);
}

}  // namespace

void DecodePng(Bytes encoded, Image* image) {
  Decoder decoder;
  decoder.rest = encoded;
  decoder.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoder, OnError, OnWarning);
  if (decoder.png != nullptr) decoder.info = png_create_info_struct(decoder.png);
  if (decoder.info == nullptr) throw FrameError("PNG: cannot start libpng");
  Require(ReadHeader(&decoder), decoder);
  const bool color = (png_get_color_type(decoder.png, decoder.info) & PNG_COLOR_MASK_COLOR) != 0;
  image->Resize(decoder.width, decoder.height, color ? 3 : 1);
  decoder.rows = image->samples.data();
  Require(ReadRows(&decoder), decoder);
}

}  // namespace edge_infer
