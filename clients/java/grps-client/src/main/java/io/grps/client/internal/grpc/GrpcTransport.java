package io.grps.client.internal.grpc;

import io.grpc.CallOptions;
import io.grpc.ChannelCredentials;
import io.grpc.ClientCall;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.TlsChannelCredentials;
import io.grps.client.ClientOptions;
import io.grps.client.Content;
import io.grps.client.Result;
import io.grps.client.errors.Failure;
import io.grps.client.errors.GrpsException;
import io.grps.client.internal.Call;
import io.grps.client.internal.Futures;
import io.grps.client.internal.Transport;
import io.grps.client.internal.protos.GrpsProtos.GrpsMessage;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;

/** GRPS over gRPC; all calls share a connection. */
public final class GrpcTransport implements Transport {
    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
    private static final Metadata.Key<String> TRACEPARENT =
            Metadata.Key.of("traceparent", Metadata.ASCII_STRING_MARSHALLER);

    private final ClientOptions options;
    private final ManagedChannel channel;

    /** Connects at the first call. */
    public GrpcTransport(String address, ClientOptions options) {
        this.options = options;
        this.channel = Grpc.newChannelBuilder(address, credentials(options))
                .maxInboundMessageSize(options.maxResponseBytes())
                .disableRetry()
                .build();
    }

    private static ChannelCredentials credentials(ClientOptions options) {
        if (!options.hasTls()) {
            return InsecureChannelCredentials.create();
        }
        TlsChannelCredentials.Builder tls = TlsChannelCredentials.newBuilder();
        if (options.ca() != null) {
            try {
                tls.trustManager(options.ca().toFile());
            } catch (IOException error) {
                throw new IllegalArgumentException(
                        "no certificates can be read from " + options.ca(), error);
            }
        }
        return tls.build();
    }

    @Override
    public CompletableFuture<Result> predict(Call call) {
        return Futures.map(
                unary(Methods.PREDICT, call, Messages.message(call.content, call.model)),
                Messages::result);
    }

    @Override
    public CompletableFuture<String> modelMetadata(Call call) {
        return Futures.map(
                unary(Methods.MODEL, call, Messages.message(Content.of(call.model), "")),
                message -> Messages.result(message).text());
    }

    @Override
    public CompletableFuture<String> serverMetadata(Call call) {
        return Futures.map(unary(Methods.SERVER, call, GrpsMessage.getDefaultInstance()),
                message -> Messages.result(message).text());
    }

    @Override
    public CompletableFuture<Boolean> isReady(Call call) {
        return Futures.map(
                unary(Methods.READINESS, call, GrpsMessage.getDefaultInstance()), message -> {
                    if (message.getStatus().getCode() != 503) {
                        Messages.result(message);
                    }
                    return message.getStatus().getCode() == 200;
                });
    }

    @Override
    public Flow.Publisher<Result> stream(Call call) {
        return subscriber -> {
            CallSubscription pieces;
            try {
                GrpsMessage message = Messages.message(call.content, call.model);
                pieces = new CallSubscription(newCall(Methods.STREAM, call), subscriber);
                pieces.start(metadata(call), message);
            } catch (GrpsException error) {
                subscriber.onSubscribe(new CallSubscription(null, subscriber));
                subscriber.onError(error);
            }
        };
    }

    private ClientCall<GrpsMessage, GrpsMessage> newCall(
            MethodDescriptor<GrpsMessage, GrpsMessage> method, Call call) {
        CallOptions callOptions = CallOptions.DEFAULT;
        if (call.hasDeadline()) {
            callOptions = callOptions.withDeadlineAfter(
                    call.left().toNanos(), TimeUnit.NANOSECONDS);
        }
        return channel.newCall(method, callOptions);
    }

    private CompletableFuture<GrpsMessage> unary(
            MethodDescriptor<GrpsMessage, GrpsMessage> method, Call call, GrpsMessage message) {
        CompletableFuture<GrpsMessage> result = new CompletableFuture<>();
        ClientCall<GrpsMessage, GrpsMessage> sent = newCall(method, call);
        result.whenComplete((value, error) -> {
            if (result.isCancelled()) {
                sent.cancel("the caller cancelled the call", null);
            }
        });
        sent.start(new ClientCall.Listener<>() {
            private GrpsMessage received;

            @Override
            public void onMessage(GrpsMessage response) {
                received = response;
            }

            @Override
            public void onClose(Status status, Metadata trailers) {
                if (!status.isOk()) {
                    result.completeExceptionally(Statuses.exception(status, trailers));
                } else if (received == null) {
                    result.completeExceptionally(
                            new Failure(500, "the response has no message").exception());
                } else {
                    result.complete(received);
                }
            }
        }, metadata(call));
        sent.request(2);
        sent.sendMessage(message);
        sent.halfClose();
        return result;
    }

    private Metadata metadata(Call call) {
        Metadata metadata = new Metadata();
        if (!options.key().isEmpty()) {
            metadata.put(AUTHORIZATION, "Bearer " + options.key());
        }
        if (!call.traceparent.isEmpty()) {
            metadata.put(TRACEPARENT, call.traceparent);
        }
        return metadata;
    }

    @Override
    public void close() {
        channel.shutdownNow();
    }
}
