package io.grps.client.internal;

import io.grps.client.Result;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;

/** One attempt of each kind of call; cancelling a future ends the call on the service. */
public interface Transport extends AutoCloseable {
    /** Calls a model. */
    CompletableFuture<Result> predict(Call call);

    /** Calls a model at each subscription, and publishes the pieces of its response. */
    Flow.Publisher<Result> stream(Call call);

    /** Describes the model of the call. */
    CompletableFuture<String> modelMetadata(Call call);

    /** The configuration of the service. */
    CompletableFuture<String> serverMetadata(Call call);

    /** Whether the service is ready. */
    CompletableFuture<Boolean> isReady(Call call);

    @Override
    void close();
}
