package brpcclients;

import com.baidu.jprotobuf.pbrpc.AuthenticationDataHandler;
import com.baidu.jprotobuf.pbrpc.ClientAttachmentHandler;
import com.baidu.jprotobuf.pbrpc.CompressType;
import com.baidu.jprotobuf.pbrpc.LogIDGenerator;
import com.baidu.jprotobuf.pbrpc.ProtobufRPC;
import com.baidu.jprotobuf.pbrpc.client.ProtobufRpcProxy;
import com.baidu.jprotobuf.pbrpc.transport.RpcClient;
import com.baidu.jprotobuf.pbrpc.transport.RpcClientOptions;

/** Calls with com.baidu:jprotobuf-rpc-core, which has its own code for frames and messages. */
final class Jprotobuf {
    /** The short name of the service. */
    public static final String SERVICE = "GrpsBrpcService";

    /** The service as it is called most often. */
    public interface Service {
        @ProtobufRPC(serviceName = SERVICE, methodName = "Predict")
        Message predict(Message message);

        @ProtobufRPC(serviceName = SERVICE, methodName = "CheckReadiness")
        Message checkReadiness(Message message);

        @ProtobufRPC(serviceName = SERVICE, methodName = "ModelMetadata")
        Message modelMetadata(Message message);

        @ProtobufRPC(serviceName = SERVICE, methodName = "Online")
        Message online(Message message);

        @ProtobufRPC(serviceName = SERVICE, methodName = "Nope")
        Message nope(Message message);
    }

    /** An interface has a method of the service once only, so each option has one of its own. */
    public interface Gzip {
        @ProtobufRPC(
                serviceName = SERVICE, methodName = "Predict", compressType = CompressType.GZIP)
        Message predict(Message message);
    }

    /** With snappy. */
    public interface Snappy {
        @ProtobufRPC(
                serviceName = SERVICE, methodName = "Predict", compressType = CompressType.Snappy)
        Message predict(Message message);
    }

    /** With an attachment. */
    public interface Attached {
        @ProtobufRPC(
                serviceName = SERVICE, methodName = "Predict", attachmentHandler = RawBytes.class)
        Message predict(Message message);
    }

    /** With a number for logs. */
    public interface Logged {
        @ProtobufRPC(
                serviceName = SERVICE, methodName = "Predict", logIDGenerator = Numbers.class)
        Message predict(Message message);
    }

    /** With a timeout. */
    public interface Soon {
        @ProtobufRPC(serviceName = SERVICE, methodName = "Predict", onceTalkTimeout = 300)
        Message predict(Message message);
    }

    /** With the credentials of operators. */
    public interface Operator {
        @ProtobufRPC(
                serviceName = SERVICE,
                methodName = "Online",
                authenticationDataHandler = Token.class)
        Message online(Message message);
    }

    /** The credentials of operators. */
    public static final class Token implements AuthenticationDataHandler {
        static String token;

        @Override
        public byte[] create(String service, String method, Object... parameters) {
            return token.getBytes();
        }
    }

    /** An attachment. */
    public static final class RawBytes implements ClientAttachmentHandler {
        @Override
        public byte[] handleRequest(String service, String method, Object... parameters) {
            return "raw bytes".getBytes();
        }

        @Override
        public void handleResponse(
                byte[] response, String service, String method, Object... parameters) {}
    }

    /** A number that names a request in logs. */
    public static final class Numbers implements LogIDGenerator {
        @Override
        public long generate(String service, String method, Object... parameters) {
            return 271828;
        }
    }

    private final int port;

    private final Service service;

    Jprotobuf(int port, String token) {
        this.port = port;
        Token.token = token;
        this.service = proxy(Service.class, -1);
    }

    /** A call after the service has closed the idle connections. */
    void runAgain() {
        Results.print("jprotobuf.idle", () -> service.predict(Message.text("again")).strData);
    }

    void run() {
        String sent = "0123456789".repeat(1000);
        Results.print("jprotobuf.predict", () -> service.predict(Message.text("héllo")).strData);
        Results.print("jprotobuf.gzip",
                () -> same(sent, proxy(Gzip.class, -1).predict(Message.text(sent))));
        Results.print("jprotobuf.snappy",
                () -> same(sent, proxy(Snappy.class, -1).predict(Message.text(sent))));
        Results.print("jprotobuf.attachment", () -> new String(
                proxy(Attached.class, -1).predict(Message.model("echo", null)).binData));
        Results.print("jprotobuf.logged",
                () -> proxy(Logged.class, -1).predict(Message.model("raiser", "x")).status());
        Results.print("jprotobuf.failure",
                () -> service.predict(Message.model("nope", "x")).status());
        Results.print("jprotobuf.late",
                () -> proxy(Soon.class, -1).predict(Message.model("sleeper", "30")).strData);
        Results.print("jprotobuf.nope", () -> service.nope(new Message()).status());
        Results.print("jprotobuf.ready", () -> service.checkReadiness(new Message()).status());
        Results.print("jprotobuf.model", () -> String.valueOf(
                service.modelMetadata(Message.text("echo")).strData.contains("echo")));
        Results.print("jprotobuf.refused", () -> service.online(new Message()).status());
        Results.print("jprotobuf.online",
                () -> proxy(Operator.class, -1).online(new Message()).status());
        Results.print("jprotobuf.chunks",
                () -> same(sent, proxy(Service.class, 1000).predict(Message.text(sent))));
        Results.print("jprotobuf.gzip.chunks",
                () -> same(sent, proxy(Gzip.class, 10).predict(Message.text(sent))));
    }

    private static String same(String sent, Message answer) {
        return String.valueOf(sent.equals(answer.strData));
    }

    /** The methods of an interface; payloads over so many bytes are sent in chunks, unless it is -1. */
    private <T> T proxy(Class<T> type, long chunkBytes) {
        RpcClientOptions options = new RpcClientOptions();
        options.setOnceTalkTimeout(20000);
        options.setChunkSize(chunkBytes);
        options.setMinIdleSize(0);
        ProtobufRpcProxy<T> proxy = new ProtobufRpcProxy<>(new RpcClient(options), type);
        proxy.setHost("127.0.0.1");
        proxy.setPort(port);
        return proxy.proxy();
    }
}
