// Runs all checks over HTTP and gRPC; clients/conformance/README.md describes the variables.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <thread>

#include "suite.h"

namespace conformance {

std::string variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) throw std::runtime_error("the variable " + name + " is not set");
  return value;
}

void expect(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error("expected: " + what);
}

grps::Client Target::tls_client(const std::string& key, const std::string& ca_variable) const {
  grps::ClientOptions secure = options;
  secure.tls = grps::Tls{variable(ca_variable), "", ""};
  secure.key = key;
  return grps::Client(tls_address, secure);
}

int count_of(const grps::Client& client, const std::string& name) {
  const std::string json = client.predict("", {"state"}).text();
  const auto found = json.find("\"" + name + "\": ");
  expect(found != std::string::npos, "a count of " + name + " in " + json);
  return std::stoi(json.substr(found + name.size() + 4));
}

void expect_cancelled(const grps::Client& client, int before) {
  for (int look = 0; look < 100; ++look) {
    if (count_of(client, "cancelled") > before && count_of(client, "running") == 0) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  throw std::runtime_error("the service did not see the end of the call");
}

namespace {

std::string escaped(const std::string& text) {
  std::string result;
  for (const char each : text) {
    if (each == '"' || each == '\\') result += '\\';
    result += static_cast<unsigned char>(each) < 0x20 ? ' ' : each;
  }
  return result;
}

bool run(const Check& check, const Target& target, std::ofstream& results) {
  std::string why;
  try {
    check.run(target);
  } catch (const std::exception& error) {
    why = error.what();
    if (why.empty()) why = "an exception without a text";
  }
  results << R"({"feature": ")" << check.feature << R"(", "protocol": ")" << target.protocol
          << R"(", "passed": )" << (why.empty() ? "true" : "false");
  if (!why.empty()) {
    results << R"(, "why": ")" << escaped(why) << '"';
    std::cerr << check.feature << " over " << target.protocol << ": " << why << '\n';
  }
  results << "}" << std::endl;
  return why.empty();
}

std::vector<Target> targets() {
  Target http{"http",
              {},
              variable("GRPS_HTTP"),
              variable("GRPS_TLS_HTTP"),
              variable("GRPS_LIMITED_KEY_HTTP")};
  Target grpc{"grpc",
              {},
              variable("GRPS_GRPC"),
              variable("GRPS_TLS_GRPC"),
              variable("GRPS_LIMITED_KEY_GRPC")};
  grpc.options.protocol = grps::Protocol::Grpc;
  return {http, grpc};
}

int run_all() {
  std::ofstream results(variable("GRPS_RESULTS"), std::ios::app);
  bool passed = true;
  for (const Target& target : targets()) {
    for (const auto& checks :
         {content_checks(), stream_checks(), ending_checks(), refusal_checks()}) {
      for (const Check& check : checks) {
        if (check.feature == "ndarray" && target.protocol != "http") continue;
        passed = run(check, target, results) && passed;
      }
    }
  }
  return passed ? 0 : 1;
}

}  // namespace
}  // namespace conformance

int main() {
  try {
    return conformance::run_all();
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
