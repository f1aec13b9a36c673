package io.grps.samples.api;

import com.baidu.brpc.client.BrpcProxy;
import com.baidu.brpc.client.RpcClient;
import com.baidu.brpc.client.RpcClientOptions;
import com.baidu.brpc.protocol.BrpcMeta;
import com.baidu.brpc.protocol.Options;
import io.grps.protos.GrpsProtos.DataType;
import io.grps.protos.GrpsProtos.GenericTensor;
import io.grps.protos.GrpsProtos.GenericTensorData;
import io.grps.protos.GrpsProtos.GrpsMessage;

/** Sends a text and a tensor over bRPC, by brpc-java. */
public final class BrpcSample {
    private static final int TIMEOUT_MS = 10_000;

    private BrpcSample() {}

    /** What is called of the service. */
    public interface Service {
        /**
         * Runs a model.
         *
         * @param message the request
         * @return the answer
         */
        @BrpcMeta(serviceName = "grps.protos.v1.GrpsBrpcService", methodName = "Predict")
        GrpsMessage predict(GrpsMessage message);
    }

    /**
     * Runs the sample.
     *
     * @param arguments host:port of the service
     */
    public static void main(String[] arguments) {
        RpcClientOptions options = new RpcClientOptions();
        options.setProtocolType(Options.ProtocolType.PROTOCOL_BAIDU_STD_VALUE);
        options.setReadTimeoutMillis(TIMEOUT_MS);
        RpcClient client = new RpcClient("list://" + arguments[0], options);
        try {
            Service service = BrpcProxy.getProxy(client, Service.class);
            GrpsMessage text = GrpsMessage.newBuilder().setStrData("hello").build();
            System.out.println(checked(service.predict(text)).getStrData());
            GenericTensor tensor = GenericTensor.newBuilder().setName("x")
                    .setDtype(DataType.DT_FLOAT32).addShape(1).addShape(2)
                    .addFlatFloat32(1).addFlatFloat32(2).build();
            GrpsMessage tensors = GrpsMessage.newBuilder()
                    .setGtensors(GenericTensorData.newBuilder().addTensors(tensor)).build();
            GrpsMessage answer = checked(service.predict(tensors));
            System.out.println(answer.getGtensors().getTensors(0).getFlatFloat32List());
        } finally {
            client.stop();
        }
    }

    /** The answer, unless the model has failed: bRPC has the status in the message. */
    private static GrpsMessage checked(GrpsMessage answer) {
        if (answer.getStatus().getCode() != 200) {
            throw new IllegalStateException(answer.getStatus().getMsg());
        }
        return answer;
    }
}
