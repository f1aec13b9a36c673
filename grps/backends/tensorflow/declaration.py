"""What TensorFlow declares of itself."""

from __future__ import annotations

from grps.backends.engine import NATIVE, Engine, Flag, GpuMemory, ModelFormat, Verb

ENGINE = Engine(
    name="tensorflow",
    title="TensorFlow",
    package="tensorflow",
    extra="tensorflow",
    distributions=("tensorflow", "tensorflow-cpu"),
    verb=Verb(
        name="tf_serve",
        summary="Put a TensorFlow SavedModel online.",
        title="Put a TensorFlow SavedModel online.",
        model="the directory that tf.saved_model.save wrote, or Keras by model.export.",
        examples=(
            "./saved_model",
            "./saved_model --name rank --port 7090,7091 --device cuda:1",
            "./saved_model --signature classify --instances 2",
            "./saved_model --customized_op_paths ./my_op.so --no_logging",
            "./saved_model --batching_type dynamic --max_batch_size 32",
            "./saved_model --native",
        ),
    ),
    formats=(
        ModelFormat(
            name="savedmodel",
            title="TensorFlow SavedModel",
            directory_files=frozenset({"saved_model.pb", "saved_model.pbtxt"}),
        ),
    ),
    converter="tensorflow",
    flags=(
        Flag(
            name="signature",
            help="Signature to serve",
            default_text="serving_default, or the only one",
        ),
        Flag(name="tags", help="Tags of the graph, split by comma", default_text="serve"),
        NATIVE,
    ),
    threads="per_process",
    profiles=True,
    # TensorFlow reads it at its first run; later it can't be changed, and a service that loads
    # another model later must not fail at that.
    threads_variable="TF_NUM_INTRAOP_THREADS",
    gpu_memory=GpuMemory(manager="TfGpuMemManager", can_collect=False),
    # Without it TensorFlow writes notices and every failed run to standard error; failures reach
    # the user as exceptions.
    environment={"TF_CPP_MIN_LOG_LEVEL": "2"},
)
