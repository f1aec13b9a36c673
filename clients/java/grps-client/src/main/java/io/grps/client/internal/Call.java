package io.grps.client.internal;

import io.grps.client.CallOptions;
import io.grps.client.ClientOptions;
import io.grps.client.Content;
import io.grps.client.errors.Failure;
import java.time.Duration;

/** A call on its way: what is sent, to which model, and until when. */
public final class Call {
    /** What is sent. */
    public final Content content;
    /** The model; empty is the default graph. */
    public final String model;
    /** The {@code traceparent}; may be empty. */
    public final String traceparent;
    private final boolean hasDeadline;
    private final long deadlineNanos;

    /** A call that begins now, with the timeout of the options, or else the default one. */
    public Call(Content content, CallOptions options, ClientOptions client, Duration otherwise) {
        this.content = content;
        this.model = options.model();
        this.traceparent = options.traceparent().isEmpty()
                ? client.currentTraceparent().get() : options.traceparent();
        Duration timeout = options.timeout() == null ? otherwise : options.timeout();
        this.hasDeadline = !timeout.isZero();
        this.deadlineNanos = System.nanoTime() + timeout.toNanos();
    }

    /** Whether the call ends at a time. */
    public boolean hasDeadline() {
        return hasDeadline;
    }

    /** The time that is left; throws if it has passed. */
    public Duration left() {
        long nanos = deadlineNanos - System.nanoTime();
        if (nanos <= 0) {
            throw Failure.deadline();
        }
        return Duration.ofNanos(nanos);
    }
}
