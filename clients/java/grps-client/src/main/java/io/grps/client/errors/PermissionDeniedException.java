package io.grps.client.errors;

/** The key lacks the scope of the call: 403. */
public final class PermissionDeniedException extends GrpsException {
    private static final long serialVersionUID = 1L;

    /**
     * Describes a failure.
     *
     * @param failure what happened
     */
    public PermissionDeniedException(Failure failure) {
        super(failure);
    }
}
