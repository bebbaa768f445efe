// jpeglib.h needs what cstdio declares.
// clang-format off
#include <cstdio>
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <csetjmp>
#include <string>

#include "error.h"
#include "image.h"

namespace edge_infer {
namespace {

constexpr int kMaxScans = 200;  // a small progressive file can hold thousands of scans

/// What libjpeg works on and where it jumps to. Functions between setjmp and longjmp must not own
/// anything with a destructor: so each step below is a function of its own on plain data.
struct Decoder {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  jmp_buf escape{};
  uint8_t* rows = nullptr;
  bool created = false;
  char message[JMSG_LENGTH_MAX] = "";

  ~Decoder() {
    if (created) jpeg_destroy_decompress(&jpeg);
  }
};

[[noreturn]] void OnError(j_common_ptr jpeg) {
  auto* decoder = static_cast<Decoder*>(jpeg->client_data);
  jpeg->err->format_message(jpeg, decoder->message);
  longjmp(decoder->escape, 1);
}

/// libjpeg only warns of truncated and corrupt data and fills in gray; here that is an error.
void OnMessage(j_common_ptr jpeg, int level) {
  if (level >= 0) return;  // traces
  const int code = jpeg->err->msg_code;
  const bool harmless = code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM ||
                        code == JWRN_JFIF_MAJOR || code == JWRN_TOO_MUCH_DATA;
  if (!harmless) OnError(jpeg);
}

void OnProgress(j_common_ptr jpeg) {
  auto* decoder = static_cast<Decoder*>(jpeg->client_data);
  if (decoder->jpeg.input_scan_number > kMaxScans) ERREXIT(jpeg, JERR_BAD_PROGRESSION);
}

bool ReadHeader(Decoder* decoder, Bytes encoded) {
  if (setjmp(decoder->escape) != 0) return false;
  jpeg_create_decompress(&decoder->jpeg);
  decoder->created = true;
  decoder->jpeg.progress = &decoder->progress;
  jpeg_mem_src(&decoder->jpeg, encoded.data, encoded.size);
  jpeg_read_header(&decoder->jpeg, TRUE);
  // Gray stays gray; all else becomes RGB. CMYK has no conversion: libjpeg refuses it.
  const bool gray = decoder->jpeg.jpeg_color_space == JCS_GRAYSCALE;
  decoder->jpeg.out_color_space = gray ? JCS_GRAYSCALE : JCS_RGB;
  // Named, so that a library built with another default computes the same.
  decoder->jpeg.dct_method = JDCT_ISLOW;
  decoder->jpeg.do_fancy_upsampling = TRUE;
  return true;
}

/// Decoding to 1/`reduction` of the size takes fewer coefficients of each block, and less time.
bool Scale(Decoder* decoder, int reduction) {
  if (setjmp(decoder->escape) != 0) return false;
  decoder->jpeg.scale_num = 1;
  decoder->jpeg.scale_denom = static_cast<unsigned>(reduction);
  jpeg_calc_output_dimensions(&decoder->jpeg);
  return true;
}

bool ReadRows(Decoder* decoder) {
  if (setjmp(decoder->escape) != 0) return false;
  jpeg_decompress_struct* jpeg = &decoder->jpeg;
  jpeg_start_decompress(jpeg);
  const size_t stride = size_t{jpeg->output_width} * static_cast<size_t>(jpeg->output_components);
  while (jpeg->output_scanline < jpeg->output_height) {
    JSAMPROW row = decoder->rows + jpeg->output_scanline * stride;
    jpeg_read_scanlines(jpeg, &row, 1);
  }
  jpeg_finish_decompress(jpeg);
  return true;
}

void Require(bool good, const Decoder& decoder) {
  if (!good) throw FrameError(std::string("JPEG: ") + decoder.message);
}

}  // namespace

void DecodeJpeg(Bytes encoded, Image* image, const ChooseReduction& reduction) {
  Decoder decoder;
  decoder.jpeg.err = jpeg_std_error(&decoder.errors);
  decoder.jpeg.client_data = &decoder;
  decoder.errors.error_exit = OnError;
  decoder.errors.emit_message = OnMessage;
  decoder.progress.progress_monitor = OnProgress;
  Require(ReadHeader(&decoder, encoded), decoder);
  const unsigned width = decoder.jpeg.image_width;
  const unsigned height = decoder.jpeg.image_height;
  CheckImageSize(width, height);
  // libjpeg reads no picture with a side above 65500.
  const int less = reduction ? reduction(static_cast<int>(width), static_cast<int>(height)) : 1;
  Require(Scale(&decoder, less), decoder);
  image->Resize(decoder.jpeg.output_width, decoder.jpeg.output_height,
                decoder.jpeg.out_color_space == JCS_GRAYSCALE ? 1 : 3);
  decoder.rows = image->samples.data();
  Require(ReadRows(&decoder), decoder);
}

}  // namespace edge_infer
