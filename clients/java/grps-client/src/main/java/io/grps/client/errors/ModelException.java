package io.grps.client.errors;

/** The model failed: 500, and other codes from 500 on. */
public final class ModelException extends GrpsException {
    private static final long serialVersionUID = 1L;

    /**
     * Describes a failure.
     *
     * @param failure what happened
     */
    public ModelException(Failure failure) {
        super(failure);
    }
}
