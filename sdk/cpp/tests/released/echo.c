/* A plugin in C, built with the released header: it returns its tensors. */

#include <grps/plugin.h>

static const grps_host *host;

static char inferer;

static void *create(const grps_settings *settings, grps_error *error) {
  (void)settings, (void)error;
  return &inferer;
}

static int32_t infer(void *self, const grps_batch *batch, grps_error *error) {
  (void)self, (void)error;
  for (uint64_t index = 0; index < host->input_count(batch); ++index) {
    grps_tensor view = {.struct_size = sizeof(view)};
    int32_t status = host->input(batch, index, &view);
    if (status == GRPS_OK) status = host->copy(host->batch_outputs(batch), &view);
    if (status != GRPS_OK) return status;
  }
  return GRPS_OK;
}

static void destroy(void *self) { (void)self; }

static const grps_inferer_class echo = {.struct_size = sizeof(echo),
                                        .name = "echo",
                                        .create = create,
                                        .infer = infer,
                                        .destroy = destroy};

static const grps_inferer_class *const inferers[] = {&echo};

static const grps_plugin plugin = {.struct_size = sizeof(plugin),
                                   .major = GRPS_PLUGIN_MAJOR,
                                   .minor = GRPS_PLUGIN_MINOR,
                                   .inferer_count = 1,
                                   .name = "echo",
                                   .version = "1",
                                   .inferers = inferers};

__attribute__((visibility("default"))) const grps_plugin *grps_plugin_open(const grps_host *given,
                                                                           grps_error *error) {
  (void)error;
  host = given;
  return &plugin;
}
