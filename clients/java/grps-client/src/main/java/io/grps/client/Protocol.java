package io.grps.client;

/** How a client talks to a service. */
public enum Protocol {
    /** GRPS over HTTP. */
    HTTP,
    /** GRPS over gRPC. */
    GRPC
}
