// The unit tests of plugins by grps/testing.hpp, run against the inferers of plugin.cpp.
#include <grps/testing.hpp>

namespace {

using grps::testing::Model;
using grps::testing::RequestData;
using grps::testing::TensorData;

std::vector<TensorData> Floats(const std::vector<float> &values) {
  return {{"x", {static_cast<int64_t>(values.size()), 1}, values}};
}

template <typename F>
std::string Thrown(F &&call) {
  try {
    call();
  } catch (const std::exception &error) {
    return error.what();
  }
  return "nothing";
}

GRPS_TEST(RunsRequestsTogetherAndGivesEachItsRows) {
  Model model("multiply", R"({"factor": 3, "label": "a\"b"})");
  std::vector<RequestData> requests(2);
  requests[0].inputs = Floats({1, 2});
  requests[1].inputs = Floats({3});
  const auto answers = model.InferBatch(requests);
  GRPS_CHECK(answers[0].tensor("y").As<float>() == std::vector<float>{3, 6});
  GRPS_CHECK(answers[1].tensor("y").shape() == std::vector<int64_t>{1, 1});
  GRPS_CHECK(answers[1].tensor("y").As<float>() == std::vector<float>{9});
  GRPS_CHECK(Thrown([&] { answers[0].tensor("z"); }) == "there is no output 'z'");
  GRPS_CHECK(Thrown([&] { answers[0].tensor("y").As<int64_t>(); }) == "'y' is float32");
}

GRPS_TEST(SaysWhyAnInfererIsNotCreated) {
  GRPS_CHECK(Thrown([] { Model("multiply", R"({"factor": 0})"); }) == "the factor is 0");
  GRPS_CHECK(Thrown([] { Model("other"); }).find("no inferer 'other'; it has: multiply") !=
             std::string::npos);
  GRPS_CHECK(Thrown([] { Model("multiply", "{\"a\" 1}"); }) ==
             "the arguments are no JSON at offset 5");
}

GRPS_TEST(Strings) {
  Model model("upper");
  const auto answer = model.Infer({{"text", {2}, std::vector<std::string>{"ab", ""}}});
  GRPS_CHECK(answer.tensors.at(0).strings() == std::vector<std::string>({"AB", ""}));
}

GRPS_TEST(ChunksUntilTheClientLeaves) {
  Model model("count");
  RequestData request;
  request.inputs = {{"n", {1}, std::vector<float>{3}}};
  GRPS_CHECK(model.Infer(request).status == 400);
  request.is_streaming = true;
  const auto all = model.Infer(request);
  GRPS_CHECK(all.status == 200);
  GRPS_CHECK(all.chunks.size() == 3);
  GRPS_CHECK(all.chunks[2].tensors.at(0).As<float>() == std::vector<float>{2});
  request.most_chunks = 2;
  GRPS_CHECK(model.Infer(request).chunks.size() == 2);
}

GRPS_TEST(Messages) {
  Model model("echo");
  RequestData request;
  request.message = "bytes";
  GRPS_CHECK(model.Infer(request).message == "bytes");
}

GRPS_TEST(HttpRequestsAndTheirResponses) {
  Model model("http");
  RequestData request;
  request.http.emplace();
  request.http->query = "a+name=%41b";
  request.http->headers = {{"x-name", "n"}};
  request.http->body = "body";
  const auto answer = model.Infer(request);
  GRPS_CHECK(answer.status == 201 && answer.http->content_type == "text/x-seen");
  GRPS_CHECK(answer.http->body == "POST / Ab n whole whole 127.0.0.1 body");
  GRPS_CHECK(answer.http->headers.size() == 2);
  request.http->query = "mode=stream";
  GRPS_CHECK(model.Infer(request).body_chunks == std::vector<std::string>({"a", "b", "c"}));
  request.most_chunks = 1;
  GRPS_CHECK(model.Infer(request).body_chunks.size() == 1);
  request.http->query = "mode=refuse";
  GRPS_CHECK(model.Infer(request).status == 418 && model.Infer(request).error == "refused");
  request.http->query = "mode=status";
  GRPS_CHECK(model.Infer(request).error == "respond: the status is 199");
}

GRPS_TEST(DataIsKeptWithARequestAndReleased) {
  Model model("data");
  const auto infer = [&](float x) {
    return model.Infer({{"x", {1, 1}, std::vector<float>{x}}}).tensor("y").As<float>()[0];
  };
  GRPS_CHECK(infer(5) == 5);
  GRPS_CHECK(infer(-1) == 0);  // nothing of the request before is alive
}

GRPS_TEST(FailuresHaveTheirStatus) {
  Model model("throw");
  const auto fail = [&](float number) { return model.Infer(Floats({number})); };
  GRPS_CHECK(fail(0).status == 404 && fail(0).error == "no such label");
  GRPS_CHECK(fail(1).status == 500 && fail(1).error == "it went wrong" && !fail(1).is_broken);
  GRPS_CHECK(fail(2).is_broken);
  GRPS_CHECK(fail(3).error == "an exception that is no std::exception");
  Model liar("lie");
  GRPS_CHECK(liar.Infer(Floats({0})).error == "output 'y': dimension 1 is -4");
}

GRPS_TEST(ABatchThatFailsRunsAgainOneByOne) {
  Model model("throw");
  std::vector<RequestData> requests(2);
  requests[0].inputs = Floats({0});
  requests[1].inputs = Floats({1});
  const auto answers = model.InferBatch(requests);
  GRPS_CHECK(answers[0].status == 404);
  GRPS_CHECK(answers[1].error == "it went wrong");
}

GRPS_TEST(InputsThatDoNotFitAreWrongTests) {
  GRPS_CHECK(Thrown([] { TensorData("x", {2}, std::vector<float>{1}); }) ==
             "'x' has 1 elements, which its shape has not");
  Model model("multiply");
  std::vector<RequestData> requests(2);
  requests[0].inputs = Floats({1});
  requests[1].inputs = {{"x", {1, 2}, std::vector<float>{1, 2}}};
  GRPS_CHECK(Thrown([&] { model.InferBatch(requests); }) ==
             "inputs 'x' of the requests can't be joined");
  GRPS_CHECK(Thrown([&] { model.InferBatch({}); }) == "a batch has one request at least");
}

GRPS_TEST(ArgumentsAreFoundByPointers) {
  const grps_args args = {
      grps::testing::detail::JsonReader(
          R"( {"a": [1, -2.5, "t\n"], "b": {"c": true, "d": null, "x/y": false}, "e": 1e3} )")
          .ReadAll()};
  const auto kind = [&](const char *pointer) {
    const auto *found = args.Find(pointer);
    return found == nullptr ? GRPS_MISSING : found->kind;
  };
  GRPS_CHECK(kind("") == GRPS_MAP && kind("/a") == GRPS_LIST && kind("/a/0") == GRPS_INTEGER);
  GRPS_CHECK(kind("/a/1") == GRPS_NUMBER && args.Find("/a/2")->text == "t\n");
  GRPS_CHECK(args.Find("/b/c")->integer == 1 && args.Find("/b/x~1y")->integer == 0);
  GRPS_CHECK(kind("/b/d") == GRPS_NULL && args.Find("/e")->number == 1000);
  GRPS_CHECK(kind("/a/3") == GRPS_MISSING && kind("a") == GRPS_MISSING);
}

}  // namespace

GRPS_TEST_MAIN()
