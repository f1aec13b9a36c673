package io.grps.conformance;

import com.google.gson.JsonParser;
import io.grps.client.GrpsClient;
import io.grps.client.errors.GrpsException;

/** What a check expects. */
final class Expect {
    private Expect() {}

    static void that(boolean condition, String what) {
        if (!condition) {
            throw new IllegalStateException("expected " + what);
        }
    }

    static <T extends GrpsException> T error(Class<T> type, Runnable call, String what) {
        try {
            call.run();
        } catch (GrpsException error) {
            that(type.isInstance(error), what + " to be " + type.getSimpleName() + ", got "
                    + error.getClass().getSimpleName() + " " + error.code() + ": "
                    + error.getMessage());
            return type.cast(error);
        }
        throw new IllegalStateException("expected " + what + " to fail");
    }

    static int count(GrpsClient client, String name) {
        return JsonParser.parseString(Target.predict(client, "state", "").text())
                .getAsJsonObject().get(name).getAsInt();
    }

    static void cancelled(GrpsClient client, int before) throws InterruptedException {
        for (int look = 0; look < 100; look++) {
            if (count(client, "cancelled") > before && count(client, "running") == 0) {
                return;
            }
            Thread.sleep(50);
        }
        throw new IllegalStateException("the service did not see the end of the call");
    }
}
