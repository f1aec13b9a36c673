package io.grps.client.errors;

/** A queue is full, or a key has reached its rate: 429. */
public final class TooManyRequestsException extends GrpsException {
    private static final long serialVersionUID = 1L;

    /**
     * Describes a failure.
     *
     * @param failure what happened
     */
    public TooManyRequestsException(Failure failure) {
        super(failure);
    }
}
