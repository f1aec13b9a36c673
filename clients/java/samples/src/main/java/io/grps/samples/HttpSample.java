package io.grps.samples;

import io.grps.client.GrpsClient;
import io.grps.client.Tensor;

/** Sends a text and a tensor over HTTP. */
public final class HttpSample {
    private HttpSample() {}

    /**
     * Runs the sample.
     *
     * @param arguments host:port of HTTP
     */
    public static void main(String[] arguments) {
        try (GrpsClient client = new GrpsClient(arguments[0])) {
            System.out.println(client.predict("hello").text());
            Tensor image = Tensor.of("image", new int[] {1, 2, 2}, 0.1f, 0.2f, 0.3f, 0.4f);
            for (float score : client.predict(image).tensor("image").floats()) {
                System.out.println(score);
            }
        }
    }
}
