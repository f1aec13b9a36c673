/* Stands in for NVIDIA's management library: two GPUs, of which the second tells no temperature. */

#include <string.h>

#define OK 0
#define INVALID_ARGUMENT 2
#define NOT_SUPPORTED 3

typedef struct { unsigned int gpu, memory; } Utilization;
typedef struct { unsigned int version; unsigned long long total, reserved, free, used; } Memory;

static int devices[2] = {0, 1};

static int number(void *device) { return *(int *)device; }

int nvmlInit_v2(void) { return OK; }
int nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(int error) { return error == OK ? "ok" : "refused"; }

int nvmlSystemGetDriverVersion(char *version, unsigned int length) {
  strncpy(version, "999.42", length);
  return OK;
}

int nvmlDeviceGetCount_v2(unsigned int *count) {
  *count = 2;
  return OK;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
  if (index >= 2) return INVALID_ARGUMENT;
  *device = &devices[index];
  return OK;
}

int nvmlDeviceGetName(void *device, char *name, unsigned int length) {
  strncpy(name, number(device) == 0 ? "Fake One" : "Fake Two", length);
  return OK;
}

int nvmlDeviceGetUtilizationRates(void *device, Utilization *rates) {
  rates->gpu = 40 + 10 * number(device);
  rates->memory = 0;
  return OK;
}

int nvmlDeviceGetMemoryInfo_v2(void *device, Memory *memory) {
  memory->total = 8ull << 30;
  memory->used = (1ull + number(device)) << 30;
  memory->reserved = 0;
  memory->free = memory->total - memory->used;
  return OK;
}

int nvmlDeviceGetTemperature(void *device, int sensor, unsigned int *celsius) {
  (void)sensor;
  if (number(device) == 1) return NOT_SUPPORTED;
  *celsius = 55;
  return OK;
}

int nvmlDeviceGetPowerUsage(void *device, unsigned int *milliwatts) {
  *milliwatts = 70500 + 1000 * number(device);
  return OK;
}
