package io.grps.conformance;

import io.grps.client.CallOptions;
import io.grps.client.ClientOptions;
import io.grps.client.Content;
import io.grps.client.GrpsClient;
import io.grps.client.Protocol;
import io.grps.client.Result;
import java.nio.file.Path;
import java.time.Duration;

/** One protocol of the service that is tested with. */
final class Target {
    final Protocol protocol;
    final String name;

    Target(Protocol protocol) {
        this.protocol = protocol;
        this.name = protocol.name().toLowerCase(java.util.Locale.ROOT);
    }

    static String variable(String name) {
        String value = System.getenv(name);
        if (value == null) {
            throw new IllegalStateException("the variable " + name + " is not set");
        }
        return value;
    }

    GrpsClient client() {
        return client(options());
    }

    GrpsClient client(ClientOptions options) {
        return new GrpsClient(variable("GRPS_" + protocol), options);
    }

    ClientOptions options() {
        return new ClientOptions().protocol(protocol);
    }

    ClientOptions once() {
        return options().attempts(1, Duration.ofMillis(100));
    }

    GrpsClient secure(String key, String ca) {
        return secure(once(), key, ca);
    }

    GrpsClient secure(ClientOptions options, String key, String ca) {
        return new GrpsClient(variable("GRPS_TLS_" + protocol),
                options.key(key).ca(Path.of(variable(ca))));
    }

    static Result predict(GrpsClient client, String model, String text) {
        return client.predict(Content.of(text), CallOptions.model(model));
    }
}
