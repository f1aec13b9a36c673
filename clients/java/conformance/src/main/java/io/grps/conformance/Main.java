package io.grps.conformance;

import com.google.gson.JsonObject;
import io.grps.client.Protocol;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;

/** Runs all checks; clients/conformance/README.md describes the variables. */
public final class Main {
    private Main() {}

    /** A check of a feature. */
    interface Check {
        void run(Target target) throws Exception;
    }

    private static Map<String, Check> checks() {
        Map<String, Check> checks = new LinkedHashMap<>();
        checks.put("text", ContentChecks::text);
        checks.put("binary", ContentChecks::binary);
        checks.put("tensors", ContentChecks::tensors);
        checks.put("ndarray", ContentChecks::ndarray);
        checks.put("metadata", ContentChecks::metadata);
        checks.put("concurrent", ContentChecks::concurrent);
        checks.put("stream", StreamChecks::stream);
        checks.put("slow_reader", StreamChecks::slowReader);
        checks.put("cancel_stream", StreamChecks::cancelStream);
        checks.put("cancel_unary", EndingChecks::cancelUnary);
        checks.put("deadline", EndingChecks::deadline);
        checks.put("model_error", EndingChecks::modelError);
        checks.put("unknown_model", EndingChecks::unknownModel);
        checks.put("tls", EndingChecks::tls);
        checks.put("key", EndingChecks::key);
        checks.put("too_large", RefusalChecks::tooLarge);
        checks.put("rate_limited", RefusalChecks::rateLimited);
        checks.put("overloaded", RefusalChecks::overloaded);
        checks.put("unavailable", RefusalChecks::unavailable);
        checks.put("retry", RefusalChecks::retry);
        return checks;
    }

    /**
     * Runs them and ends with 1 if one failed.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) throws IOException {
        Path results = Path.of(Target.variable("GRPS_RESULTS"));
        boolean passed = true;
        for (Protocol protocol : Protocol.values()) {
            Target target = new Target(protocol);
            for (Map.Entry<String, Check> each : checks().entrySet()) {
                if (each.getKey().equals("ndarray") && protocol != Protocol.HTTP) {
                    continue;
                }
                passed &= run(each.getKey(), each.getValue(), target, results);
            }
        }
        System.exit(passed ? 0 : 1);
    }

    private static boolean run(String feature, Check check, Target target, Path results)
            throws IOException {
        JsonObject line = new JsonObject();
        line.addProperty("feature", feature);
        line.addProperty("protocol", target.name);
        Throwable failure = null;
        try {
            check.run(target);
        } catch (Exception | AssertionError error) {
            failure = error;
            System.err.println(feature + " over " + target.name + ": " + error);
        }
        line.addProperty("passed", failure == null);
        if (failure != null) {
            line.addProperty("why", failure.toString());
        }
        Files.writeString(results, line + "\n", StandardOpenOption.CREATE,
                StandardOpenOption.APPEND);
        return failure == null;
    }
}
