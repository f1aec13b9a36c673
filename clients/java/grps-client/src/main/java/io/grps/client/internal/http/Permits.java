package io.grps.client.internal.http;

import java.util.ArrayDeque;
import java.util.concurrent.CompletableFuture;

/** Lets a number of calls run at once; the others wait without a thread, in their order. */
final class Permits {
    private final ArrayDeque<CompletableFuture<Void>> waiting = new ArrayDeque<>();
    private int free;

    Permits(int number) {
        this.free = number;
    }

    /** A future that is done when the call may run; one that is done must be released. */
    synchronized CompletableFuture<Void> acquire() {
        if (free > 0) {
            free--;
            return CompletableFuture.completedFuture(null);
        }
        CompletableFuture<Void> turn = new CompletableFuture<>();
        waiting.add(turn);
        return turn;
    }

    /** Gives the permit to the next call that still waits. */
    void release() {
        while (true) {
            CompletableFuture<Void> next;
            synchronized (this) {
                next = waiting.poll();
                if (next == null) {
                    free++;
                    return;
                }
            }
            if (next.complete(null)) {
                return;
            }
        }
    }
}
