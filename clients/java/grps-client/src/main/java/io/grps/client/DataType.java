package io.grps.client;

/** The type of the elements of a tensor. The names on the wire begin with {@code DT_}. */
public enum DataType {
    /** Unsigned bytes, in a {@code byte[]}. */
    UINT8(byte[].class),
    /** Signed bytes, in a {@code byte[]}. */
    INT8(byte[].class),
    /** In a {@code short[]}. */
    INT16(short[].class),
    /** In an {@code int[]}. */
    INT32(int[].class),
    /** In a {@code long[]}. */
    INT64(long[].class),
    /** Half precision on the service, in a {@code float[]} here. */
    FLOAT16(float[].class),
    /** In a {@code float[]}. */
    FLOAT32(float[].class),
    /** In a {@code double[]}. */
    FLOAT64(double[].class),
    /** Texts or byte strings, in a {@code byte[][]}. */
    STRING(byte[][].class);

    private final Class<?> array;

    DataType(Class<?> array) {
        this.array = array;
    }

    /**
     * The class of the array that holds the elements.
     *
     * @return the class
     */
    public Class<?> arrayClass() {
        return array;
    }
}
