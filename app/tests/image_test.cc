#include "image.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "error.h"
#ifdef EDGE_INFER_HAVE_JPEG
#include <jpeglib.h>
#endif
#ifdef EDGE_INFER_HAVE_PNG
#include <png.h>
#endif

namespace edge_infer {
namespace {

Bytes AsBytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

Image Decode(const std::string& encoded) {
  Image image;
  DecodeImage(AsBytes(encoded), &image);
  return image;
}

using Samples = std::vector<uint8_t>;

TEST_CASE("PNM") {
  CHECK(Decode("P5 2 1 255\n\x01\xff").samples == Samples{1, 255});
  CHECK(Decode("P5\n# comment\n2 1\n# another\n255\n\x01\xff").samples == Samples{1, 255});
  CHECK(Decode(std::string("P5 2 1 65535\n\x01\x02\xff\x00", 17)).samples == Samples{1, 255});
  CHECK(Decode("P5 2 1 15\n\x01\x0f").samples == Samples{17, 255});
  CHECK(Decode("P2 2 1 255 7 8").samples == Samples{7, 8});
  const Image image = Decode("P6 1 1 255\nabc");
  CHECK(image.channels == 3);
  CHECK(image.samples == Samples{'a', 'b', 'c'});
  CHECK(Decode("P3 1 1 65535 256 512 65535\n").samples == Samples{1, 2, 255});
}

TEST_CASE("averaging: rounded half up, the last blocks are what is left") {
  Image image;
  image.Resize(3, 3, 1);
  image.samples = {1, 2, 250, 3, 4, 251, 7, 8, 9};
  Average(2, &image);
  CHECK(image.width == 2);
  CHECK(image.height == 2);
  CHECK(image.samples == Samples{3, 251, 8, 9});
  image.Resize(1, 3, 3);
  image.samples = {0, 10, 255, 1, 20, 255, 1, 31, 255};
  Average(8, &image);
  CHECK(image.samples == Samples{1, 20, 255});
  for (const int times : {2, 4, 8}) {
    image.Resize(65, 33, 3);
    std::fill(image.samples.begin(), image.samples.end(), uint8_t{255});
    Average(times, &image);
    CHECK(image.samples ==
          Samples(static_cast<size_t>((64 / times + 1) * (32 / times + 1) * 3), 255));
  }
}

TEST_CASE("PNM, smaller") {
  Image image;
  DecodeImage(AsBytes("P3 3 1 255 0 4 9 1 5 9 8 8 8"), &image, [](int width, int height) {
    CHECK(width == 3);
    CHECK(height == 1);
    return 2;
  });
  CHECK(image.samples == Samples{1, 5, 9, 8, 8, 8});
}

TEST_CASE("broken PNM") {
  for (const char* text : {"",
                           "P",
                           "P5",
                           "P5 2",
                           "P5 2 1 255",
                           "P5 2 1 255\n\x01",
                           "P5 0 1 255\n",
                           "P5 -1 1 255\n",
                           "P5 2 1 0\n\x01\x01",
                           "P5 2 1 65536\n1111",
                           "P5 100000 100000 255\n",
                           "P5 1 1 15\n\xff",
                           "P5 99999999999999999999 1 255\n",
                           "P2 2 1 255 7",
                           "P2 1 1 255 x",
                           "P2 1 1 255 256",
                           "P7\n",
                           "P4 1 1\n\x01",
                           "hello",
                           "P3 30000 3000 255\n"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(Decode(text), FrameError);
  }
}

TEST_CASE("length of a PNM picture in a stream") {
  const std::string two = "P5 2 1 255\nabP5 2 1 255\ncd";
  CHECK(MeasurePnm(AsBytes(two)).size == 13);
  CHECK(MeasurePnm(AsBytes(two)).complete);
  CHECK_FALSE(MeasurePnm(AsBytes("P5 2 1 255\na")).complete);
  CHECK_FALSE(MeasurePnm(AsBytes("P5 2 1 2")).complete);
  CHECK(MeasurePnm(AsBytes("P2 2 1 255 1 23\nP2")).size == 15);
  CHECK_THROWS_AS(MeasurePnm(AsBytes("P5 x")), FrameError);
}

/// A BMP of 24 bits a pixel, its rows from the bottom.
std::string EncodeBmp(char width, char height, const Samples& bgr) {
  const std::string zeros(64, '\0');
  std::string bmp = "BM" + zeros.substr(0, 8) + char{54} + zeros.substr(0, 3);
  bmp += char{40} + zeros.substr(0, 3) + width + zeros.substr(0, 3) + height + zeros.substr(0, 3);
  bmp += char{1} + zeros.substr(0, 1) + char{24} + zeros.substr(0, 25);
  const auto stride = static_cast<size_t>(width) * 3;
  for (size_t at = 0; at < bgr.size(); at += stride) {
    bmp.append(bgr.begin() + static_cast<ptrdiff_t>(at),
               bgr.begin() + static_cast<ptrdiff_t>(at + stride));
    bmp += zeros.substr(0, (4 - stride % 4) % 4);
  }
  return bmp;
}

TEST_CASE("BMP") {
  CHECK(Decode(EncodeBmp(1, 2, {1, 2, 3, 4, 5, 6})).samples == Samples{6, 5, 4, 3, 2, 1});
  const std::string good = EncodeBmp(3, 3, Samples(27, 7));
  CHECK(Decode(good).width == 3);
  for (size_t size = 0; size < good.size(); ++size) {
    CHECK_THROWS_AS(Decode(good.substr(0, size)), FrameError);
  }
  for (size_t i = 2; i < 54; ++i) {
    for (const int flip : {0x01, 0x55, 0x80, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      try {
        Decode(bad);
      } catch (const FrameError&) {
      }
    }
  }
  // Where a size has 32 bits, this and the pixels' size add up to next to nothing.
  std::string far = good;
  far.replace(10, 4, std::string("\xf0\xff\xff\xff", 4));
  CHECK_THROWS_WITH_AS(Decode(far), "BMP: truncated", FrameError);
}

#ifdef EDGE_INFER_HAVE_PNG
std::string EncodePng(png_uint_32 format, png_uint_32 width, png_uint_32 height,
                      const void* samples) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = format;
  png_alloc_size_t size = 0;
  REQUIRE(png_image_write_to_memory(&image, nullptr, &size, 0, samples, 0, nullptr));
  std::string encoded(size, '\0');
  REQUIRE(png_image_write_to_memory(&image, encoded.data(), &size, 0, samples, 0, nullptr));
  encoded.resize(size);
  return encoded;
}

TEST_CASE("PNG") {
  const uint8_t rgb[] = {1, 2, 3, 250, 251, 252};
  CHECK(Decode(EncodePng(PNG_FORMAT_RGB, 2, 1, rgb)).samples == Samples{1, 2, 3, 250, 251, 252});
  const uint8_t gray[] = {5, 6};
  CHECK(Decode(EncodePng(PNG_FORMAT_GRAY, 1, 2, gray)).samples == Samples{5, 6});
  const uint8_t rgba[] = {1, 2, 3, 0};
  CHECK(Decode(EncodePng(PNG_FORMAT_RGBA, 1, 1, rgba)).samples == Samples{1, 2, 3});
  const uint16_t deep[] = {0x1234, 0xff01, 0x00ff};
  CHECK(Decode(EncodePng(PNG_FORMAT_LINEAR_RGB, 1, 1, deep)).samples == Samples{0x12, 0xff, 0});
}

TEST_CASE("broken PNG: every truncation and many flipped bytes") {
  const uint8_t rgb[48] = {1, 2, 3};
  const std::string good = EncodePng(PNG_FORMAT_RGB, 4, 4, rgb);
  for (size_t size = 0; size < good.size(); ++size) {
    CHECK_THROWS_AS(Decode(good.substr(0, size)), FrameError);
  }
  for (size_t i = 8; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x55);
    try {
      Decode(bad);
    } catch (const FrameError&) {
    }
  }
}
#endif

#ifdef EDGE_INFER_HAVE_JPEG
std::string EncodeJpeg(JDIMENSION width, JDIMENSION height, int channels, Samples samples) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* memory = nullptr;
  unsigned long size = 0;  // NOLINT(google-runtime-int): libjpeg's type
  jpeg_mem_dest(&jpeg, &memory, &size);
  jpeg.image_width = width;
  jpeg.image_height = height;
  jpeg.input_components = channels;
  jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  for (JDIMENSION y = 0; y < height; ++y) {
    JSAMPROW row = samples.data() + y * width * static_cast<JDIMENSION>(channels);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  std::string encoded(reinterpret_cast<char*>(memory), size);
  free(memory);
  jpeg_destroy_compress(&jpeg);
  return encoded;
}

TEST_CASE("JPEG") {
  const Image gray = Decode(EncodeJpeg(8, 8, 1, Samples(64, 100)));
  CHECK(gray.channels == 1);
  CHECK(gray.samples == Samples(64, 100));
  const Image rgb = Decode(EncodeJpeg(16, 8, 3, Samples(16 * 8 * 3, 100)));
  CHECK(rgb.channels == 3);
  CHECK(rgb.width == 16);
  CHECK(rgb.samples == Samples(16 * 8 * 3, 100));
}

TEST_CASE("JPEG, smaller") {
  for (const int reduction : {1, 2, 4, 8}) {
    Image image;
    const std::string encoded = EncodeJpeg(33, 17, 3, Samples(33 * 17 * 3, 100));
    DecodeImage(AsBytes(encoded), &image, [reduction](int width, int height) {
      CHECK(width == 33);
      CHECK(height == 17);
      return reduction;
    });
    const int width = (33 + reduction - 1) / reduction;
    const int height = (17 + reduction - 1) / reduction;
    CHECK(image.width == width);
    CHECK(image.height == height);
    CHECK(image.samples == Samples(static_cast<size_t>(width * height * 3), 100));
  }
}

TEST_CASE("broken JPEG: every truncation and many flipped bytes") {
  Samples samples(32 * 32 * 3);
  for (size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<uint8_t>(i * 37);
  const std::string good = EncodeJpeg(32, 32, 3, samples);
  // The last two bytes are the end marker, whose absence libjpeg may or may not notice.
  for (size_t size = 0; size + 8 < good.size(); ++size) {
    CHECK_THROWS_AS(Decode(good.substr(0, size)), FrameError);
  }
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x55);
    try {
      Decode(bad);
    } catch (const FrameError&) {
    }
  }
}
#endif

}  // namespace
}  // namespace edge_infer
