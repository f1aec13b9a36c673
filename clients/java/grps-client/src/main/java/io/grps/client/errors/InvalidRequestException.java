package io.grps.client.errors;

/** The request does not fit the model: 400, and other codes below 500. */
public final class InvalidRequestException extends GrpsException {
    private static final long serialVersionUID = 1L;

    /**
     * Describes a failure.
     *
     * @param failure what happened
     */
    public InvalidRequestException(Failure failure) {
        super(failure);
    }
}
