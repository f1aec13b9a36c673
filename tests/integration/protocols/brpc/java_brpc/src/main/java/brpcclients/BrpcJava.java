package brpcclients;

import com.baidu.brpc.RpcContext;
import com.baidu.brpc.client.BrpcProxy;
import com.baidu.brpc.client.RpcCallback;
import com.baidu.brpc.client.RpcClient;
import com.baidu.brpc.client.RpcClientOptions;
import com.baidu.brpc.exceptions.RpcException;
import com.baidu.brpc.interceptor.AbstractInterceptor;
import com.baidu.brpc.interceptor.Interceptor;
import com.baidu.brpc.protocol.BrpcMeta;
import com.baidu.brpc.protocol.Options;
import com.baidu.brpc.protocol.Request;
import io.grps.protos.GrpsProtos.EmptyGrpsMessage;
import io.grps.protos.GrpsProtos.GrpsMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;

/** Calls with com.baidu:brpc-java, whose messages are generated from grps.proto. */
final class BrpcJava {
    /** The service, by its full name. */
    interface Service {
        String NAME = "grps.protos.v1.GrpsBrpcService";

        @BrpcMeta(serviceName = NAME, methodName = "Predict")
        GrpsMessage predict(GrpsMessage message);

        @BrpcMeta(serviceName = NAME, methodName = "Online")
        GrpsMessage online(EmptyGrpsMessage message);

        @BrpcMeta(serviceName = NAME, methodName = "Offline")
        GrpsMessage offline(EmptyGrpsMessage message);

        @BrpcMeta(serviceName = NAME, methodName = "CheckLiveness")
        GrpsMessage checkLiveness(EmptyGrpsMessage message);

        @BrpcMeta(serviceName = NAME, methodName = "CheckReadiness")
        GrpsMessage checkReadiness(EmptyGrpsMessage message);

        @BrpcMeta(serviceName = NAME, methodName = "ServerMetadata")
        GrpsMessage serverMetadata(EmptyGrpsMessage message);

        @BrpcMeta(serviceName = NAME, methodName = "ModelMetadata")
        GrpsMessage modelMetadata(GrpsMessage message);

        @BrpcMeta(serviceName = NAME, methodName = "Nope")
        GrpsMessage nope(EmptyGrpsMessage message);
    }

    /** Adds methods that return at once. */
    interface AsyncService extends Service {
        @BrpcMeta(serviceName = NAME, methodName = "Predict")
        Future<GrpsMessage> predict(GrpsMessage message, RpcCallback<GrpsMessage> callback);
    }

    private static final EmptyGrpsMessage EMPTY = EmptyGrpsMessage.getDefaultInstance();
    private final int port;
    private final String token;

    private final Service service;

    BrpcJava(int port, String token) {
        this.port = port;
        this.token = token;
        this.service = service(Service.class, Options.CompressType.COMPRESS_TYPE_NONE, null);
    }

    /** A call after the service has closed the idle connections. */
    void runAgain() {
        Results.print("brpc.idle", () -> service.predict(text("again")).getStrData());
    }

