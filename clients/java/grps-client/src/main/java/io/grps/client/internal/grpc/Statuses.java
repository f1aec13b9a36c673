package io.grps.client.internal.grpc;

import io.grpc.Metadata;
import io.grpc.Status;
import io.grps.client.errors.Failure;
import io.grps.client.errors.GrpsException;
import java.net.ConnectException;
import java.time.Duration;

/** Statuses of gRPC as exceptions. */
final class Statuses {
    private static final Metadata.Key<String> PUSHBACK =
            Metadata.Key.of("grpc-retry-pushback-ms", Metadata.ASCII_STRING_MARSHALLER);

    private Statuses() {}

    static GrpsException exception(Status status, Metadata trailers) {
        String pushback = trailers == null ? null : trailers.get(PUSHBACK);
        Duration wait = pushback != null && pushback.matches("\\d{1,9}")
                ? Duration.ofMillis(Long.parseLong(pushback)) : null;
        String text = status.getDescription() == null
                ? status.getCode().name() : status.getDescription();
        // A status that was made here has no trailers: the service sends some with each.
        boolean isOurs = trailers == null || trailers.keys().isEmpty();
        if (status.getCode() == Status.Code.UNAVAILABLE && isOurs) {
            Throwable cause = status.getCause();
            boolean isUnsent = cause instanceof ConnectException;
            return new Failure(0, "the connection failed: " + text
                    + (cause == null ? "" : ": " + cause)).mayRepeat(isUnsent).cause(cause)
                    .exception();
        }
        return new Failure(code(status.getCode(), wait != null), text).retryAfter(wait)
                .cause(status.getCause()).exception();
    }

    private static int code(Status.Code code, boolean hasWait) {
        switch (code) {
            case INVALID_ARGUMENT:
            case FAILED_PRECONDITION:
            case OUT_OF_RANGE:
                return 400;
            case UNAUTHENTICATED:
                return 401;
            case PERMISSION_DENIED:
                return 403;
            case NOT_FOUND:
                return 404;
            case RESOURCE_EXHAUSTED:
                return hasWait ? 429 : 413;
            case CANCELLED:
                return 499;
            case UNIMPLEMENTED:
                return 501;
            case UNAVAILABLE:
                return 503;
            case DEADLINE_EXCEEDED:
                return 504;
            default:
                return 500;
        }
    }
}
