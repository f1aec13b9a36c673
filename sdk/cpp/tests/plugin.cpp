// The plugin of the tests: inferers that use all of the interface, and one that misuses it.

#include <unistd.h>

#include <atomic>
#include <cctype>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <grps/plugin.hpp>
#include <limits>
#include <thread>

namespace {

namespace detail {

int released = 0;

// Ways to keep nothing; what is released is counted.
void WrongCalls(grps_request *request) {
  const grps_host &host = *grps::detail::host;
  const auto release = [](void *) noexcept { ++released; };
  char data = 0;
  host.set_user_data(nullptr, "x", 1, &data, release);
  host.set_user_data(request, "x", 1, &data, release);
  host.set_user_data(request, "", 0, nullptr, release);
  if (host.user_data(request, "x", 1) != nullptr || host.user_data(nullptr, "x", 1) != nullptr) {
    throw std::logic_error("it is kept");
  }
  host.set_user_data(request, nullptr, 1, &data, release);
  if (released != 4) throw std::logic_error("it was not released");
  host.set_user_data(request, "x", 1, &data, nullptr);
}

}  // namespace detail

// y = x * factor, by memory of the host.
class Multiply : public grps::Inferer {
 public:
  explicit Multiply(const grps::Settings &settings) : factor_(settings.Number("/factor", 2)) {
    if (factor_ == 0) throw std::invalid_argument("the factor is 0");
    grps::LogInfo("created for " + settings.model() + " on '" + settings.device() + "' by " +
                  settings.json());
  }

  void Infer(grps::Batch &batch) override {
    const grps::Tensor input = batch.input(0);
    const auto x = input.As<float>();
    float *y = batch.outputs().Add<float>("y", input.shape());
    for (size_t index = 0; index < x.size(); ++index) {
      y[index] = x[index] * static_cast<float>(factor_);
    }
    grps::Record(GRPS_METRIC_INC, "rows-of-a-plugin", static_cast<double>(x.size()));
  }

