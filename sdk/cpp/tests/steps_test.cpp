// Unit tests of step models by grps/testing.hpp, run against those of steps.cpp. The argument
// `notes` is a file to which they add lines.
#include <cstdio>
#include <fstream>
#include <grps/testing.hpp>

namespace {

using grps::testing::RequestData;
using grps::testing::StepModel;
using grps::testing::StepOptions;
using grps::testing::TensorData;

const std::string kArgs = R"({"notes": "notes"})";

RequestData Ask(int64_t first, int64_t steps, size_t length = 2) {
  std::vector<int64_t> x(length, 0);
  x[0] = first;
  x[1] = steps;
  RequestData request;
  request.inputs.emplace_back("x", std::vector<int64_t>{static_cast<int64_t>(length)}, x);
  return request;
}

std::vector<int64_t> Expected(int64_t value, int64_t steps) {
  std::vector<int64_t> made;
  for (; steps > 0; --steps) made.push_back(value = (value * 31 + 7) % 1000003);
  return made;
}

size_t Noted(const std::string &name) {
  std::ifstream file("notes-" + name);
  std::string line;
  size_t lines = 0;
  while (std::getline(file, line)) ++lines;
  return lines;
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

GRPS_TEST(ASequenceRunsToItsEnd) {
  StepModel model("series", kArgs);
  const auto answer = model.Run(Ask(5, 4).inputs);
  GRPS_CHECK(answer.status == 200);
  GRPS_CHECK(answer.tensor("y").As<int64_t>() == Expected(5, 4));
  GRPS_CHECK(answer.chunks.size() == 4);
  GRPS_CHECK(answer.chunks[1].tensor("y").As<int64_t>() == std::vector<int64_t>{Expected(5, 4)[1]});
}

GRPS_TEST(SequencesJoinAndLeaveWithTheirRows) {
  StepModel model("series", kArgs, {3});
  std::vector<RequestData> requests;
  for (int64_t one = 1; one <= 10; ++one) requests.push_back(Ask(one, one * 3 % 7 + 1));
  const auto answers = model.RunAll(requests);
  for (int64_t one = 1; one <= 10; ++one) {
    GRPS_CHECK(answers[one - 1].tensor("y").As<int64_t>() == Expected(one, one * 3 % 7 + 1));
  }
}

GRPS_TEST(FailuresAreThoseOfTheirRequests) {
  StepModel model("series", kArgs);
  const auto answers = model.RunAll({Ask(1, 3), Ask(-1, 3), Ask(13, 3), Ask(106, 3)});
  GRPS_CHECK(answers[0].tensor("y").As<int64_t>() == Expected(1, 3));
  GRPS_CHECK(answers[1].status == 400 && answers[1].error == "x is negative");
  GRPS_CHECK(answers[2].status == 500 && answers[2].error == "unlucky");
  GRPS_CHECK(answers[3].error == "it can't begin");
  const auto rows = model.RunAll({Ask(2, 3), Ask(105, 3)});
  GRPS_CHECK(rows[0].tensor("y").As<int64_t>() == Expected(2, 3));
  GRPS_CHECK(rows[1].status == 409 && rows[1].error == "row is refused");
  GRPS_CHECK(model.RunAll({Ask(101, 3)})[0].error == "output 'y' of a step has 2 rows, not 1");
  GRPS_CHECK(model.RunAll({Ask(103, 3)})[0].error == "step is broken");
  GRPS_CHECK(model.RunAll({Ask(110, 3)})[0].is_broken);
  GRPS_CHECK(model.RunAll({Ask(1, 1, 2), Ask(120, 1)})[1].status == 400);
}

GRPS_TEST(AClientThatLeavesEndsItsSequence) {
  const size_t before = Noted("ended");
  StepModel model("series", kArgs);
  RequestData request = Ask(7, 100);
  request.most_chunks = 3;
  const auto answer = model.RunAll({request}).front();
  GRPS_CHECK(answer.status == 499 && answer.chunks.size() == 3);
  GRPS_CHECK(Noted("ended") == before + 1);
}

GRPS_TEST(EachSequenceThatBeganEndsOnce) {
  const size_t before = Noted("begun"), after = Noted("ended");
  StepModel model("series", kArgs, {2, 5});
  model.RunAll({Ask(1, 100), Ask(106, 1), Ask(2, 2), Ask(103, 2), Ask(3, 1)});
  // The one that fails in Begin has its state already.
  GRPS_CHECK(Noted("begun") - before == Noted("ended") - after);
}

GRPS_TEST(ASequenceGoesOnBehindItsEarlierOutputs) {
  StepModel model("series", kArgs);
  RequestData request = Ask(9, 5);
  const std::vector<int64_t> all = Expected(9, 5);
  const std::vector<int64_t> made(all.begin(), all.begin() + 2);
  request.earlier.emplace_back("y", std::vector<int64_t>{2}, made);
  const auto answer = model.RunAll({request}).front();
  GRPS_CHECK(answer.tensor("y").As<int64_t>() == std::vector<int64_t>(all.begin() + 2, all.end()));
}

GRPS_TEST(InputsAreReadInParts) {
  StepOptions options;
  options.max_chunk = 3;
  options.prefill_input = "x";
  StepModel model("positions", kArgs, options);
  const size_t before = Noted("parts");
  const auto answers = model.RunAll({Ask(5, 2, 8), Ask(122, 2, 4), Ask(123, 2, 4)});
  // A failure is that of all sequences whose parts are read.
  GRPS_CHECK(answers[0].error == "prefill is broken" && answers[1].error == answers[0].error);
  GRPS_CHECK(Noted("parts") > before);
  const auto alone = model.RunAll({Ask(5, 2, 8)}).front();
  GRPS_CHECK(alone.tensor("y").As<int64_t>() == Expected(8, 2));
  GRPS_CHECK(model.RunAll({Ask(123, 2, 4)})[0].status == 422);
}

GRPS_TEST(WhatCanNotRunIsNamed) {
  GRPS_CHECK(Thrown([] { grps::testing::Model("series", kArgs); }) ==
             "'series' is a step model; use grps::testing::StepModel");
  GRPS_CHECK(Thrown([] { StepModel("echo", kArgs); }) ==
             "'echo' is no step model; use grps::testing::Model");
  const StepOptions in_parts{4, 4096, 2, "x"};
  GRPS_CHECK(Thrown([&] { StepModel("series", kArgs, in_parts); }) ==
             "max_chunk needs a prefill function");
  const std::string negative = R"({"notes": "notes", "fault": "negative"})";
  GRPS_CHECK(Thrown([&] { StepModel("series", negative); }) ==
             "add_slot: 'value': a dimension is negative");
}

}  // namespace

GRPS_TEST_MAIN()
