package io.grps.client.internal.grpc;

import com.google.protobuf.ByteString;
import io.grps.client.DataType;
import io.grps.client.Tensor;
import io.grps.client.internal.protos.GrpsProtos;
import io.grps.client.internal.protos.GrpsProtos.GenericTensor;
import java.util.Arrays;

/** Tensors as messages of protobuf, and back; elements are never boxed. */
final class TensorMessages {
    private TensorMessages() {}

    static GenericTensor message(Tensor tensor) {
        GenericTensor.Builder message = GenericTensor.newBuilder().setName(tensor.name())
                .setDtype(GrpsProtos.DataType.valueOf("DT_" + tensor.type()));
        for (int size : tensor.shape()) {
            message.addShape(size);
        }
        addElements(message, tensor);
        return message.build();
    }

    static Tensor tensor(GenericTensor message) {
        int[] shape = new int[message.getShapeCount()];
        for (int index = 0; index < shape.length; index++) {
            shape[index] = message.getShape(index);
        }
        DataType type = Messages.type(message);
        return new Tensor(message.getName(), type, shape, elements(message, type));
    }

    private static void addElements(GenericTensor.Builder message, Tensor tensor) {
        switch (tensor.type()) {
            case UINT8:
                for (byte each : (byte[]) tensor.elements()) {
                    message.addFlatUint8(each & 0xff);
                }
                break;
            case INT8:
                for (byte each : (byte[]) tensor.elements()) {
                    message.addFlatInt8(each);
                }
                break;
            case INT16:
                for (short each : (short[]) tensor.elements()) {
                    message.addFlatInt16(each);
                }
                break;
            case INT32:
                for (int each : (int[]) tensor.elements()) {
                    message.addFlatInt32(each);
                }
                break;
            case INT64:
                for (long each : (long[]) tensor.elements()) {
                    message.addFlatInt64(each);
                }
                break;
            case FLOAT16:
                for (float each : (float[]) tensor.elements()) {
                    message.addFlatFloat16(each);
                }
                break;
            case FLOAT32:
                for (float each : (float[]) tensor.elements()) {
                    message.addFlatFloat32(each);
                }
                break;
            case FLOAT64:
                for (double each : (double[]) tensor.elements()) {
                    message.addFlatFloat64(each);
                }
                break;
            default:
                addStrings(message, (byte[][]) tensor.elements());
        }
    }

    private static void addStrings(GenericTensor.Builder message, byte[][] elements) {
        ByteString[] strings = new ByteString[elements.length];
        Arrays.setAll(strings, index -> ByteString.copyFrom(elements[index]));
        if (Arrays.stream(strings).allMatch(ByteString::isValidUtf8)) {
            for (ByteString each : strings) {
                message.addFlatStringBytes(each);
            }
        } else {
            message.addAllFlatBytes(Arrays.asList(strings));
        }
    }

    private static Object elements(GenericTensor message, DataType type) {
        switch (type) {
            case UINT8:
                byte[] unsigned = new byte[message.getFlatUint8Count()];
                for (int index = 0; index < unsigned.length; index++) {
                    unsigned[index] = (byte) message.getFlatUint8(index);
                }
                return unsigned;
            case INT8:
                byte[] bytes = new byte[message.getFlatInt8Count()];
                for (int index = 0; index < bytes.length; index++) {
                    bytes[index] = (byte) message.getFlatInt8(index);
                }
                return bytes;
            case INT16:
                short[] shorts = new short[message.getFlatInt16Count()];
                for (int index = 0; index < shorts.length; index++) {
                    shorts[index] = (short) message.getFlatInt16(index);
                }
                return shorts;
            case INT32:
                int[] ints = new int[message.getFlatInt32Count()];
                for (int index = 0; index < ints.length; index++) {
                    ints[index] = message.getFlatInt32(index);
                }
                return ints;
            case INT64:
                long[] longs = new long[message.getFlatInt64Count()];
                for (int index = 0; index < longs.length; index++) {
                    longs[index] = message.getFlatInt64(index);
                }
                return longs;
            case STRING:
                return strings(message);
            default:
                return floats(message, type);
        }
    }

    private static Object floats(GenericTensor message, DataType type) {
        switch (type) {
            case FLOAT16:
                float[] halves = new float[message.getFlatFloat16Count()];
                for (int index = 0; index < halves.length; index++) {
                    halves[index] = message.getFlatFloat16(index);
                }
                return halves;
            case FLOAT32:
                float[] floats = new float[message.getFlatFloat32Count()];
                for (int index = 0; index < floats.length; index++) {
                    floats[index] = message.getFlatFloat32(index);
                }
                return floats;
            case FLOAT64:
                double[] doubles = new double[message.getFlatFloat64Count()];
                for (int index = 0; index < doubles.length; index++) {
                    doubles[index] = message.getFlatFloat64(index);
                }
                return doubles;
            default:
                throw new IllegalArgumentException("no floats: " + type);
        }
    }

    private static byte[][] strings(GenericTensor message) {
        boolean isBytes = message.getFlatBytesCount() > 0;
        byte[][] strings = new byte[
                isBytes ? message.getFlatBytesCount() : message.getFlatStringCount()][];
        Arrays.setAll(strings, index -> (isBytes ? message.getFlatBytes(index)
                : message.getFlatStringBytes(index)).toByteArray());
        return strings;
    }
}
