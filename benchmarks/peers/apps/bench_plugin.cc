// The user functions of bench_user.py in C++.
#include <cstdio>
#include <grps/plugin.hpp>

namespace {

// W1: answers with the message of the request.
class Echo : public grps::Inferer {
 public:
  void Infer(grps::Batch &batch) override {
    for (size_t index = 0; index < batch.size(); ++index) {
      grps::Request request = batch.request(index);
      request.PutMessage(request.message());
    }
  }
};

// W2: [N,3,224,224] -> [N,3].
class Mean : public grps::Inferer {
 public:
  void Infer(grps::Batch &batch) override {
    const grps::Tensor input = batch.input(0);
    const std::vector<int64_t> shape = input.shape();
    if (shape.size() != 4) throw grps::InputError("the input has 4 dimensions");
    const grps::Span<float> pixels = input.As<float>();
    float *means = batch.outputs().Add<float>("y", {shape[0], shape[1]});
    const size_t size = static_cast<size_t>(shape[2] * shape[3]);
    for (size_t channel = 0; channel * size < pixels.size(); ++channel) {
      const float *first = pixels.data() + channel * size;
      // As many sums as a register of vectors has places.
      float sums[16] = {};
      size_t index = 0;
      for (; index + 16 <= size; index += 16) {
        for (size_t lane = 0; lane < 16; ++lane) sums[lane] += first[index + lane];
      }
      float sum = 0;
      for (; index < size; ++index) sum += first[index];
      for (const float lane : sums) sum += lane;
      means[channel] = sum / static_cast<float>(size);
    }
  }
};

// W5: 200 short lines.
class Stream : public grps::Inferer {
 public:
  void Infer(grps::Batch &batch) override {
    for (size_t index = 0; index < batch.size(); ++index) {
      grps::Request request = batch.request(index);
      for (int chunk = 0; chunk < 200; ++chunk) {
        // A GrpsMessage with str_data: field 4, 11 bytes.
        char message[16];
        std::snprintf(message, sizeof(message),
                      "\x22\x0b"
                      "chunk-%04d\n",
                      chunk);
        request.PutMessage({message, 13});
        if (!request.Send()) break;
      }
    }
  }
};

}  // namespace

GRPS_PLUGIN("bench", "1.0.0", grps::Class<Echo>("echo", GRPS_TAKES_MESSAGES),
            grps::Class<Mean>("mean"), grps::Class<Stream>("stream", GRPS_TAKES_MESSAGES))
