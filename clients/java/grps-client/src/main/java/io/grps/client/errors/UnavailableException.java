package io.grps.client.errors;

/** The model is not served at present: 503. */
public final class UnavailableException extends GrpsException {
    private static final long serialVersionUID = 1L;

    /**
     * Describes a failure.
     *
     * @param failure what happened
     */
    public UnavailableException(Failure failure) {
        super(failure);
    }
}
