package io.grps.client;

import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Supplier;

/** Options of a client; the setters return the object itself. */
public final class ClientOptions {
    private Protocol protocol = Protocol.HTTP;
    private String key = "";
    private boolean tls;
    private Path ca;
    private Duration timeout = Duration.ofSeconds(60);
    private Duration connectTimeout = Duration.ofSeconds(10);
    private int attempts = 4;
    private Duration firstPause = Duration.ofMillis(100);
    private int connections = 32;
    private int maxResponseBytes = 256 << 20;
    private Supplier<String> currentTraceparent = () -> "";

    /** The defaults: HTTP, no TLS, no key. */
    public ClientOptions() {}

    /**
     * Sets the protocol. Default: HTTP.
     *
     * @param value the protocol
     * @return this
     */
    public ClientOptions protocol(Protocol value) {
        this.protocol = value;
        return this;
    }

    /**
     * Sets the key, or another bearer token.
     *
     * @param value the key; empty is none
     * @return this
     */
    public ClientOptions key(String value) {
        this.key = value;
        return this;
    }

    /**
     * Uses TLS with the authorities of the Java runtime.
     *
     * @return this
     */
    public ClientOptions tls() {
        this.tls = true;
        return this;
    }

    /**
     * Uses TLS and trusts the authorities in a file, and no others.
     *
     * @param pem a PEM file
     * @return this
     */
    public ClientOptions ca(Path pem) {
        this.tls = true;
        this.ca = pem;
        return this;
    }

    /**
     * Sets the timeout of a call, with its repetitions. Default: 60 s. Streams have none.
     *
     * @param time the time; zero is no timeout
     * @return this
     */
    public ClientOptions timeout(Duration time) {
        this.timeout = time;
        return this;
    }

    /**
     * Sets the time in which a connection is to be made. Default: 10 s. HTTP only.
     *
     * @param time the time
     * @return this
     */
    public ClientOptions connectTimeout(Duration time) {
        this.connectTimeout = time;
        return this;
    }

    /**
     * Sets how often a call that did not run is tried. Default: 4 attempts, the first pause 100 ms.
     *
     * @param number the attempts; 1 repeats nothing
     * @param pause the longest first pause; each further one may be twice as long
     * @return this
     */
    public ClientOptions attempts(int number, Duration pause) {
        this.attempts = number;
        this.firstPause = pause;
        return this;
    }

    /**
     * Sets how many calls run at once over HTTP, each on a connection; others wait. Default: 32.
     * Streams come on top of it. Over gRPC, all calls share one connection.
     *
     * @param number the number
     * @return this
     */
    public ClientOptions connections(int number) {
        this.connections = number;
        return this;
    }

    /**
     * Sets the largest response, or piece of a stream. Default: 256 MiB.
     *
     * @param bytes the size
     * @return this
     */
    public ClientOptions maxResponseBytes(int bytes) {
        this.maxResponseBytes = bytes;
        return this;
    }

    /**
     * Sets what is asked for the current trace at each call that has none of its own.
     *
     * @param supplier returns a {@code traceparent}, or an empty text
     * @return this
     */
    public ClientOptions currentTraceparent(Supplier<String> supplier) {
        this.currentTraceparent = supplier;
        return this;
    }

    /**
     * The protocol.
     *
     * @return the protocol
     */
    public Protocol protocol() {
        return protocol;
    }

    /**
     * The key.
     *
     * @return the key; may be empty
     */
    public String key() {
        return key;
    }

    /**
     * Whether TLS is used.
     *
     * @return whether it is
     */
    public boolean hasTls() {
        return tls;
    }

    /**
     * The file of the authorities.
     *
     * @return the file, or null
     */
    public Path ca() {
        return ca;
    }

    /**
     * The timeout of a call.
     *
     * @return the time
     */
    public Duration timeout() {
        return timeout;
    }

    /**
     * The timeout of a connection.
     *
     * @return the time
     */
    public Duration connectTimeout() {
        return connectTimeout;
    }

    /**
     * The attempts of a call.
     *
     * @return the number
     */
    public int attempts() {
        return attempts;
    }

    /**
     * The first pause.
     *
     * @return the time
     */
    public Duration firstPause() {
        return firstPause;
    }

    /**
     * The calls that run at once over HTTP.
     *
     * @return the number
     */
    public int connections() {
        return connections;
    }

    /**
     * The largest response.
     *
     * @return the size in bytes
     */
    public int maxResponseBytes() {
        return maxResponseBytes;
    }

    /**
     * What is asked for the current trace.
     *
     * @return the supplier
     */
    public Supplier<String> currentTraceparent() {
        return currentTraceparent;
    }
}