 private:
  double factor_;
};

// Multiplies once it is created, for which there must be a file "release" in the project.
class Late : public Multiply {
 public:
  explicit Late(const grps::Settings &settings) : Multiply(settings) {
    const std::string release = settings.folder() + "/release";
    grps::LogInfo(settings.model() + " waits for its release");
    while (access(release.c_str(), F_OK) != 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
};

// The same twice: lent, and strings of it.
class Lend : public grps::Inferer {
  void Infer(grps::Batch &batch) override {
    const grps::Tensor input = batch.input(0);
    const auto x = input.As<float>();
    std::vector<std::string> texts;
    for (float value : x) texts.push_back(std::to_string(static_cast<int>(value)));
    batch.outputs().Lend("y", input.shape(), std::vector<float>(x.begin(), x.end()));
    batch.outputs().AddStrings("texts", input.shape(), texts);
  }
};

class Upper : public grps::Inferer {
  void Infer(grps::Batch &batch) override {
    const grps::Tensor input = batch.input("text");
    std::vector<std::string> texts;
    for (size_t index = 0; index < input.count(); ++index) {
      std::string text(input.String(index));
      for (char &letter : text) letter = static_cast<char>(std::toupper(letter));
      texts.push_back(text);
    }
    batch.outputs().AddStrings("text", input.shape(), texts);
  }
};

// Counts to the number that it gets, a chunk each; waits for the client to leave if it is negative.
class Count : public grps::Inferer {
  void Infer(grps::Batch &batch) override {
    for (size_t index = 0; index < batch.size(); ++index) {
      grps::Request request = batch.request(index);
      const auto x = batch.input(0).As<float>();
      const auto [first, count] = request.rows();
      const float last = x[first + count - 1];
      for (float number = 0; last < 0 || number < last; ++number) {
        *request.outputs().Add<float>("number", {1}) = number;
        if (!request.Send()) {
          grps::LogWarning("the client of " + std::string(request.id()) + " left");
          break;
        }
      }
    }
  }
};

// Answers with the message: as a chunk and the last one for a stream. Its last byte may break a
// rule.
class Echo : public grps::Inferer {
  void Infer(grps::Batch &batch) override {
    for (size_t index = 0; index < batch.size(); ++index) {
      grps::Request request = batch.request(index);
      const std::string message(request.message());
      if (request.is_streaming()) {
        request.PutMessage(message);
        request.Send();
      }
      const char last = message.empty() ? 0 : message.back();
      if (last == '1') batch.outputs().Add<float>("y", {1});
      if (last == '2') {
        grps::detail::Check(grps::detail::host->put_message(
            grps::detail::host->batch_outputs(batch.raw()), "x", 1));
      }
      if (last == '3') request.outputs().Add<float>("y", {1});
      request.PutMessage(message);
    }
  }
};

// Responds to HTTP, in the way that `mode` of the query says.
class Http : public grps::Inferer {
  void Infer(grps::Batch &batch) override {
    for (size_t index = 0; index < batch.size(); ++index) {
      grps::Request request = batch.request(index);
      const auto http = request.http();
      if (!http) {
        request.PutMessage(request.message());
        continue;
      }
      Respond(request, *http, http->parameter("mode").value_or(""));
    }
  }

  static void Respond(grps::Request &request, const grps::HttpRequest &http,
                      const std::string &mode) {
    if (mode.empty()) {
      const std::string seen = std::string(http.method()) + " " + std::string(http.path()) + " " +
                               http.parameter("a name").value_or("-") + " " +
                               std::string(http.header("X-Name").value_or("-")) + " " +
                               (http.is_streaming() ? "streaming " : "whole ") +
                               (request.is_streaming() ? "streaming " : "whole ") +
                               std::string(http.peer()) + " " + std::string(http.body());
      request.Respond({"replaced", 500});
      request.Respond({seen, 201, "text/x-seen", {{"X-One", "1"}, {"X-One", "2"}}});
    } else if (mode == "stream") {
      request.Respond({"", 202, "text/event-stream", {{"X-Stream", "yes"}}});
      for (const char *part : {"a", "b", "c"}) request.SendBody(part);
    } else if (mode == "refuse") {
      request.Respond({"a teapot", 418, ""});
      throw grps::InputError("refused");
    } else if (mode == "late") {
      request.SendBody("a");
      request.Respond({"late"});
    } else if (mode == "status") {
      request.Respond({"", 199});
    } else if (mode == "nothing") {
      request.PutMessage("x");
    } else {
      Misuse(request, mode[0]);
    }
  }

  static void Misuse(grps::Request &request, char mode) {
    const grps_host &host = *grps::detail::host;
    grps_request *raw = request.raw();
    grps_http_request view = {};
    grps_http_header header = {{"a", 1}, {"\xff", 1}};
    grps_http_response response = {sizeof(response), 200, &header, 1, {"", 0}};
    if (mode == '0') view.struct_size = 111, host.http_request(raw, &view);
    if (mode == '1') host.respond(raw, nullptr);
    if (mode == '2') response.struct_size = 39, host.respond(raw, &response);
    if (mode == '3') host.respond(raw, &response);
    if (mode == '4') response.headers = nullptr, host.respond(raw, &response);
    if (mode == '5') response.header_count = 1025, host.respond(raw, &response);
    if (mode == '6')
      header.value.length = 0, response.body = {nullptr, 1}, host.respond(raw, &response);
    if (mode == '7') response.status = 1000, host.respond(raw, &response);
    if (mode == '8') host.send_body(raw, nullptr, 1);
    host.http_request(nullptr, nullptr), host.respond(nullptr, nullptr);
    host.send_body(nullptr, "x", 1);
  }
};

// Keeps the number with the request, or returns ten times the one that was kept before; a negative
// number counts those that are alive. From 1000 on, it waits until its client has left.
class Data : public grps::Inferer {
  struct Kept {
    explicit Kept(float number) : number(number) { ++alive; }
    Kept(const Kept &other) : number(other.number) { ++alive; }
    ~Kept() { --alive; }
    float number;
    static inline std::atomic<int> alive = 0;
  };

  void Infer(grps::Batch &batch) override {
    const float x = batch.input(0).As<float>()[0];
    grps::Request request = batch.request(0);
    float y = x;
    if (const Kept *kept = request.user_data<Kept>()) {
      y = kept->number * 10;
      request.SetUserData(Kept(y));
      request.SetUserData(Kept(y));
    } else if (x >= 0) {
      request.SetUserData(Kept(x));
      if (request.user_data<float>() != nullptr) throw std::logic_error("it is of another type");
    } else if (x == -2) {
      detail::WrongCalls(request.raw());
    } else {
      y = static_cast<float>(Kept::alive);
    }
    while (x >= 1000 && !request.is_cancelled()) std::this_thread::yield();
    *batch.outputs().Add<float>("y", {1, 1}) = y;
  }
};

// Ends its process by the signal that the number is, and by a full stack for -1; 0 ends nothing,
// once there is a file "go" in the project.
class Crash : public grps::Inferer {
 public:
  explicit Crash(const grps::Settings &settings) : go_(settings.folder() + "/go") {}

  void Infer(grps::Batch &batch) override {
    const grps::Tensor input = batch.input(0);
    const int number = static_cast<int>(input.As<float>()[0]);
    FallOver(number);
    if (number == 0) {
      grps::LogInfo("it sleeps");
      while (!batch.request(0).is_cancelled() && access(go_.c_str(), F_OK) != 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    }
    batch.outputs().Add<float>("y", input.shape());
  }

  __attribute__((noinline)) static int Recurse(volatile int *below) {
    volatile int numbers[1000] = {*below};
    return *below < 0 ? 0 : Recurse(numbers) + numbers[0];
  }

  __attribute__((noinline)) static void FallOver(int number) {
    volatile int depth = 0;
    if (number == -1) depth = Recurse(&depth);
    volatile int *nowhere = nullptr;
    if (number == SIGSEGV) *nowhere = 1;
    if (number == SIGABRT) std::abort();
    if (number == SIGILL) __builtin_trap();
    if (number != 0) std::raise(number);
  }

 private:
  std::string go_;
};

// The sum of each row, with a signature; the arguments say what goes wrong.
class Sum : public grps::Inferer {
 public:
  explicit Sum(const grps::Settings &settings) : warmth_(settings.Text("/warmth", "")) {}

  static grps::Signature Describe(const grps::Settings &settings) {
    const std::string fault = settings.Text("/fault", "");
    if (fault == "throws") throw std::runtime_error("the file is missing");
    grps::Signature signature = {{{"x", GRPS_FLOAT32, {-1, settings.Integer("/columns", 2)}}},
                                 {{"sum", GRPS_FLOAT32, {-1}}}};
    if (fault == "twice") signature.inputs.push_back(signature.inputs[0]);
    if (fault == "type") signature.outputs[0].dtype = 14;
    if (fault == "rank") signature.outputs[0].shape.resize(33);
    return signature;
  }

  void WarmUp() override {
    if (warmth_ == "fails") throw std::runtime_error("it stays cold");
    grps::LogInfo("it is warm");
  }

  void Infer(grps::Batch &batch) override {
    const grps::Tensor input = batch.input(0);
    const auto x = input.As<float>();
    const int64_t rows = input.shape()[0];
    float *sum = batch.outputs().Add<float>("sum", {rows});
    const size_t columns = rows == 0 ? 1 : x.size() / static_cast<size_t>(rows);
    for (size_t index = 0; index < x.size(); ++index) sum[index / columns] += x[index];
  }

 private:
  std::string warmth_;
};

// Calls the model of its arguments with its input, and adds 1 to the output; a negative number
// makes the call wrongly.
class Calls : public grps::Inferer {
 public:
  explicit Calls(const grps::Settings &settings) : model_(settings.Text("/model", "")) {}

  void Infer(grps::Batch &batch) override {
    const grps::Tensor input = batch.input(0);
    const auto x = input.As<float>();
    if (x[0] < 0) return Misuse(batch.request(0), static_cast<int>(x[0]));
    grps::Call call = batch.request(0).call(model_);
    call.inputs().Lend("x", input.shape(), std::vector<float>(x.begin(), x.end()));
    call.Run();
    const auto called = call.output(0).As<float>();
    if (call.output(call.output(0).name()).count() != x.size()) throw std::logic_error("rows");
    float *y = batch.outputs().Add<float>("y", input.shape());
    for (size_t index = 0; index < x.size(); ++index) y[index] = called[index] + 1;
  }

 private:
  void Misuse(const grps::Request &request, int mode) {
    const grps_host &host = *grps::detail::host;
    if (mode == -1) host.begin_call(request.raw(), nullptr, 1);
    grps_call *call = host.begin_call(request.raw(), "none", 4);
    grps_tensor view = {};
    if (mode == -2) host.run_call(call);
    if (mode == -3) host.call_output(call, 0, &view);
    if (mode == -4) {
      host.put_message(host.call_inputs(call), "", 0), host.run_call(call);
      host.run_call(call);
    }
    if (host.call_output_count(call) != 0 || host.call_message(call, nullptr) != nullptr) {
      throw std::logic_error("there are outputs");
    }
    host.end_call(call), host.end_call(nullptr), host.begin_call(nullptr, "x", 1);
    host.call_inputs(nullptr), host.run_call(nullptr), host.call_output_count(nullptr);
    host.call_output(nullptr, 0, nullptr), host.call_message(nullptr, nullptr);
    host.call_failure(nullptr, nullptr);
  }

  std::string model_;
};

// Says what it sees of each request; a negative number fails alone.
class Look : public grps::Inferer {
  void Infer(grps::Batch &batch) override {
    const auto x = batch.input(0).As<float>();
    for (size_t index = 0; index < batch.size(); ++index) {
      grps::Request request = batch.request(index);
      const auto [first, count] = request.rows();
      if (x[first] == -1) {
        request.Fail("too small", 422);
      } else if (x[first] == -2) {
        request.Fail("it did not work");
      } else {
        const bool has_deadline = request.remaining() != std::chrono::microseconds::max();
        std::vector<int64_t> seen = {static_cast<int64_t>(batch.size()),
                                     static_cast<int64_t>(first),
                                     static_cast<int64_t>(count),
                                     has_deadline,
                                     request.is_streaming(),
                                     request.is_cancelled()};
        request.outputs().Lend("seen", {6}, std::move(seen));
        request.outputs().AddStrings("id", {1}, {std::string(request.id())});
      }
    }
  }
};

// Throws what the number says.
class Throw : public grps::Inferer {
  void Infer(grps::Batch &batch) override {
    switch (static_cast<int>(batch.input(0).As<float>()[0])) {
      case 0:
        throw grps::InputError("no such label", 404);
      case 1:
        throw std::runtime_error("it went wrong");
      case 2:
        throw grps::BrokenError("the device is lost");
      case 3:
        throw 7;
      default:
        return;  // without an output
    }
  }
};

// Calls the table wrongly, in the way that the number says.
class Lie : public grps::Inferer {
  static inline int released = 0;
  static void Release(void *) noexcept { ++released; }

  void Infer(grps::Batch &batch) override {
    const grps_host &host = *grps::detail::host;
    grps_outputs *outputs = host.batch_outputs(batch.raw());
    static const float values[4] = {1, 2, 3, 4};
    static const int64_t shape[2] = {1, 4}, negative[2] = {1, -4};
    static const int64_t huge[2] = {std::numeric_limits<int64_t>::max(), 4};
    static const int64_t large[2] = {1, int64_t{1} << 59}, ranks[33] = {};
    static const uint64_t offsets[5] = {0, 2, 1, 2, 2}, good[5] = {0, 1, 1, 2, 2};
    grps_tensor tensor = {sizeof(grps_tensor), GRPS_FLOAT32, 2,       0,   shape, values,
                          sizeof(values),      nullptr,      nullptr, "y", 1};
    void *data = nullptr;
    const int mode = static_cast<int>(batch.input(0).As<float>()[0]);
    switch (mode) {
      case 0:
        tensor.shape = negative;
        break;
      case 1:
        tensor.shape = huge;
        break;
      case 2:
        tensor.dtype = 14;
        break;
      case 3:
        tensor.dtype = -1;
        break;
      case 4:
        tensor.bytes = 17;
        break;
      case 5:
        tensor.dtype = GRPS_FLOAT64;
        break;
      case 6:
        tensor.data = nullptr;
        break;
      case 7:
        tensor.shape = nullptr;
        break;
      case 8:
        tensor.rank = 33, tensor.shape = ranks;
        break;
      case 9:
        tensor.name = nullptr;
        break;
      case 10:
        tensor.name = "\xff";
        break;
      case 11:
        tensor.struct_size = 71;
        break;
      case 12:
        tensor.name_length = 4097;
        break;
      case 13:
        tensor.dtype = GRPS_STRING, tensor.offsets = offsets, tensor.text = "ab";
        break;
      case 14:
        tensor.dtype = GRPS_STRING;
        break;
      case 15:
        tensor.dtype = GRPS_STRING, tensor.offsets = good;
        break;
      case 16:
        host.copy(outputs, nullptr);
        return;
      case 17:
        host.allocate(outputs, &tensor, nullptr);
        return;
      case 18:
        tensor.shape = large, host.allocate(outputs, &tensor, &data);
        return;
      case 19:
        tensor.dtype = GRPS_STRING, host.allocate(outputs, &tensor, &data);
        return;
      case 20:
        tensor.bytes = 12, host.lend(outputs, &tensor, Release, nullptr);
        return;
      case 21:
        host.lend(outputs, &tensor, nullptr, nullptr);
        return;
      case 22:
        host.copy(outputs, &tensor);
        break;  // twice
      case 23:
        host.request(batch.raw(), batch.size());
        return;
      case 24:
        host.input(batch.raw(), 1, &tensor);
        return;
      case 25:
        tensor.struct_size = 8, host.input(batch.raw(), 0, &tensor);
        return;
      case 26:
        host.send_chunk(host.request(batch.raw(), 0));
        return;
      case 27: {  // what is NULL is refused, and what was lent is given back
        const int before = released;
        host.lend(nullptr, &tensor, Release, nullptr);
        host.input(nullptr, 0, &tensor), host.request(nullptr, 0), host.batch_outputs(nullptr);
        host.fail_request(nullptr, GRPS_FAILED, "x", 1), host.request_outputs(nullptr);
        host.is_cancelled(nullptr), host.remaining_us(nullptr), host.send_chunk(nullptr);
        host.fail(nullptr, GRPS_FAILED, "x", 1), host.log(GRPS_INFO, nullptr, 3);
        host.argument(nullptr, "", 0, nullptr), host.rows(nullptr), host.request_count(nullptr);
        host.request_rows(nullptr, nullptr, nullptr), host.input_count(nullptr);
        if (released != before + 1) throw std::logic_error("it was not released");
        break;
      }
      case 28:
        batch.outputs().Lend("released", {1}, std::vector<int>{released});
        return;
      default:
        batch.outputs().Lend("y", {3}, std::vector<float>{1, 2, 3});
        return;  // other rows
    }
    host.copy(outputs, &tensor);
  }
};

}  // namespace

GRPS_PLUGIN("tests", "1.2.3", grps::Class<Multiply>("multiply"), grps::Class<Lend>("lend"),
            grps::Class<Upper>("upper"), grps::Class<Count>("count"), grps::Class<Look>("look"),
            grps::Class<Echo>("echo", GRPS_TAKES_MESSAGES),
            grps::Class<Http>("http", GRPS_TAKES_MESSAGES), grps::Class<Data>("data"),
            grps::Class<Crash>("crash"), grps::Class<Sum>("sum"), grps::Class<Calls>("calls"),
            grps::Class<Throw>("throw"), grps::Class<Lie>("lie"), grps::Class<Late>("late"))
