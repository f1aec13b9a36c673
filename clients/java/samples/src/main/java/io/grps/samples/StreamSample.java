package io.grps.samples;

import io.grps.client.CallOptions;
import io.grps.client.Content;
import io.grps.client.GrpsClient;
import io.grps.client.Result;
import io.grps.client.ResultStream;

/** Reads a stream. */
public final class StreamSample {
    private StreamSample() {}

    /**
     * Runs the sample.
     *
     * @param arguments host:port of HTTP
     */
    public static void main(String[] arguments) {
        try (GrpsClient client = new GrpsClient(arguments[0]);
                ResultStream pieces = client.stream(
                        Content.of("3"), CallOptions.model("count"))) {
            for (Result piece : pieces) {
                System.out.println(piece.text());
            }
        }
    }
}
