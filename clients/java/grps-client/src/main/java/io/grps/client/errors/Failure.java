package io.grps.client.errors;

import java.time.Duration;

/** What is known of a failure, and the one table from codes to exceptions. */
public final class Failure {
    final int code;
    final String message;
    Duration retryAfter;
    boolean mayRepeat;
    Throwable cause;

    /**
     * A failure that the service reported.
     *
     * @param code the HTTP status, or 0
     * @param message what happened
     */
    public Failure(int code, String message) {
        this.code = code;
        this.message = message;
        this.mayRepeat = code == 429 || code == 503;
    }

    /**
     * Adds the time to wait.
     *
     * @param time the time, or null
     * @return this
     */
    public Failure retryAfter(Duration time) {
        this.retryAfter = time;
        return this;
    }

    /**
     * Sets whether the call surely did not run.
     *
     * @param may whether another attempt can do no harm
     * @return this
     */
    public Failure mayRepeat(boolean may) {
        this.mayRepeat = may;
        return this;
    }

    /**
     * Adds what caused it.
     *
     * @param error the cause, or null
     * @return this
     */
    public Failure cause(Throwable error) {
        this.cause = error;
        return this;
    }

    /**
     * The exception that goes with the code.
     *
     * @return the exception
     */
    public GrpsException exception() {
        switch (code) {
            case 0:
                return new ConnectionFailedException(this);
            case 401:
                return new UnauthenticatedException(this);
            case 403:
                return new PermissionDeniedException(this);
            case 404:
                return new NotFoundException(this);
            case 408:
            case 504:
                return new DeadlineExceededException(this);
            case 413:
                return new TooLargeException(this);
            case 429:
                return new TooManyRequestsException(this);
            case 499:
                return new CancelledException(this);
            case 503:
                return new UnavailableException(this);
            default:
                return code >= 400 && code < 500
                        ? new InvalidRequestException(this) : new ModelException(this);
        }
    }

    /**
     * A timeout that passed on this side.
     *
     * @return the exception
     */
    public static GrpsException deadline() {
        return new Failure(504, "the timeout of the call passed").exception();
    }

    /**
     * A call that its caller cancelled.
     *
     * @return the exception
     */
    public static GrpsException cancelled() {
        return new Failure(499, "the call was cancelled").exception();
    }

    /**
     * A response that is larger than the client accepts.
     *
     * @param limit the limit in bytes
     * @return the exception
     */
    public static GrpsException responseTooLarge(long limit) {
        return new Failure(413, "the response is larger than maxResponseBytes, " + limit)
                .exception();
    }
}
