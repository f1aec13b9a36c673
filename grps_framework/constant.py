"""Upstream's constants."""

GRPS_MAJOR = 1
GRPS_MINOR = 1
GRPS_PATCH = 0
GRPS_VERSION = f"v{GRPS_MAJOR}.{GRPS_MINOR}.{GRPS_PATCH}"
API_VERSION = "v1"
URL_ROOT_PATH = f"/grps/{API_VERSION}"
INFERENCE_CONF_PATH = "./conf/inference.yml"
SUPPORTED_FRAMEWORK_LIST = ["http", "http+grpc"]
SERVER_CONF_PATH = "./conf/server.yml"
SERVER_LOG_DIR = "logs"
SERVER_LOG_NAME = "grps_server.log"
USR_LOG_NAME = "grps_usr.log"
MONITOR_LOG_NAME = "grps_monitor.log"
MIB = 1024 * 1024
QPS = "*qps"
REQ_FAIL_RATE = "*fail_rate(%)"
REQ_LATENCY_AVG = "*latency_avg(ms)"
REQ_LATENCY_MAX = "*latency_max(ms)"
REQ_LATENCY_CDF = "*latency_cdf(ms)"
GPU_OOM_COUNT = "*gpu_oom_count"
CPU_USAGE_AVG = "*cpu_usage(%)"
MEM_USAGE_AVG = "*mem_usage(%)"
GRPC_MAX_MESSAGE_LENGTH = 1024 * 1024 * 1024
