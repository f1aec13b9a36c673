// What the checks share: the addresses of the service, results, and what a check expects.
#pragma once

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "grps/client.h"

namespace conformance {

// One protocol of the service.
struct Target {
  std::string protocol;  // as features.yml names it
  grps::ClientOptions options;
  std::string address;
  std::string tls_address;
  std::string limited_key;

  grps::Client client() const { return grps::Client(address, options); }
  grps::Client tls_client(const std::string& key, const std::string& ca_variable = "GRPS_CA") const;
};

struct Check {
  std::string feature;
  std::function<void(const Target&)> run;
};

// The value of an environment variable; throws if it is missing.
std::string variable(const std::string& name);

void expect(bool condition, const std::string& what);

// Runs a function that is to throw an Expected, and returns what it threw.
template <typename Expected, typename Function>
Expected expect_error(Function&& function, const std::string& what) {
  try {
    function();
  } catch (const Expected& error) {
    return error;
  } catch (const grps::Error& error) {
    throw std::runtime_error(what + ": another error: " + error.what());
  }
  throw std::runtime_error(what + ": no error");
}

// What the model "state" has counted.
int count_of(const grps::Client& client, const std::string& name);

// Waits up to five seconds until the service has counted more cancelled calls, and none runs.
void expect_cancelled(const grps::Client& client, int before);

std::vector<Check> content_checks();
std::vector<Check> stream_checks();
std::vector<Check> ending_checks();
std::vector<Check> refusal_checks();

}  // namespace conformance
