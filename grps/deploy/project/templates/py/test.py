"""The project's test; grpst archive runs it. By hand: python test.py."""

import unittest

from grps import GrpsContext, GrpsTest, InputError
from grps.protocol.pb.grps_pb2 import DataType, GenericTensor, GrpsMessage


class YourTest(GrpsTest):
    """Runs the project's models in this process, without a server."""

    def test_doubles(self):
        """The answer is 2x."""
        self.test_init()  # loads conf/inference.yml and your classes
        tensor = GenericTensor(
            name="x", dtype=DataType.DT_FLOAT32, shape=[1, 2], flat_float32=[1, 2]
        )
        request = GrpsMessage()
        request.gtensors.tensors.append(tensor)
        context = GrpsContext()
        answer = self.executor.infer(request, context)
        self.assertFalse(context.has_err(), context.get_err_msg())
        self.assertEqual(list(answer.gtensors.tensors[0].flat_float32), [2, 4])

    def test_refuses_a_message_without_tensors(self):
        """The client of an InputError gets status 400; in a test it is raised."""
        self.test_init()
        with self.assertRaises(InputError):
            self.executor.infer(GrpsMessage(str_data="text"), GrpsContext())


if __name__ == "__main__":
    unittest.main()
