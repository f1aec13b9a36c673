"""The converter: request message to model input, model output to answer message."""

import numpy as np
from grps import Converter, GrpsContext, InputError, converter_register
from grps.protocol.pb.grps_pb2 import DataType, GenericTensor, GrpsMessage


class YourConverter(Converter):
    """Float tensors to a numpy array and back."""

    def init(self, path=None, args=None):
        """Prepare: path and args are converter_path and converter_args of inference.yml."""
        super().init(path, args)

    def preprocess(self, inp: GrpsMessage, context: GrpsContext):
        """Turn a request into what the inferer takes."""
        if not inp.gtensors.tensors:
            # The client gets this text with status 400; infer and postprocess are left out.
            raise InputError("send one float32 tensor in gtensors")
        tensor = inp.gtensors.tensors[0]
        # Later steps of the same request can read this; other requests never see it.
        context.put_user_data("name", tensor.name)
        return np.array(tensor.flat_float32, np.float32).reshape(list(tensor.shape))

    def postprocess(self, inp, context: GrpsContext) -> GrpsMessage:
        """Turn what the inferer returned into the answer."""
        tensor = GenericTensor(
            name=context.get_user_data("name"),
            dtype=DataType.DT_FLOAT32,
            shape=inp.shape,
            flat_float32=inp.ravel().tolist(),
        )
        answer = GrpsMessage()
        answer.gtensors.tensors.append(tensor)
        return answer


# inference.yml finds the converter by this name (converter_name).
converter_register.register("your_converter", YourConverter())
