package io.grps.client;

import io.grps.client.errors.Failure;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * The pieces of a response, one after another. Closing it early cancels the call on the service.
 *
 * <p>One thread reads it. At most two pieces wait in memory.
 */
public final class ResultStream implements Iterator<Result>, Iterable<Result>, AutoCloseable {
    private static final Object END = new Object();
    private static final int AHEAD = 2;

    // The publisher gives no more than was asked for, so that this stays short.
    private final BlockingQueue<Object> pieces = new LinkedBlockingQueue<>();
    private final Reader reader = new Reader();
    private Object next;
    private boolean ended;

    ResultStream(Flow.Publisher<Result> publisher) {
        publisher.subscribe(reader);
    }

    /**
     * Waits for the next piece.
     *
     * @return whether there is one
     */
    @Override
    public boolean hasNext() {
        if (ended) {
            return false;
        }
        if (next == null) {
            next = take();
            if (next instanceof Result) {
                reader.subscription.request(1);
                return true;
            }
            ended = true;
            if (next instanceof RuntimeException) {
                throw (RuntimeException) next;
            }
        }
        return next instanceof Result;
    }

    private Object take() {
        try {
            return pieces.take();
        } catch (InterruptedException error) {
            close();
            Thread.currentThread().interrupt();
            return Failure.cancelled();
        }
    }

    @Override
    public Result next() {
        if (!hasNext()) {
            throw new NoSuchElementException("the stream has ended");
        }
        Result result = (Result) next;
        next = null;
        return result;
    }

    @Override
    public Iterator<Result> iterator() {
        return this;
    }

    /**
     * The pieces as a stream of Java; closing it closes this.
     *
     * @return the stream
     */
    public Stream<Result> stream() {
        return StreamSupport.stream(Spliterators.spliteratorUnknownSize(
                this, Spliterator.ORDERED | Spliterator.NONNULL), false).onClose(this::close);
    }

    /** Ends the stream; a thread that waits for a piece finds none. */
    @Override
    public void close() {
        reader.subscription.cancel();
        pieces.add(END);
    }

    private final class Reader implements Flow.Subscriber<Result> {
        private volatile Flow.Subscription subscription;

        @Override
        public void onSubscribe(Flow.Subscription given) {
            subscription = given;
            given.request(AHEAD);
        }

        @Override
        public void onNext(Result piece) {
            pieces.add(piece);
        }

        @Override
        public void onError(Throwable error) {
            pieces.add(error instanceof RuntimeException ? error
                    : new Failure(0, String.valueOf(error)).cause(error).exception());
        }

        @Override
        public void onComplete() {
            pieces.add(END);
        }
    }
}
