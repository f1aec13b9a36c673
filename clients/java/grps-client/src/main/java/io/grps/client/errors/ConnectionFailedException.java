package io.grps.client.errors;

/** There is no connection, or it broke. The code is 0. */
public final class ConnectionFailedException extends GrpsException {
    private static final long serialVersionUID = 1L;

    /**
     * Describes a failure.
     *
     * @param failure what happened
     */
    public ConnectionFailedException(Failure failure) {
        super(failure);
    }
}
