package io.grps.client.internal;

import io.grps.client.ClientOptions;
import io.grps.client.errors.ConnectionFailedException;
import io.grps.client.errors.Failure;
import io.grps.client.errors.GrpsException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** Repeats calls that did not run, after pauses that are random and grow. */
public final class Retrier {
    private final ClientOptions options;
    private final ScheduledExecutorService timer;

    /** Uses a thread for the pauses. */
    public Retrier(ClientOptions options, ScheduledExecutorService timer) {
        this.options = options;
        this.timer = timer;
    }

    /** Makes a call until it succeeds, fails for good, or its time has passed. */
    public <T> CompletableFuture<T> run(
            Call call, boolean repeatable, Supplier<CompletableFuture<T>> attempt) {
        Repeated<T> repeated = new Repeated<>(call, repeatable, attempt);
        if (call.hasDeadline()) {
            var end = timer.schedule(() -> repeated.end(Failure.deadline()),
                    call.left().toNanos(), TimeUnit.NANOSECONDS);
            repeated.result.whenComplete((value, error) -> end.cancel(false));
        }
        repeated.tryOnce();
        return repeated.result;
    }

    /** How long to wait before the attempt after the given one. */
    long pauseMs(int attempt, GrpsException error) {
        double longest = options.firstPause().toMillis() * Math.pow(2, attempt - 1);
        long random = (long) (longest * ThreadLocalRandom.current().nextDouble(0.5, 1));
        return error.retryAfter().map(time -> time.toMillis() + random / 2).orElse(random);
    }

    private final class Repeated<T> {
        private final CompletableFuture<T> result = new CompletableFuture<>();
        private final Call call;
        private final boolean repeatable;
        private final Supplier<CompletableFuture<T>> attempt;
        private int attempts;
        private volatile CompletableFuture<T> current;

        Repeated(Call call, boolean repeatable, Supplier<CompletableFuture<T>> attempt) {
            this.call = call;
            this.repeatable = repeatable;
            this.attempt = attempt;
            result.whenComplete((value, error) -> cancelCurrent());
        }

        private void cancelCurrent() {
            CompletableFuture<T> running = current;
            if (running != null) {
                running.cancel(true);
            }
        }

        void end(GrpsException error) {
            result.completeExceptionally(error);
        }

        void tryOnce() {
            if (result.isDone()) {
                return;
            }
            attempts++;
            try {
                current = attempt.get();
            } catch (RuntimeException error) {
                result.completeExceptionally(error);
                return;
            }
            current.whenComplete((value, error) -> {
                if (error == null) {
                    result.complete(value);
                } else {
                    failed(Futures.unwrapped(error));
                }
            });
            if (result.isDone()) {
                cancelCurrent();
            }
        }

        private void failed(Throwable error) {
            if (result.isDone() || !mayRepeat(error)) {
                result.completeExceptionally(error);
                return;
            }
            long pauseMs = pauseMs(attempts, (GrpsException) error);
            if (call.hasDeadline() && call.left().toMillis() <= pauseMs) {
                result.completeExceptionally(error);
                return;
            }
            timer.schedule(this::tryOnce, pauseMs, TimeUnit.MILLISECONDS);
        }

        private boolean mayRepeat(Throwable error) {
            return attempts < options.attempts() && error instanceof GrpsException
                    && (((GrpsException) error).mayRepeat()
                    || repeatable && error instanceof ConnectionFailedException);
        }
    }
}
