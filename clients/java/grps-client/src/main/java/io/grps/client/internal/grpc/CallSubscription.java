package io.grps.client.internal.grpc;

import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grps.client.Result;
import io.grps.client.internal.protos.GrpsProtos.GrpsMessage;
import java.util.concurrent.Flow;

/** Publishes the messages of a call; gRPC reads as many as the subscriber asks for. */
final class CallSubscription extends ClientCall.Listener<GrpsMessage>
        implements Flow.Subscription {
    private final ClientCall<GrpsMessage, GrpsMessage> call;
    private final Flow.Subscriber<? super Result> subscriber;
    private volatile boolean ended;

    CallSubscription(ClientCall<GrpsMessage, GrpsMessage> call,
            Flow.Subscriber<? super Result> subscriber) {
        this.call = call;
        this.subscriber = subscriber;
    }

    void start(Metadata metadata, GrpsMessage message) {
        call.start(this, metadata);
        subscriber.onSubscribe(this);
        if (!ended) {
            call.sendMessage(message);
            call.halfClose();
        }
    }

    @Override
    public void onMessage(GrpsMessage message) {
        if (ended) {
            return;
        }
        Result result;
        try {
            result = Messages.result(message);
        } catch (RuntimeException error) {
            cancel();
            subscriber.onError(error);
            return;
        }
        subscriber.onNext(result);
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
        if (ended) {
            return;
        }
        ended = true;
        if (status.isOk()) {
            subscriber.onComplete();
        } else {
            subscriber.onError(Statuses.exception(status, trailers));
        }
    }

    @Override
    public void request(long number) {
        if (ended || call == null) {
            return;
        }
        if (number <= 0) {
            cancel();
            subscriber.onError(new IllegalArgumentException("asked for " + number + " pieces"));
            return;
        }
        call.request((int) Math.min(number, Integer.MAX_VALUE));
    }

    @Override
    public void cancel() {
        ended = true;
        if (call != null) {
            call.cancel("the subscriber cancelled the stream", null);
        }
    }
}
