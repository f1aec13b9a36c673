package io.grps.samples;

import io.grps.client.CallOptions;
import io.grps.client.ClientOptions;
import io.grps.client.Content;
import io.grps.client.GrpsClient;
import io.grps.client.Protocol;
import java.time.Duration;

/** Calls a model by its name over gRPC, with a timeout. */
public final class GrpcSample {
    private GrpcSample() {}

    /**
     * Runs the sample.
     *
     * @param arguments host:port of gRPC
     */
    public static void main(String[] arguments) {
        ClientOptions options = new ClientOptions().protocol(Protocol.GRPC);
        try (GrpsClient client = new GrpsClient(arguments[0], options)) {
            CallOptions call = CallOptions.model("echo").timeout(Duration.ofSeconds(5));
            System.out.println(client.predict(Content.of("hello"), call).text());
        }
    }
}
