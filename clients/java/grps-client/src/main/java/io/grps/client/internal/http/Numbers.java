package io.grps.client.internal.http;

import java.util.Arrays;

/** Doubles, as many as come. */
final class Numbers {
    private double[] elements = new double[16];
    private int size;

    void add(double element) {
        if (size == elements.length) {
            elements = Arrays.copyOf(elements, size * 2);
        }
        elements[size++] = element;
    }

    double[] doubles() {
        return Arrays.copyOf(elements, size);
    }
}
