// server.yml and inference.yml as code of a project sees them.
#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <unordered_map>
#include <vector>

namespace netease::grps {

// Loaded once; only read afterwards.
class GlobalConfig {
 public:
  struct ServerConfig {
    struct {
      std::string framework;
      std::string host;
      std::string port;
      struct {
        std::string path;
        bool customized_body = false;
      } customized_predict_http;
    } interface;

    int max_connections = 0;
    int max_concurrency = 0;

    struct GPUConfig {
      std::string mem_manager_type;
      int mem_lim_mib = 0;
      bool mem_gc_enable = false;
      int mem_gc_interval_s = 0;
      std::vector<int> devices;
    } gpu;

    struct {
      std::string log_dir;
      int log_backup_count = 0;
    } log;

    // Which sections the file has.
    struct {
      bool interface = false;
      bool customized_predict_http = false;
      bool max_connections = false;
      bool max_concurrency = false;
      bool gpu = false;
      bool log = false;
    } _is_set;

    [[nodiscard]] std::string ToString() const;
  };

  struct InferenceConfig {
    struct ModelConfig {
      std::string name;
      std::string version;
      std::string device;
      std::string inp_device;
      std::string inferer_type;
      std::string inferer_name;
      std::string inferer_path;
      YAML::Node inferer_args;
      std::string converter_type;
      std::string converter_name;
      std::string converter_path;
      YAML::Node converter_args;
      struct BatchingConfig {
        std::string type;
        int max_batch_size = 0;
        int batch_timeout_us = 0;
      } batching;
    };
    // By name and version, such as "my_model-1.0.0".
    std::unordered_map<std::string, ModelConfig> models;

    struct NodeConfig {
      std::string name;
      std::string type;
      std::string model;
    };
    struct {
      std::string type;
      std::string name;
      std::vector<NodeConfig> nodes;
    } dag;

    struct {
      bool models = false;
      bool dag = false;
    } _is_set;

    [[nodiscard]] std::string ToString() const;
  };

  // A service is one process.
  struct MPIConfig {
    int world_size = 1;
    int world_rank = 0;
  };

  GlobalConfig(const GlobalConfig &) = delete;
  GlobalConfig &operator=(const GlobalConfig &) = delete;

  static GlobalConfig &Instance();

  [[nodiscard]] const ServerConfig &server_config() const { return server_; }
  [[nodiscard]] const InferenceConfig &inference_config() const { return inference_; }
  [[nodiscard]] const MPIConfig &mpi() const { return mpi_; }
  void set_mpi(const MPIConfig &mpi) { mpi_ = mpi; }

  // Reads the files. Returns false, with the cause in the log, when one can't be read.
  bool Load(const std::string &server_conf_path = "./conf/server.yml",
            const std::string &inference_conf_path = "./conf/inference.yml");

  // One entry of `models`; throws YAML::Exception for a value of another kind.
  static InferenceConfig::ModelConfig ReadModel(const YAML::Node &node);

 private:
  GlobalConfig() = default;

  ServerConfig server_;
  InferenceConfig inference_;
  MPIConfig mpi_;
};

}  // namespace netease::grps
