package io.grps.client;

import java.time.Duration;

/** Options of one call. An object never changes: each method returns another one. */
public final class CallOptions {
    /** The default graph of the service, and the timeout of the client. */
    public static final CallOptions DEFAULT = new CallOptions("", null, "", false);

    private final String model;
    private final Duration timeout;
    private final String traceparent;
    private final boolean repeatable;

    private CallOptions(String model, Duration timeout, String traceparent, boolean repeatable) {
        this.model = model;
        this.timeout = timeout;
        this.traceparent = traceparent;
        this.repeatable = repeatable;
    }

    /**
     * Options of a call of a model.
     *
     * @param model its name, or name-version
     * @return the options
     */
    public static CallOptions model(String model) {
        return new CallOptions(model, null, "", false);
    }

    /**
     * Sets the timeout of the call, with its repetitions.
     *
     * @param time the time; zero is no timeout
     * @return other options
     */
    public CallOptions timeout(Duration time) {
        return new CallOptions(model, time, traceparent, repeatable);
    }

    /**
     * Continues a trace.
     *
     * @param value a {@code traceparent} as the W3C defines it
     * @return other options
     */
    public CallOptions traceparent(String value) {
        return new CallOptions(model, timeout, value, repeatable);
    }

    /**
     * Says that the call may run twice, so that it is also repeated if its connection broke.
     *
     * @return other options
     */
    public CallOptions repeatable() {
        return new CallOptions(model, timeout, traceparent, true);
    }

    /**
     * The model.
     *
     * @return the name; empty is the default graph
     */
    public String model() {
        return model;
    }

    /**
     * The timeout.
     *
     * @return the time, or null for that of the client
     */
    public Duration timeout() {
        return timeout;
    }

    /**
     * The trace.
     *
     * @return the {@code traceparent}; may be empty
     */
    public String traceparent() {
        return traceparent;
    }

    /**
     * Whether the call may run twice.
     *
     * @return whether it may
     */
    public boolean isRepeatable() {
        return repeatable;
    }
}
