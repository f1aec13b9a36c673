// Runs requests through the models of a project, without a server: for unit tests.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/global_config.h"
#include "context/context.h"
#include "converter/converter.h"
#include "detail/failure.h"
#include "grps.pb.h"
#include "model_infer/inferer.h"

namespace netease::grps {

class Model;

// Init and Terminate are called by one thread, Infer by any.
class Executor {
 public:
  GRPS_EXCEPTION(ExecutorException)

  Executor(const Executor &) = delete;
  Executor &operator=(const Executor &) = delete;

  static Executor &Instance();

  // Loads the models of GlobalConfig. What their code throws, it throws.
  void Init();
  // Runs one model, as "name-version", or those of the sequence (`dag`) one after the other. What
  // code throws, it throws; an error of a batch is in the context.
  void Infer(const ::grps::protos::v1::GrpsMessage &input, ::grps::protos::v1::GrpsMessage &output,
             GrpsContext &ctx, const std::string &model_name = "");
  void Infer(const ::grps::protos::v1::GrpsMessage &input, ::grps::protos::v1::GrpsMessage &output,
             const std::shared_ptr<GrpsContext> &ctx_sp, const std::string &model_name = "");
  // Destroys the models.
  void Terminate();

 private:
  Executor() = default;
  const Model &Find(const std::string &name) const;

  std::unordered_map<std::string, std::shared_ptr<Model>> models_;
  std::vector<std::shared_ptr<Model>> sequence_;
};

}  // namespace netease::grps
