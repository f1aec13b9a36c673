package io.grps.client.errors;

/** The caller cancelled the call: 499. */
public final class CancelledException extends GrpsException {
    private static final long serialVersionUID = 1L;

    /**
     * Describes a failure.
     *
     * @param failure what happened
     */
    public CancelledException(Failure failure) {
        super(failure);
    }
}
