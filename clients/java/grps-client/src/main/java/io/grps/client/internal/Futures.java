package io.grps.client.internal;

import io.grps.client.errors.Failure;
import io.grps.client.errors.GrpsException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.function.Function;

/** What futures lack. */
public final class Futures {
    private Futures() {}

    /** Cancels the inner future when the outer one is cancelled. */
    public static void linkCancel(CompletableFuture<?> outer, Future<?> inner) {
        outer.whenComplete((value, error) -> {
            if (outer.isCancelled()) {
                inner.cancel(true);
            }
        });
    }

    /** A future of what a function makes of a value; cancelling it cancels the first one. */
    public static <T, U> CompletableFuture<U> map(
            CompletableFuture<T> future, Function<T, U> function) {
        CompletableFuture<U> mapped = future.thenApply(function);
        linkCancel(mapped, future);
        return mapped;
    }

    /** The error below what futures wrap around it. */
    public static Throwable unwrapped(Throwable error) {
        Throwable found = error;
        while ((found instanceof CompletionException || found instanceof ExecutionException)
                && found.getCause() != null) {
            found = found.getCause();
        }
        return found;
    }

    /** Waits; a thread that is interrupted cancels the call. */
    public static <T> T await(CompletableFuture<T> future) {
        try {
            return future.get();
        } catch (InterruptedException error) {
            future.cancel(true);
            Thread.currentThread().interrupt();
            throw Failure.cancelled();
        } catch (CancellationException error) {
            throw Failure.cancelled();
        } catch (ExecutionException error) {
            Throwable cause = unwrapped(error);
            if (cause instanceof GrpsException) {
                throw (GrpsException) cause;
            }
            if (cause instanceof RuntimeException) {
                throw (RuntimeException) cause;
            }
            throw new Failure(0, String.valueOf(cause)).cause(cause).exception();
        }
    }
}
