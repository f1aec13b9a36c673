// A runner for unit tests that needs no library. Another one, such as GoogleTest, works as well.
#ifndef GRPS_TESTING_CHECKS_HPP
#define GRPS_TESTING_CHECKS_HPP

#include <cstdio>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace grps::testing {

// What the running test has found wrong.
inline int failures = 0;

struct Case {
  const char *name;
  void (*run)();
};

inline std::vector<Case> &Cases() {
  static std::vector<Case> cases;
  return cases;
}

inline bool Register(const char *name, void (*run)()) {
  Cases().push_back({name, run});
  return true;
}

inline void Report(const char *file, int line, const std::string &what) {
  ++failures;
  std::fprintf(stderr, "%s:%d: error: %s\n", file, line, what.c_str());
}

// Runs every test; returns the exit code of the program.
inline int RunAll() {
  int failed = 0;
  for (const Case &one : Cases()) {
    failures = 0;
    try {
      one.run();
    } catch (const std::exception &error) {
      Report(one.name, 0, std::string("an exception: ") + error.what());
    }
    failed += failures == 0 ? 0 : 1;
    std::printf("%s %s\n", failures == 0 ? "ok    " : "FAILED", one.name);
  }
  std::printf("%zu tests, %d failed\n", Cases().size(), failed);
  return failed == 0 && !Cases().empty() ? 0 : 1;
}

}  // namespace grps::testing

// GRPS_TEST(Doubles) { ... } is a test.
#define GRPS_TEST(name)                                                                        \
  static void name();                                                                          \
  [[maybe_unused]] static const bool is_##name##_known = grps::testing::Register(#name, name); \
  static void name()

// GRPS_CHECK(answer.status == 200) fails the test if the condition is false, and goes on.
#define GRPS_CHECK(...)                    \
  (static_cast<bool>(__VA_ARGS__) ? void() \
                                  : grps::testing::Report(__FILE__, __LINE__, #__VA_ARGS__))

// The main function; once in a program.
#define GRPS_TEST_MAIN() \
  int main() { return grps::testing::RunAll(); }

#endif
