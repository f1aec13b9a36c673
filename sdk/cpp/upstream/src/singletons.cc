// The registries, the monitor, and what else there is one of in a process.
#include "converter/converter.h"
#include "host.h"
#include "model_infer/inferer.h"
#include "monitor/monitor.h"
#include "system_monitor/system_monitor.h"

namespace netease::grps {
namespace {

const grps_host *host = nullptr;

template <typename T>
std::string NamesOf(const std::unordered_map<std::string, T> &registered) {
  std::string names;
  for (const auto &entry : registered) names += (names.empty() ? "" : ", ") + entry.first;
  return names.empty() ? "none" : names;
}

}  // namespace

const grps_host *Host() { return host; }
void SetHost(const grps_host *table) { host = table; }

ConverterRegistry &ConverterRegistry::Instance() {
  static ConverterRegistry instance;
  return instance;
}

bool ConverterRegistry::Register(const std::string &name, std::shared_ptr<Converter> converter) {
  converters_[name] = std::move(converter);
  return true;
}

std::shared_ptr<Converter> ConverterRegistry::GetConverter(const std::string &name) {
  const auto found = converters_.find(name);
  if (found != converters_.end()) return found->second;
  throw Converter::ConverterException("no converter is registered as '" + name +
                                      "'; registered: " + NamesOf(converters_));
}

ModelInfererRegistry &ModelInfererRegistry::Instance() {
  static ModelInfererRegistry instance;
  return instance;
}

bool ModelInfererRegistry::Register(const std::string &name,
                                    const std::shared_ptr<ModelInferer> &inferer) {
  inferers_[name] = inferer;
  return true;
}

std::shared_ptr<ModelInferer> ModelInfererRegistry::GetInferer(const std::string &name) {
  const auto found = inferers_.find(name);
  if (found != inferers_.end()) return found->second;
  throw ModelInferer::InfererException("no inferer is registered as '" + name +
                                       "'; registered: " + NamesOf(inferers_));
}

Monitor &Monitor::Instance() {
  static Monitor instance;
  return instance;
}

void Monitor::Put(AggType type, const std::string &key, float value) {
  // The kinds have the same numbers in both.
  if (host != nullptr) host->record(static_cast<int32_t>(type), key.data(), key.size(), value);
}

SystemMonitor &SystemMonitor::Instance() {
  static SystemMonitor instance;
  return instance;
}

}  // namespace netease::grps
