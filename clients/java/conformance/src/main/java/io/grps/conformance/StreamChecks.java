package io.grps.conformance;

import io.grps.client.CallOptions;
import io.grps.client.Content;
import io.grps.client.GrpsClient;
import io.grps.client.Result;
import io.grps.client.ResultStream;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;

/** Streams: order, memory, and what ends them. */
final class StreamChecks {
    private static final CallOptions COUNT = CallOptions.model("count");

    private StreamChecks() {}

    static void stream(Target target) throws InterruptedException {
        try (GrpsClient client = target.client()) {
            int next = 0;
            try (ResultStream pieces = client.stream(Content.of("10000"), COUNT)) {
                for (Result piece : pieces) {
                    Expect.that(piece.text().strip().equals(String.valueOf(next)), "piece " + next);
                    next++;
                }
            }
            Expect.that(next == 10000, "10000 pieces, got " + next);
            CountDownLatch five = new CountDownLatch(5);
            client.publish(Content.of("5"), COUNT).subscribe(new OneByOne(five));
            Expect.that(five.await(10, TimeUnit.SECONDS), "five pieces of a publisher");
        }
    }

    static void slowReader(Target target) throws InterruptedException {
        try (GrpsClient client = target.client();
                ResultStream pieces = client.stream(Content.of("200 1048576"), COUNT)) {
            int count = 0;
            long highest = 0;
            while (pieces.hasNext()) {
                String text = pieces.next().text();
                Expect.that(text.length() == 1 << 20, "a piece of 1 MiB");
                Expect.that(text.substring(0, 8).strip().equals(String.valueOf(count)), "order");
                count++;
                Thread.sleep(5);
                if (count % 50 == 0) {
                    System.gc();
                    Runtime java = Runtime.getRuntime();
                    highest = Math.max(highest, java.totalMemory() - java.freeMemory());
                }
            }
            Expect.that(count == 200, "200 pieces, got " + count);
            Expect.that(highest < 64 << 20, "less than 64 MiB in use, got " + highest);
        }
    }

    static void cancelStream(Target target) throws InterruptedException {
        try (GrpsClient client = target.client()) {
            int before = Expect.count(client, "cancelled");
            try (ResultStream endless = client.stream(Content.of("-1 1000"), COUNT)) {
                for (int piece = 0; piece < 10; piece++) {
                    endless.next();
                }
            }
            Expect.cancelled(client, before);
        }
    }

    /** Asks for a piece when it has got the one before. */
    private static final class OneByOne implements Flow.Subscriber<Result> {
        private final CountDownLatch got;
        private Flow.Subscription subscription;

        OneByOne(CountDownLatch got) {
            this.got = got;
        }

        @Override
        public void onSubscribe(Flow.Subscription given) {
            subscription = given;
            given.request(1);
        }

        @Override
        public void onNext(Result piece) {
            got.countDown();
            subscription.request(1);
        }

        @Override
        public void onError(Throwable error) {
            System.err.println(error);
        }

        @Override
        public void onComplete() {}
    }
}
