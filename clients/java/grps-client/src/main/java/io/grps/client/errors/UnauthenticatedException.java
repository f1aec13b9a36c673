package io.grps.client.errors;

/** The key is missing or unknown: 401. */
public final class UnauthenticatedException extends GrpsException {
    private static final long serialVersionUID = 1L;

    /**
     * Describes a failure.
     *
     * @param failure what happened
     */
    public UnauthenticatedException(Failure failure) {
        super(failure);
    }
}
