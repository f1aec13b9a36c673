package io.grps.client;

import java.util.Arrays;

/** Numbers in nested lists of JSON. They have no type: the model decides it. */
public final class NdArray {
    private final int[] shape;
    private final double[] elements;

    /**
     * An array of numbers.
     *
     * @param shape the sizes of the dimensions
     * @param elements the numbers, in row-major order
     */
    public NdArray(int[] shape, double... elements) {
        if (Arrays.stream(shape).asLongStream().reduce(1, (a, b) -> a * b) != elements.length) {
            throw new IllegalArgumentException("the shape " + Arrays.toString(shape)
                    + " does not fit " + elements.length + " elements");
        }
        this.shape = shape.clone();
        this.elements = elements.clone();
    }

    /**
     * The sizes of the dimensions.
     *
     * @return a copy of the shape
     */
    public int[] shape() {
        return shape.clone();
    }

    /**
     * The numbers, in row-major order.
     *
     * @return a copy of the numbers
     */
    public double[] elements() {
        return elements.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof NdArray && Arrays.equals(shape, ((NdArray) other).shape)
                && Arrays.equals(elements, ((NdArray) other).elements);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(elements);
    }

    @Override
    public String toString() {
        return "NdArray " + Arrays.toString(shape);
    }
}
