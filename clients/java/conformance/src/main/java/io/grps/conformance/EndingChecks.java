package io.grps.conformance;

import io.grps.client.CallOptions;
import io.grps.client.Content;
import io.grps.client.GrpsClient;
import io.grps.client.Result;
import io.grps.client.errors.ConnectionFailedException;
import io.grps.client.errors.DeadlineExceededException;
import io.grps.client.errors.ModelException;
import io.grps.client.errors.NotFoundException;
import io.grps.client.errors.UnauthenticatedException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/** Calls that end before their result: cancelled, too slow, failed. */
final class EndingChecks {
    private EndingChecks() {}

    static void cancelUnary(Target target) throws InterruptedException {
        try (GrpsClient client = target.client()) {
            int before = Expect.count(client, "cancelled");
            CompletableFuture<Result> call = client.predictAsync(
                    Content.of("30000"), CallOptions.model("sleep"));
            Thread.sleep(300);
            call.cancel(true);
            Expect.cancelled(client, before);
        }
    }

    static void deadline(Target target) throws InterruptedException {
        try (GrpsClient client = target.client()) {
            int before = Expect.count(client, "cancelled");
            CallOptions options = CallOptions.model("sleep").timeout(Duration.ofMillis(300));
            var error = Expect.error(DeadlineExceededException.class,
                    () -> client.predict(Content.of("30000"), options), "a call with a timeout");
            Expect.that(error.code() == 504, "the code 504");
            Expect.cancelled(client, before);
            CallOptions stream = CallOptions.model("count").timeout(Duration.ofMillis(300));
            Expect.error(DeadlineExceededException.class, () -> {
                try (var pieces = client.stream(Content.of("-1 1000"), stream)) {
                    pieces.forEach(piece -> {});
                }
            }, "a stream with a timeout");
        }
    }

    static void modelError(Target target) {
        try (GrpsClient client = target.client()) {
            var error = Expect.error(ModelException.class,
                    () -> Target.predict(client, "fail", "the cat is out"), "a failed model");
            Expect.that(error.code() == 500, "the code 500");
            Expect.that(error.getMessage().contains("the cat is out"), "the text");
            Expect.error(ModelException.class, () -> {
                try (var pieces = client.stream(Content.of("no"), CallOptions.model("fail"))) {
                    pieces.next();
                }
            }, "a failed stream");
        }
    }

    static void unknownModel(Target target) {
        try (GrpsClient client = target.client()) {
            var error = Expect.error(NotFoundException.class,
                    () -> Target.predict(client, "nobody", "x"), "an unknown model");
            Expect.that(error.code() == 404, "the code 404");
            Expect.error(NotFoundException.class, () -> client.metadata("nobody"), "metadata");
        }
    }

    static void tls(Target target) {
        String key = Target.variable("GRPS_KEY");
        try (GrpsClient client = target.secure(key, "GRPS_CA");
                GrpsClient wrong = target.secure(key, "GRPS_WRONG_CA")) {
            Expect.that(client.predict("safe").text().equals("safe"), "a text over TLS");
            Expect.error(ConnectionFailedException.class, () -> wrong.predict("x"),
                    "a wrong authority");
        }
    }

    static void key(Target target) {
        try (GrpsClient client = target.secure(Target.variable("GRPS_KEY"), "GRPS_CA")) {
            Expect.that(client.predict("x").text().equals("x"), "a good key");
        }
        for (String bad : new String[] {"", "wrong"}) {
            try (GrpsClient client = target.secure(bad, "GRPS_CA")) {
                var error = Expect.error(UnauthenticatedException.class,
                        () -> client.predict("x"), "a call without a good key");
                Expect.that(error.code() == 401, "the code 401");
            }
        }
    }
}
