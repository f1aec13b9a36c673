package io.grps.client.internal.grpc;

import com.google.protobuf.ByteString;
import io.grps.client.Content;
import io.grps.client.DataType;
import io.grps.client.Result;
import io.grps.client.Tensor;
import io.grps.client.errors.Failure;
import io.grps.client.internal.protos.GrpsProtos.GenericTensor;
import io.grps.client.internal.protos.GrpsProtos.GenericTensorData;
import io.grps.client.internal.protos.GrpsProtos.GrpsMessage;
import java.util.ArrayList;
import java.util.List;

/** Content as messages of protobuf, and back. */
final class Messages {
    private Messages() {}

    static GrpsMessage message(Content content, String model) {
        GrpsMessage.Builder message = GrpsMessage.newBuilder().setModel(model);
        if (content.value() instanceof String) {
            return message.setStrData(content.text()).build();
        }
        if (content.value() instanceof byte[]) {
            return message.setBinData(ByteString.copyFrom(content.bytes())).build();
        }
        if (!(content.value() instanceof List)) {
            throw new IllegalArgumentException("an ndarray can be sent over HTTP only");
        }
        GenericTensorData.Builder tensors = GenericTensorData.newBuilder();
        for (Tensor each : content.tensors()) {
            tensors.addTensors(TensorMessages.message(each));
        }
        return message.setGtensors(tensors).build();
    }

    /** The result in a message; throws what its status says. */
    static Result result(GrpsMessage message) {
        if (message.hasStatus() && message.getStatus().getCode() != 200) {
            throw new Failure(message.getStatus().getCode(), message.getStatus().getMsg())
                    .exception();
        }
        return new Result(content(message), message.getModel());
    }

    private static Content content(GrpsMessage message) {
        switch (message.getDataOneofCase()) {
            case STR_DATA:
                return Content.of(message.getStrData());
            case BIN_DATA:
                return Content.of(message.getBinData().toByteArray());
            case GTENSORS:
                List<Tensor> tensors = new ArrayList<>();
                for (GenericTensor each : message.getGtensors().getTensorsList()) {
                    tensors.add(TensorMessages.tensor(each));
                }
                return Content.of(tensors);
            default:
                return Content.empty();
        }
    }

    static DataType type(GenericTensor message) {
        return DataType.valueOf(message.getDtype().name().substring("DT_".length()));
    }
}
