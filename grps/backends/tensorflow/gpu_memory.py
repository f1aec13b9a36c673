"""GPU memory that TensorFlow takes."""

from __future__ import annotations

from grps.backends.common.gpu_memory import MIB, NO_LIMIT, GpuMemManager, check_devices
from grps.backends.tensorflow.runtime import tf
from grps.errors import ModelError
from grps.log import logger


class TfGpuMemManager(GpuMemManager):
    """Limits the memory of each GPU that TensorFlow may take; only before it has run."""

    def __init__(self, devices: list[int]) -> None:
        """Manage GPUs by their numbers.

        Raises:
            DeviceError: A GPU is absent.
        """
        self._gpus = tf.config.list_physical_devices("GPU")
        super().__init__(check_devices(devices, len(self._gpus)))

    def get_mem_usage(self) -> list[float]:
        """Return the MiB that TensorFlow uses on each GPU."""
        usage = tf.config.experimental.get_memory_info
        return [usage(f"GPU:{device}")["current"] / MIB for device in self._devices]

    def set_mem_limit(self, limit: int) -> bool:
        """Let TensorFlow take at most ``limit`` MiB of each GPU; -1 is no limit.

        Raises:
            ModelError: TensorFlow has run already.
        """
        if limit == NO_LIMIT:
            logger.info("gpu: no memory limit for TensorFlow")
            return True
        part = tf.config.LogicalDeviceConfiguration(memory_limit=limit)
        for device in self._devices:
            try:
                tf.config.set_logical_device_configuration(self._gpus[device], [part])
            except RuntimeError as error:
                raise ModelError(
                    f"gpu {device}: the memory limit comes too late: {error}"
                ) from error
            logger.info("gpu %d: TensorFlow may take %d MiB", device, limit)
        return True

    def gpu_mem_gc(self) -> bool:
        """Do nothing: TensorFlow gives no memory back before its process ends."""
        return True
