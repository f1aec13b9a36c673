package io.grps.client.errors;

/** There is no such model: 404. */
public final class NotFoundException extends GrpsException {
    private static final long serialVersionUID = 1L;

    /**
     * Describes a failure.
     *
     * @param failure what happened
     */
    public NotFoundException(Failure failure) {
        super(failure);
    }
}
