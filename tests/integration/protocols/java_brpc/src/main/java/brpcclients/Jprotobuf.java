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
    /** The service, by its short name. */
    public interface Service {
        String NAME = "GrpsBrpcService";

        @ProtobufRPC(serviceName = NAME, methodName = "Predict")
        Message predict(Message message);

        @ProtobufRPC(serviceName = NAME, methodName = "Predict", compressType = CompressType.GZIP)
        Message predictGzip(Message message);

        @ProtobufRPC(serviceName = NAME, methodName = "Predict", compressType = CompressType.Snappy)
        Message predictSnappy(Message message);

        @ProtobufRPC(serviceName = NAME, methodName = "Predict",
                attachmentHandler = RawBytes.class)
        Message predictAttachment(Message message);

        @ProtobufRPC(serviceName = NAME, methodName = "Predict", logIDGenerator = Numbers.class)
        Message predictLogged(Message message);

        @ProtobufRPC(serviceName = NAME, methodName = "Predict", onceTalkTimeout = 300)
        Message predictSoon(Message message);

        @ProtobufRPC(serviceName = NAME, methodName = "CheckReadiness")
        Message checkReadiness(Message message);

        @ProtobufRPC(serviceName = NAME, methodName = "ModelMetadata")
        Message modelMetadata(Message message);

        @ProtobufRPC(serviceName = NAME, methodName = "Online",
                authenticationDataHandler = Token.class)
        Message online(Message message);

        @ProtobufRPC(serviceName = NAME, methodName = "Online")
        Message onlineWithoutToken(Message message);

        @ProtobufRPC(serviceName = NAME, methodName = "Nope")
        Message nope(Message message);
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

    Jprotobuf(int port, String token) {
        this.port = port;
        Token.token = token;
    }

    void run() {
        Service service = service(-1);
        String sent = "0123456789".repeat(1000);
        Results.print("jprotobuf.predict", () -> service.predict(Message.text("héllo")).strData);
        Results.print("jprotobuf.gzip", () -> same(sent, service.predictGzip(Message.text(sent))));
        Results.print("jprotobuf.snappy",
                () -> same(sent, service.predictSnappy(Message.text(sent))));
        Results.print("jprotobuf.attachment",
                () -> new String(service.predictAttachment(Message.model("echo", null)).binData));
        Results.print("jprotobuf.logged",
                () -> service.predictLogged(Message.model("raiser", "x")).status());
        Results.print("jprotobuf.failure",
                () -> service.predict(Message.model("nope", "x")).status());
        Results.print("jprotobuf.late",
                () -> service.predictSoon(Message.model("sleeper", "1")).strData);
        Results.print("jprotobuf.nope", () -> service.nope(new Message()).status());
        Results.print("jprotobuf.ready", () -> service.checkReadiness(new Message()).status());
        Results.print("jprotobuf.model", () -> String.valueOf(
                service.modelMetadata(Message.text("echo")).strData.contains("echo")));
        Results.print("jprotobuf.refused",
                () -> service.onlineWithoutToken(new Message()).status());
        Results.print("jprotobuf.online", () -> service.online(new Message()).status());
        Service inChunks = service(1000);
        Results.print("jprotobuf.chunks", () -> same(sent, inChunks.predict(Message.text(sent))));
        Results.print("jprotobuf.gzip.chunks",
                () -> same(sent, service(10).predictGzip(Message.text(sent))));
    }

    private static String same(String sent, Message answer) {
        return String.valueOf(sent.equals(answer.strData));
    }

    private Service service(long chunkBytes) {
        RpcClientOptions options = new RpcClientOptions();
        options.setOnceTalkTimeout(20000);
        options.setChunkSize(chunkBytes);
        options.setMinIdleSize(0);
        ProtobufRpcProxy<Service> proxy =
                new ProtobufRpcProxy<>(new RpcClient(options), Service.class);
        proxy.setHost("127.0.0.1");
        proxy.setPort(port);
        return proxy.proxy();
    }
}
