package io.grps.samples.api;

import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grps.protos.GrpsProtos.GrpsMessage;
import io.grps.protos.GrpsServiceGrpc;
import java.util.Iterator;

/** Calls the service by the gRPC stub of GRPS 1.1: health, one answer, a stream, descriptions. */
public final class StubSample {
    private StubSample() {}

    /**
     * Runs the sample.
     *
     * @param arguments host:port of gRPC
     */
    public static void main(String[] arguments) {
        ManagedChannel channel =
                Grpc.newChannelBuilder(arguments[0], InsecureChannelCredentials.create()).build();
        try {
            GrpsServiceGrpc.GrpsServiceBlockingStub stub = GrpsServiceGrpc.newBlockingStub(channel);
            GrpsMessage nothing = GrpsMessage.getDefaultInstance();
            System.out.println(stub.checkReadiness(nothing).getStatus().getStatus());
            GrpsMessage text = GrpsMessage.newBuilder().setStrData("hello").build();
            System.out.println(stub.predict(text).getStrData());
            GrpsMessage count = GrpsMessage.newBuilder().setModel("count").setStrData("3").build();
            for (Iterator<GrpsMessage> pieces = stub.predictStreaming(count); pieces.hasNext();) {
                System.out.println(pieces.next().getStrData());
            }
            GrpsMessage model = GrpsMessage.newBuilder().setStrData("echo").build();
            System.out.println(stub.modelMetadata(model).getStatus().getStatus());
        } finally {
            channel.shutdownNow();
        }
    }
}
