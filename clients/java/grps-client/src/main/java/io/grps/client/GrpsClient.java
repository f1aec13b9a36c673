package io.grps.client;

import io.grps.client.internal.Call;
import io.grps.client.internal.Futures;
import io.grps.client.internal.Retrier;
import io.grps.client.internal.Transport;
import io.grps.client.internal.grpc.GrpcTransport;
import io.grps.client.internal.http.HttpTransport;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.concurrent.ScheduledThreadPoolExecutor;

/**
 * Calls the models of a service. Make one for a service and share it among threads.
 *
 * <p>A failed call throws a {@link io.grps.client.errors.GrpsException}. A call that did not run is
 * repeated: without a connection, after 429 and after 503. Interrupting a thread that waits for a
 * call, or cancelling a future, cancels the call on the service.
 */
public final class GrpsClient implements AutoCloseable {
    private final ClientOptions options;
    private final Transport transport;
    private final ScheduledThreadPoolExecutor timer;
    private final Retrier retrier;

    /**
     * A client over HTTP without TLS.
     *
     * @param address host:port
     */
    public GrpsClient(String address) {
        this(address, new ClientOptions());
    }

    /**
     * A client; it connects at the first call.
     *
     * @param address host:port, of the port that goes with the protocol
     * @param options what it uses; do not change them afterwards
     */
    public GrpsClient(String address, ClientOptions options) {
        this.options = options;
        this.timer = new ScheduledThreadPoolExecutor(1, work -> {
            Thread thread = new Thread(work, "grps-client-timer");
            thread.setDaemon(true);
            return thread;
        });
        timer.setRemoveOnCancelPolicy(true);
        this.retrier = new Retrier(options, timer);
        this.transport = options.protocol() == Protocol.GRPC
                ? new GrpcTransport(address, options)
                : new HttpTransport(address, options, timer);
    }

    /**
     * Calls the default graph with a text.
     *
     * @param text the text
     * @return the result
     */
    public Result predict(String text) {
        return predict(Content.of(text), CallOptions.DEFAULT);
    }

    /**
     * Calls the default graph with bytes.
     *
     * @param bytes the bytes
     * @return the result
     */
    public Result predict(byte[] bytes) {
        return predict(Content.of(bytes), CallOptions.DEFAULT);
    }

    /**
     * Calls the default graph with tensors.
     *
     * @param tensors the tensors
     * @return the result
     */
    public Result predict(Tensor... tensors) {
        return predict(Content.of(tensors), CallOptions.DEFAULT);
    }

    /**
     * Calls a model.
     *
     * @param content what is sent
     * @param call the model and more
     * @return the result
     */
    public Result predict(Content content, CallOptions call) {
        return Futures.await(predictAsync(content, call));
    }

    /**
     * Calls a model and returns at once. Cancelling the future cancels the call.
     *
     * @param content what is sent
     * @param call the model and more
     * @return the result, later
     */
    public CompletableFuture<Result> predictAsync(Content content, CallOptions call) {
        Call made = new Call(content, call, options, options.timeout());
        return retrier.run(made, call.isRepeatable(), () -> transport.predict(made));
    }

    /**
     * Calls a model that streams. The call has no timeout unless the options have one, and it is
     * never repeated.
     *
     * @param content what is sent
     * @param call the model and more
     * @return the pieces; close it
     */
    public ResultStream stream(Content content, CallOptions call) {
        return new ResultStream(publish(content, call));
    }

    /**
     * Calls a model that streams, at each subscription. The subscriber decides how fast it goes.
     *
     * @param content what is sent
     * @param call the model and more
     * @return the publisher of the pieces
     */
    public Flow.Publisher<Result> publish(Content content, CallOptions call) {
        return subscriber -> transport.stream(new Call(content, call, options, Duration.ZERO))
                .subscribe(subscriber);
    }

    /**
     * Describes a model: its inputs and outputs, as YAML.
     *
     * @param model its name, or name-version
     * @return the description
     */
    public String metadata(String model) {
        Call call = call(CallOptions.model(model));
        return Futures.await(retrier.run(call, true, () -> transport.modelMetadata(call)));
    }

    /**
     * The configuration of the service, as YAML.
     *
     * @return the configuration
     */
    public String serverMetadata() {
        Call call = call(CallOptions.DEFAULT);
        return Futures.await(retrier.run(call, true, () -> transport.serverMetadata(call)));
    }

    /**
     * Whether the service and all its models are ready.
     *
     * @return whether they are
     */
    public boolean isReady() {
        Call call = call(CallOptions.DEFAULT);
        return Futures.await(retrier.run(call, true, () -> transport.isReady(call)));
    }

    private Call call(CallOptions call) {
        return new Call(Content.empty(), call, options, options.timeout());
    }

    /** Closes the connections; calls that run end. */
    @Override
    public void close() {
        transport.close();
        timer.shutdownNow();
    }
}
