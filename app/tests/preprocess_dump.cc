// preprocess_dump CONFIG PICTURE: writes the bytes that edge-infer would feed the model, so that
// tests can compare them with the host's. Needs no runtime and no label files.

#include <unistd.h>

#include <cstdio>
#include <exception>

#include "error.h"
#include "file.h"
#include "preprocess.h"

int main(int argc, char** argv) {
  using namespace edge_infer;  // NOLINT(google-build-using-namespace): its only user
  if (argc != 3) {
    std::fputs("usage: preprocess_dump CONFIG PICTURE\n", stderr);
    return 2;
  }
  try {
    std::string text;
    if (ReadFile(argv[1], 1 << 24, &text) != 0) throw ConfigError("cannot read the configuration");
    const Config config = ParseConfig(text, /*read_labels=*/false);
    const InputConfig& input = config.inputs.front();
    if (!input.image) throw ConfigError("inputs[0].image is null");
    const StopSignals signals;
    FrameSource source({argv[2]}, 0, config.camera, signals);
    Frame frame;
    if (!source.Next(&frame)) throw FrameError("no frame");
    Image image;
    Preprocessor preprocessor(input);
    preprocessor.Decode(frame, &image);
    std::vector<uint8_t> tensor(ByteSize(input.tensor));
    preprocessor.Run(image, {tensor.data(), tensor.size()});
    return WriteAll(STDOUT_FILENO, {tensor.data(), tensor.size()}) == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "preprocess_dump: %s\n", error.what());
    return dynamic_cast<const FrameError*>(&error) != nullptr ? 3 : 2;
  }
}
