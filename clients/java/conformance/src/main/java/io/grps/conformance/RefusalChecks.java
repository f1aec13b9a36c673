package io.grps.conformance;

import io.grps.client.CallOptions;
import io.grps.client.ClientOptions;
import io.grps.client.Content;
import io.grps.client.GrpsClient;
import io.grps.client.Result;
import io.grps.client.errors.ConnectionFailedException;
import io.grps.client.errors.GrpsException;
import io.grps.client.errors.TooLargeException;
import io.grps.client.errors.TooManyRequestsException;
import io.grps.client.errors.UnavailableException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** Calls that the service refuses before they run. */
final class RefusalChecks {
    private RefusalChecks() {}

    static void tooLarge(Target target) {
        try (GrpsClient client = target.client();
                GrpsClient small = target.client(target.options().maxResponseBytes(1000))) {
            var error = Expect.error(TooLargeException.class,
                    () -> client.predict(new byte[5 << 20]), "5 MiB");
            Expect.that(error.code() == 413, "the code 413");
            Expect.that(client.predict("x").text().equals("x"), "a client that still works");
            Expect.error(TooLargeException.class, () -> small.predict("x".repeat(2000)),
                    "a response that is too large");
        }
    }

    static void rateLimited(Target target) {
        String key = Target.variable("GRPS_LIMITED_KEY_" + target.protocol);
        try (GrpsClient client = target.secure(key, "GRPS_CA")) {
            Expect.that(client.predict("x").text().equals("x"), "a first call");
            var error = Expect.error(TooManyRequestsException.class,
                    () -> client.predict("x"), "a second call");
            Expect.that(error.code() == 429, "the code 429");
            Expect.that(error.retryAfter().orElseThrow().toMillis() >= 1000, "a time to wait");
        }
    }

    static void overloaded(Target target) {
        try (GrpsClient client = target.client(target.once())) {
            List<CompletableFuture<Result>> calls = new ArrayList<>();
            for (int call = 0; call < 4; call++) {
                calls.add(client.predictAsync(Content.of("500"), CallOptions.model("busy")));
            }
            int refused = 0;
            for (CompletableFuture<Result> call : calls) {
                try {
                    call.join();
                } catch (CompletionException error) {
                    GrpsException cause = (GrpsException) error.getCause();
                    Expect.that(cause instanceof TooManyRequestsException, "429, got " + cause);
                    Expect.that(cause.retryAfter().orElseThrow().toSeconds() == 1, "one second");
                    refused++;
                }
            }
            Expect.that(refused >= 1 && refused <= 3, "refused calls, got " + refused);
        }
    }

    static void unavailable(Target target) {
        try (GrpsClient client = target.secure(Target.variable("GRPS_KEY"), "GRPS_CA")) {
            var error = Expect.error(UnavailableException.class,
                    () -> Target.predict(client, "absent", "x"), "a model that is not served");
            Expect.that(error.code() == 503, "the code 503");
            Expect.that(error.retryAfter().orElseThrow().toSeconds() == 1, "one second");
        }
    }

    static void retry(Target target) {
        String text = "java " + target.name + " " + System.nanoTime();
        try (GrpsClient client = target.client();
                GrpsClient once = target.client(target.once());
                GrpsClient nowhere = new GrpsClient("127.0.0.1:1",
                        target.options().attempts(3, Duration.ofMillis(10)))) {
            Expect.error(TooManyRequestsException.class,
                    () -> Target.predict(once, "flaky", text + " once"), "a first call");
            Expect.that(Target.predict(client, "flaky", text).text().equals(text), "a repetition");
            var error = Expect.error(ConnectionFailedException.class,
                    () -> nowhere.predict("x"), "a port without a service");
            Expect.that(error.mayRepeat(), "an error that allows another attempt");
        }
        ClientOptions twice = target.options().attempts(2, Duration.ofMillis(10));
        try (GrpsClient client = target.secure(twice, Target.variable("GRPS_KEY"), "GRPS_CA")) {
            long begin = System.nanoTime();
            Expect.error(UnavailableException.class,
                    () -> Target.predict(client, "absent", "x"), "a model that is not served");
            Expect.that(System.nanoTime() - begin >= Duration.ofSeconds(1).toNanos(),
                    "a repetition after Retry-After");
        }
    }
}