    void run() {
        Results.print("brpc.predict", () -> service.predict(text("héllo")).getStrData());
        for (Options.CompressType type : List.of(
                Options.CompressType.COMPRESS_TYPE_SNAPPY,
                Options.CompressType.COMPRESS_TYPE_GZIP,
                Options.CompressType.COMPRESS_TYPE_ZLIB)) {
            Service packed = service(Service.class, type, null);
            String sent = "0123456789".repeat(1000);
            Results.print("brpc." + type.name(),
                    () -> String.valueOf(packed.predict(text(sent)).getStrData().equals(sent)));
        }
        Results.print("brpc.attachment", () -> {
            RpcContext.getContext().setRequestBinaryAttachment("raw bytes".getBytes());
            return service.predict(GrpsMessage.getDefaultInstance()).getBinData().toStringUtf8();
        });
        Results.print("brpc.fields", () -> {
            RpcContext.getContext().setRequestKvAttachment("x-request-id", "java-id");
            return service.predict(model("raiser")).getStatus().getMsg();
        });
        Results.print("brpc.failure",
                () -> String.valueOf(service.predict(model("nope")).getStatus().getCode()));
        Results.print("brpc.nope", () -> service.nope(EMPTY).toString());
        Results.print("brpc.async", this::pipelined);
        control(service, "brpc.");
        Service operator =
                service(Service.class, Options.CompressType.COMPRESS_TYPE_NONE, token);
        Results.print("brpc.operator.offline", () -> status(operator.offline(EMPTY)));
        Results.print("brpc.unready", () -> status(service.checkReadiness(EMPTY)));
        Results.print("brpc.operator.online", () -> status(operator.online(EMPTY)));
    }

    private void control(Service service, String prefix) {
        Results.print(prefix + "live", () -> status(service.checkLiveness(EMPTY)));
        Results.print(prefix + "ready", () -> status(service.checkReadiness(EMPTY)));
        Results.print(prefix + "offline", () -> status(service.offline(EMPTY)));
        Results.print(prefix + "server",
                () -> String.valueOf(service.serverMetadata(EMPTY).getStrData().contains("models")));
        Results.print(prefix + "model",
                () -> String.valueOf(service.modelMetadata(text("echo")).getStrData().contains("echo")));
    }

    /** Many calls at the same time, over one connection. */
    private String pipelined() throws Exception {
        RpcClientOptions options = options(Options.CompressType.COMPRESS_TYPE_NONE);
        options.setMaxTotalConnections(1);
        options.setMinIdleConnections(1);
        AsyncService service = BrpcProxy.getProxy(client(options, List.of()), AsyncService.class);
        List<Future<GrpsMessage>> futures = new ArrayList<>();
        for (int number = 0; number < 100; number++) {
            futures.add(service.predict(text(String.valueOf(number)), new RpcCallback<>() {
                @Override
                public void success(GrpsMessage response) {}

                @Override
                public void fail(Throwable error) {}
            }));
        }
        int matching = 0;
        for (int number = 0; number < futures.size(); number++) {
            String answer = futures.get(number).get().getStrData();
            matching += answer.equals(String.valueOf(number)) ? 1 : 0;
        }
        return String.valueOf(matching);
    }

    private <T> T service(Class<T> type, Options.CompressType compression, String auth) {
        List<Interceptor> interceptors = new ArrayList<>();
        if (auth != null) {
            interceptors.add(new AbstractInterceptor() {
                @Override
                public boolean handleRequest(Request request) {
                    request.setAuth(auth);
                    return true;
                }
            });
        }
        return BrpcProxy.getProxy(client(options(compression), interceptors), type);
    }

    private RpcClientOptions options(Options.CompressType compression) {
        RpcClientOptions options = new RpcClientOptions();
        options.setProtocolType(Options.ProtocolType.PROTOCOL_BAIDU_STD_VALUE);
        options.setCompressType(compression);
        options.setReadTimeoutMillis(20000);
        options.setWriteTimeoutMillis(20000);
        options.setMaxTryTimes(1);
        options.setMinIdleConnections(1);
        options.setMaxTotalConnections(2);
        return options;
    }

    private RpcClient client(RpcClientOptions options, List<Interceptor> interceptors) {
        return new RpcClient("list://127.0.0.1:" + port, options, interceptors);
    }

    private static GrpsMessage text(String text) {
        return GrpsMessage.newBuilder().setStrData(text).build();
    }

    private static GrpsMessage model(String model) {
        return GrpsMessage.newBuilder().setModel(model).setStrData("x").build();
    }

    private static String status(GrpsMessage message) {
        return message.getStatus().getCode() + " " + message.getStatus().getMsg();
    }
}
