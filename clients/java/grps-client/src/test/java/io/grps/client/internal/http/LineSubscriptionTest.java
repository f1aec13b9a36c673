package io.grps.client.internal.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import io.grps.client.Result;
import io.grps.client.errors.TooLargeException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Flow;
import org.junit.jupiter.api.Test;

/** Lines are given as they are asked for, however they come. */
class LineSubscriptionTest {
    private final List<String> got = new ArrayList<>();
    private Throwable failure;
    private int requested;
    private boolean cancelled;

    private LineSubscription lines(int limit) {
        LineSubscription lines = new LineSubscription(new Flow.Subscriber<>() {
            @Override
            public void onSubscribe(Flow.Subscription given) {}

            @Override
            public void onNext(Result piece) {
                got.add(piece.text());
            }

            @Override
            public void onError(Throwable error) {
                failure = error;
            }

            @Override
            public void onComplete() {
                got.add("end");
            }
        }, limit, error -> error);
        lines.onSubscribe(new Flow.Subscription() {
            @Override
            public void request(long number) {
                requested++;
            }

            @Override
            public void cancel() {
                cancelled = true;
            }
        });
        return lines;
    }

    private static List<ByteBuffer> bytes(String text) {
        return List.of(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
    }

    @Test
    void nothingIsReadBeforeItIsAskedFor() {
        LineSubscription lines = lines(1000);
        assertEquals(0, requested);
        lines.request(1);
        assertEquals(1, requested);
        lines.onNext(bytes("{\"str_data\":\"a\"}\n{\"str_data\":\"b\"}\n{\"str_"));
        assertEquals(List.of("a"), got);
        assertEquals(1, requested);
        lines.request(2);
        assertEquals(2, requested);
        lines.onNext(bytes("data\":\"c\"}\n"));
        lines.onComplete();
        assertEquals(List.of("a", "b", "c", "end"), got);
    }

    @Test
    void lineThatIsTooLongEndsTheStream() {
        LineSubscription lines = lines(10);
        lines.request(1);
        lines.onNext(bytes("{\"str_data\":\"abcdefgh"));
        assertInstanceOf(TooLargeException.class, failure);
        assertEquals(true, cancelled);
    }

    @Test
    void cancelEndsTheSource() {
        lines(10).cancel();
        assertEquals(true, cancelled);
        assertEquals(List.of(), got);
    }
}
