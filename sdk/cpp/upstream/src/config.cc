// Reading server.yml and inference.yml.
#include <sstream>

#include "config/global_config.h"
#include "logger/logger.h"

namespace netease::grps {
namespace {

// Changes `value` if the node has the key with a value.
template <typename T>
void Read(const YAML::Node &node, const char *key, T *value) {
  if (!node.IsMap()) return;
  const YAML::Node found = node[key];
  if (found.IsDefined() && !found.IsNull()) *value = found.as<T>();
}

YAML::Node Part(const YAML::Node &node, const char *key) {
  if (!node.IsMap()) return YAML::Node();
  const YAML::Node found = node[key];
  return found.IsDefined() ? found : YAML::Node();
}

void ReadServer(const YAML::Node &file, GlobalConfig::ServerConfig *config) {
  const YAML::Node interface = Part(file, "interface");
  Read(interface, "framework", &config->interface.framework);
  Read(interface, "host", &config->interface.host);
  Read(interface, "port", &config->interface.port);
  const YAML::Node http = Part(interface, "customized_predict_http");
  Read(http, "path", &config->interface.customized_predict_http.path);
  Read(http, "customized_body", &config->interface.customized_predict_http.customized_body);
  Read(file, "max_connections", &config->max_connections);
  Read(file, "max_concurrency", &config->max_concurrency);
  const YAML::Node gpu = Part(file, "gpu");
  Read(gpu, "mem_manager_type", &config->gpu.mem_manager_type);
  Read(gpu, "mem_limit_mib", &config->gpu.mem_lim_mib);
  Read(gpu, "mem_gc_enable", &config->gpu.mem_gc_enable);
  Read(gpu, "mem_gc_interval", &config->gpu.mem_gc_interval_s);
  Read(gpu, "devices", &config->gpu.devices);
  const YAML::Node log = Part(file, "log");
  config->log.log_dir = "./logs";
  Read(log, "log_dir", &config->log.log_dir);
  Read(log, "log_backup_count", &config->log.log_backup_count);
  config->_is_set.interface = interface.IsMap();
  config->_is_set.customized_predict_http = !config->interface.customized_predict_http.path.empty();
  config->_is_set.max_connections = Part(file, "max_connections").IsScalar();
  config->_is_set.max_concurrency = Part(file, "max_concurrency").IsScalar();
  config->_is_set.gpu = gpu.IsMap();
  config->_is_set.log = log.IsMap();
}

void ReadInference(const YAML::Node &file, GlobalConfig::InferenceConfig *config) {
  for (const YAML::Node &node : Part(file, "models")) {
    auto model = GlobalConfig::ReadModel(node);
    config->models[model.name + "-" + model.version] = std::move(model);
  }
  config->_is_set.models = Part(file, "models").IsSequence();
  const YAML::Node dag = Part(file, "dag");
  config->_is_set.dag = dag.IsMap();
  Read(dag, "type", &config->dag.type);
  Read(dag, "name", &config->dag.name);
  for (const YAML::Node &node : Part(dag, "nodes")) {
    auto &added = config->dag.nodes.emplace_back();
    Read(node, "name", &added.name);
    Read(node, "type", &added.type);
    Read(node, "model", &added.model);
  }
}

}  // namespace

GlobalConfig &GlobalConfig::Instance() {
  static GlobalConfig instance;
  return instance;
}

GlobalConfig::InferenceConfig::ModelConfig GlobalConfig::ReadModel(const YAML::Node &node) {
  InferenceConfig::ModelConfig model;
  Read(node, "name", &model.name);
  Read(node, "version", &model.version);
  Read(node, "device", &model.device);
  Read(node, "inp_device", &model.inp_device);
  Read(node, "inferer_type", &model.inferer_type);
  Read(node, "inferer_name", &model.inferer_name);
  Read(node, "inferer_path", &model.inferer_path);
  model.inferer_args = Part(node, "inferer_args");
  Read(node, "converter_type", &model.converter_type);
  Read(node, "converter_name", &model.converter_name);
  Read(node, "converter_path", &model.converter_path);
  model.converter_args = Part(node, "converter_args");
  const YAML::Node batching = Part(node, "batching");
  Read(batching, "type", &model.batching.type);
  Read(batching, "max_batch_size", &model.batching.max_batch_size);
  Read(batching, "batch_timeout_us", &model.batching.batch_timeout_us);
  return model;
}

bool GlobalConfig::Load(const std::string &server_path, const std::string &inference_path) {
  ServerConfig server;
  InferenceConfig inference;
  const std::string *path = &server_path;
  try {
    ReadServer(YAML::LoadFile(server_path), &server);
    path = &inference_path;
    ReadInference(YAML::LoadFile(inference_path), &inference);
  } catch (const std::exception &error) {
    LOG4(ERROR, *path << ": " << error.what());
    return false;
  }
  server_ = std::move(server);
  inference_ = std::move(inference);
  return true;
}

std::string GlobalConfig::ServerConfig::ToString() const {
  std::ostringstream text;
  text << "interface: " << interface.framework << ' ' << interface.host << ' ' << interface.port
       << "\nmax_connections: " << max_connections << "\nmax_concurrency: " << max_concurrency
       << "\nlog: " << log.log_dir << '\n';
  return text.str();
}

std::string GlobalConfig::InferenceConfig::ToString() const {
  std::ostringstream text;
  text << "models:\n";
  for (const auto &[key, model] : models) {
    text << "  " << key << ": " << model.inferer_type << ' ' << model.inferer_name << ' '
         << model.converter_type << ' ' << model.converter_name << '\n';
  }
  text << "dag: " << dag.name << '\n';
  for (const NodeConfig &node : dag.nodes) text << "  " << node.name << ": " << node.model << '\n';
  return text.str();
}

}  // namespace netease::grps
