package io.grps.client;

import java.lang.reflect.Array;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A named array with a shape; its elements are in row-major order.
 *
 * <p>Arrays are not copied: do not change one that a tensor has.
 */
public final class Tensor {
    private final String name;
    private final DataType type;
    private final int[] shape;
    private final Object elements;

    /**
     * A tensor of any type.
     *
     * @param name the name of the input or output; may be empty
     * @param type the type of the elements
     * @param shape the sizes of the dimensions
     * @param elements an array of {@link DataType#arrayClass}
     */
    public Tensor(String name, DataType type, int[] shape, Object elements) {
        if (!type.arrayClass().isInstance(elements)) {
            throw new IllegalArgumentException(
                    type + " is held in a " + type.arrayClass().getSimpleName());
        }
        long count = 1;
        for (int size : shape) {
            count *= size;
        }
        if (count != Array.getLength(elements)) {
            throw new IllegalArgumentException("the shape " + Arrays.toString(shape) + " has "
                    + count + " elements, got " + Array.getLength(elements));
        }
        this.name = name;
        this.type = type;
        this.shape = shape.clone();
        this.elements = elements;
    }

    /**
     * A tensor of {@link DataType#FLOAT32}.
     *
     * @param name the name
     * @param shape the shape
     * @param elements the elements
     * @return the tensor
     */
    public static Tensor of(String name, int[] shape, float... elements) {
        return new Tensor(name, DataType.FLOAT32, shape, elements);
    }

    /**
     * A tensor of {@link DataType#FLOAT64}.
     *
     * @param name the name
     * @param shape the shape
     * @param elements the elements
     * @return the tensor
     */
    public static Tensor of(String name, int[] shape, double... elements) {
        return new Tensor(name, DataType.FLOAT64, shape, elements);
    }

    /**
     * A tensor of {@link DataType#INT32}.
     *
     * @param name the name
     * @param shape the shape
     * @param elements the elements
     * @return the tensor
     */
    public static Tensor of(String name, int[] shape, int... elements) {
        return new Tensor(name, DataType.INT32, shape, elements);
    }

    /**
     * A tensor of {@link DataType#INT64}.
     *
     * @param name the name
     * @param shape the shape
     * @param elements the elements
     * @return the tensor
     */
    public static Tensor of(String name, int[] shape, long... elements) {
        return new Tensor(name, DataType.INT64, shape, elements);
    }

    /**
     * A tensor of {@link DataType#STRING}.
     *
     * @param name the name
     * @param shape the shape
     * @param elements the elements
     * @return the tensor
     */
    public static Tensor of(String name, int[] shape, String... elements) {
        byte[][] bytes = new byte[elements.length][];
        for (int index = 0; index < bytes.length; index++) {
            bytes[index] = elements[index].getBytes(StandardCharsets.UTF_8);
        }
        return new Tensor(name, DataType.STRING, shape, bytes);
    }

    /**
     * The name.
     *
     * @return the name; may be empty
     */
    public String name() {
        return name;
    }

    /**
     * The type of the elements.
     *
     * @return the type
     */
    public DataType type() {
        return type;
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
     * The number of elements.
     *
     * @return the number
     */
    public int size() {
        return Array.getLength(elements);
    }

    /**
     * The array of the elements, of {@link DataType#arrayClass}.
     *
     * @return the array itself
     */
    public Object elements() {
        return elements;
    }

    /**
     * The elements of {@link DataType#FLOAT32} or {@link DataType#FLOAT16}.
     *
     * @return the array itself
     */
    public float[] floats() {
        return as(float[].class);
    }

    /**
     * The elements of {@link DataType#FLOAT64}.
     *
     * @return the array itself
     */
    public double[] doubles() {
        return as(double[].class);
    }

    /**
     * The elements of {@link DataType#INT32}.
     *
     * @return the array itself
     */
    public int[] ints() {
        return as(int[].class);
    }

    /**
     * The elements of {@link DataType#INT64}.
     *
     * @return the array itself
     */
    public long[] longs() {
        return as(long[].class);
    }

    /**
     * The elements of {@link DataType#STRING} as texts.
     *
     * @return a new array
     */
    public String[] strings() {
        return Arrays.stream(as(byte[][].class))
                .map(each -> new String(each, StandardCharsets.UTF_8))
                .toArray(String[]::new);
    }

    private <T> T as(Class<T> array) {
        if (!array.isInstance(elements)) {
            throw new IllegalStateException("the elements are " + type + " in a "
                    + type.arrayClass().getSimpleName());
        }
        return array.cast(elements);
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof Tensor)) {
            return false;
        }
        Tensor that = (Tensor) other;
        return name.equals(that.name) && type == that.type && Arrays.equals(shape, that.shape)
                && Arrays.deepEquals(new Object[] {elements}, new Object[] {that.elements});
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(shape) * 31 + name.hashCode() + type.hashCode();
    }

    @Override
    public String toString() {
        return name + " " + type + " " + Arrays.toString(shape);
    }
}
