package io.grps.client.internal.http;

import io.grps.client.Result;
import io.grps.client.errors.Failure;
import java.io.ByteArrayOutputStream;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.function.Function;

/**
 * Publishes the lines of a body as results. It reads from the connection only when the subscriber
 * has asked for more than there is, so that a slow subscriber slows the service down.
 */
final class LineSubscription implements HttpResponse.BodySubscriber<Void>, Flow.Subscription {
    private final Flow.Subscriber<? super Result> subscriber;
    private final int limit;
    private final Function<Throwable, Throwable> asError;
    private final CompletableFuture<Void> body = new CompletableFuture<>();
    private final ArrayDeque<byte[]> lines = new ArrayDeque<>();
    private ByteArrayOutputStream line = new ByteArrayOutputStream();
    private Runnable abort = () -> {};
    private Flow.Subscription source;
    private Throwable failure;
    private long demand;
    private boolean reading;
    private boolean complete;
    private boolean ended;
    private boolean delivering;

    LineSubscription(Flow.Subscriber<? super Result> subscriber, int limit,
            Function<Throwable, Throwable> asError) {
        this.subscriber = subscriber;
        this.limit = limit;
        this.asError = asError;
    }

    /** Sets what ends the call before its body has begun. */
    void onCancel(Runnable action) {
        boolean isLate;
        synchronized (this) {
            abort = action;
            isLate = ended;
        }
        if (isLate) {
            action.run();
        }
    }

    @Override
    public CompletionStage<Void> getBody() {
        return body;
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
        boolean isLate;
        synchronized (this) {
            source = given;
            isLate = ended;
        }
        if (isLate) {
            given.cancel();
        } else {
            deliver();
        }
    }

    @Override
    public void onNext(List<ByteBuffer> buffers) {
        synchronized (this) {
            reading = false;
            for (ByteBuffer buffer : buffers) {
                split(buffer);
            }
            if (line.size() > limit) {
                failure = Failure.responseTooLarge(limit);
                source.cancel();
            }
        }
        deliver();
    }

    private void split(ByteBuffer buffer) {
        while (buffer.hasRemaining()) {
            int end = buffer.position();
            while (end < buffer.limit() && buffer.get(end) != '\n') {
                end++;
            }
            byte[] bytes = new byte[end - buffer.position()];
            buffer.get(bytes);
            line.write(bytes, 0, bytes.length);
            if (buffer.hasRemaining()) {
                buffer.get();
                lines.add(line.toByteArray());
                line = new ByteArrayOutputStream();
            }
        }
    }

    @Override
    public void onError(Throwable error) {
        fail(error);
        body.complete(null);
    }

    /** Ends the stream with an error, after the lines that have come. */
    void fail(Throwable error) {
        synchronized (this) {
            if (failure == null && !complete) {
                failure = asError.apply(error);
            }
        }
        deliver();
    }

    /** Ends the stream with an error at once; nothing more is read. */
    void abort(Throwable error) {
        synchronized (this) {
            if (ended) {
                return;
            }
            lines.clear();
            failure = error;
        }
        stopReading();
        deliver();
    }

    @Override
    public void onComplete() {
        synchronized (this) {
            complete = true;
            if (line.size() > 0) {
                lines.add(line.toByteArray());
            }
        }
        body.complete(null);
        deliver();
    }

    @Override
    public void request(long number) {
        synchronized (this) {
            if (number <= 0) {
                failure = new IllegalArgumentException("asked for " + number + " pieces");
            } else {
                demand = demand + number < 0 ? Long.MAX_VALUE : demand + number;
            }
        }
        deliver();
    }

    @Override
    public void cancel() {
        synchronized (this) {
            if (ended) {
                return;
            }
            ended = true;
            lines.clear();
        }
        stopReading();
    }

    private void stopReading() {
        Flow.Subscription reads;
        Runnable action;
        synchronized (this) {
            reads = source;
            action = abort;
        }
        if (reads != null) {
            reads.cancel();
        }
        action.run();
        body.complete(null);
    }

    /** Gives what may be given; one thread does so at a time. */
    private void deliver() {
        synchronized (this) {
            if (delivering) {
                return;
            }
            delivering = true;
        }
        while (true) {
            Runnable step;
            synchronized (this) {
                step = next();
                if (step == null) {
                    delivering = false;
                    return;
                }
            }
            step.run();
        }
    }

    private Runnable next() {
        if (ended) {
            return null;
        }
        if (demand > 0 && !lines.isEmpty()) {
            demand--;
            byte[] bytes = lines.poll();
            return () -> publish(bytes);
        }
        if (lines.isEmpty() && failure != null) {
            ended = true;
            return () -> subscriber.onError(failure);
        }
        if (lines.isEmpty() && complete) {
            ended = true;
            return subscriber::onComplete;
        }
        if (demand > 0 && source != null && !reading && !complete) {
            reading = true;
            return () -> source.request(1);
        }
        return null;
    }

    private void publish(byte[] bytes) {
        Result result;
        try {
            result = JsonReading.result(bytes);
        } catch (RuntimeException error) {
            abort(error);
            return;
        }
        subscriber.onNext(result);
    }
}
