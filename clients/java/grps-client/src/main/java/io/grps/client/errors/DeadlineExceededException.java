package io.grps.client.errors;

/** The timeout of the call passed: 504. */
public final class DeadlineExceededException extends GrpsException {
    private static final long serialVersionUID = 1L;

    /**
     * Describes a failure.
     *
     * @param failure what happened
     */
    public DeadlineExceededException(Failure failure) {
        super(failure);
    }
}
