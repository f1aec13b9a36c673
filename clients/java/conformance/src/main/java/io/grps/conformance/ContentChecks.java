package io.grps.conformance;

import io.grps.client.CallOptions;
import io.grps.client.Content;
import io.grps.client.DataType;
import io.grps.client.GrpsClient;
import io.grps.client.NdArray;
import io.grps.client.Result;
import io.grps.client.Tensor;
import java.lang.reflect.Array;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;

/** What is sent arrives, and comes back. */
final class ContentChecks {
    private ContentChecks() {}

    static void text(Target target) {
        try (GrpsClient client = target.client()) {
            String sent = "déjà vu \"\\\n 你好 🎉";
            Expect.that(client.predict(sent).text().equals(sent), "the text that was sent");
            Expect.that(Target.predict(client, "echo-1.0.0", "").text().isEmpty(), "no text");
        }
    }

    static void binary(Target target) {
        byte[] sent = new byte[256];
        for (int index = 0; index < sent.length; index++) {
            sent[index] = (byte) index;
        }
        try (GrpsClient client = target.client()) {
            Expect.that(Arrays.equals(client.predict(sent).bytes(), sent), "the bytes");
        }
    }

    static void tensors(Target target) {
        List<Tensor> sent = new ArrayList<>();
        add(sent, DataType.UINT8, new byte[] {0, 1, 127, -1});
        add(sent, DataType.INT8, new byte[] {-128, 0, 1, 127});
        add(sent, DataType.INT16, new short[] {Short.MIN_VALUE, 0, Short.MAX_VALUE});
        add(sent, DataType.INT32, new int[] {Integer.MIN_VALUE, 0, Integer.MAX_VALUE});
        add(sent, DataType.INT64, new long[] {Long.MIN_VALUE, 0, Long.MAX_VALUE});
        add(sent, DataType.FLOAT16, new float[] {0.5f, -65504f, 1});
        add(sent, DataType.FLOAT32, new float[] {0.1f, -0f, Float.MIN_VALUE, Float.MAX_VALUE,
            Float.NaN, Float.NEGATIVE_INFINITY});
        add(sent, DataType.FLOAT64, new double[] {0.1, 1e300, Double.MIN_VALUE,
            Double.POSITIVE_INFINITY});
        add(sent, DataType.STRING, new byte[][] {{}, "é\n\"".getBytes(
                java.nio.charset.StandardCharsets.UTF_8), {0, -1}});
        try (GrpsClient client = target.client()) {
            for (Tensor each : sent) {
                Tensor got = client.predict(each).tensor(each.name());
                Expect.that(got.equals(each), each + ", got " + got);
            }
            Result all = client.predict(sent.toArray(new Tensor[0]));
            Expect.that(all.tensors().equals(sent), "all tensors in one message");
        }
    }

    private static void add(List<Tensor> sent, DataType type, Object elements) {
        int size = Array.getLength(elements);
        String name = type.name();
        sent.add(new Tensor(name + " 1", type, new int[] {size}, elements));
        sent.add(new Tensor(name + " 3", type, new int[] {1, size, 1}, elements));
        sent.add(new Tensor(name + " 0", type, new int[] {2, 0, 3},
                Array.newInstance(type.arrayClass().getComponentType(), 0)));
    }

    static void ndarray(Target target) {
        NdArray sent = new NdArray(new int[] {2, 1, 3}, 1, 2, 3, -4, 0.5, 1e9);
        try (GrpsClient client = target.client()) {
            NdArray got = client.predict(Content.of(sent), CallOptions.DEFAULT).ndArray();
            Expect.that(got.equals(sent), "the same nested lists");
        }
    }

    static void metadata(Target target) {
        try (GrpsClient client = target.client();
                GrpsClient other = target.secure(Target.variable("GRPS_KEY"), "GRPS_CA")) {
            Expect.that(client.isReady(), "a service that is ready");
            Expect.that(!other.isReady(), "one that is not");
            Expect.that(client.metadata("echo-1.0.0").contains("echo"), "the model's name");
            Expect.that(client.serverMetadata().contains("max_request_bytes"), "limits");
        }
    }

    static void concurrent(Target target) throws InterruptedException {
        try (GrpsClient client = target.client()) {
            Semaphore running = new Semaphore(32);
            List<CompletableFuture<Result>> results = new ArrayList<>();
            for (int call = 0; call < 200; call++) {
                running.acquire();
                CompletableFuture<Result> result = client.predictAsync(
                        Content.of("call " + call), CallOptions.DEFAULT);
                result.whenComplete((value, error) -> running.release());
                results.add(result);
            }
            for (int call = 0; call < 200; call++) {
                Expect.that(results.get(call).join().text().equals("call " + call),
                        "the result of call " + call);
            }
        }
    }
}
