package io.grps.client.internal.grpc;

import io.grpc.MethodDescriptor;
import io.grpc.protobuf.ProtoUtils;
import io.grps.client.internal.protos.GrpsProtos.GrpsMessage;

/** The methods of the service. Those that take an empty message take the same bytes of another. */
final class Methods {
    static final MethodDescriptor<GrpsMessage, GrpsMessage> PREDICT = unary("Predict");
    static final MethodDescriptor<GrpsMessage, GrpsMessage> READINESS = unary("CheckReadiness");
    static final MethodDescriptor<GrpsMessage, GrpsMessage> SERVER = unary("ServerMetadata");
    static final MethodDescriptor<GrpsMessage, GrpsMessage> MODEL = unary("ModelMetadata");
    static final MethodDescriptor<GrpsMessage, GrpsMessage> STREAM =
            method("PredictStreaming", MethodDescriptor.MethodType.SERVER_STREAMING);

    private Methods() {}

    private static MethodDescriptor<GrpsMessage, GrpsMessage> unary(String name) {
        return method(name, MethodDescriptor.MethodType.UNARY);
    }

    private static MethodDescriptor<GrpsMessage, GrpsMessage> method(
            String name, MethodDescriptor.MethodType type) {
        return MethodDescriptor.<GrpsMessage, GrpsMessage>newBuilder()
                .setType(type)
                .setFullMethodName(MethodDescriptor.generateFullMethodName(
                        "grps.protos.v1.GrpsService", name))
                .setRequestMarshaller(ProtoUtils.marshaller(GrpsMessage.getDefaultInstance()))
                .setResponseMarshaller(ProtoUtils.marshaller(GrpsMessage.getDefaultInstance()))
                .build();
    }
}
