package io.grps.client.errors;

import java.time.Duration;
import java.util.Optional;

/** A call that failed. The subclasses say how. */
public class GrpsException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int code;
    private final transient Duration retryAfter;
    private final boolean mayRepeat;

    /**
     * Describes a failure.
     *
     * @param failure what happened
     */
    public GrpsException(Failure failure) {
        super(failure.message, failure.cause);
        this.code = failure.code;
        this.retryAfter = failure.retryAfter;
        this.mayRepeat = failure.mayRepeat;
    }

    /**
     * The HTTP status, also over gRPC; 0 if there was no response.
     *
     * @return the code
     */
    public int code() {
        return code;
    }

    /**
     * The time to wait before another attempt, if the service said one.
     *
     * @return the time, or nothing
     */
    public Optional<Duration> retryAfter() {
        return Optional.ofNullable(retryAfter);
    }

    /**
     * Whether the call surely did not run, so that another attempt can do no harm.
     *
     * @return whether it may be repeated
     */
    public boolean mayRepeat() {
        return mayRepeat;
    }
}
