package io.grps.client.errors;

/** The request or the response is larger than the limit: 413. */
public final class TooLargeException extends GrpsException {
    private static final long serialVersionUID = 1L;

    /**
     * Describes a failure.
     *
     * @param failure what happened
     */
    public TooLargeException(Failure failure) {
        super(failure);
    }
}
