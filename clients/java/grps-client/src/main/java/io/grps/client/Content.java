package io.grps.client;

import java.util.ArrayList;
import java.util.List;

/** What a message carries: a text, bytes, tensors, nested lists or nothing. */
public final class Content {
    private static final Content EMPTY = new Content("");

    private final Object value;

    private Content(Object value) {
        this.value = value;
    }

    /**
     * A text.
     *
     * @param text the text
     * @return the content
     */
    public static Content of(String text) {
        return new Content(text);
    }

    /**
     * Bytes, such as an image file.
     *
     * @param bytes the bytes; they are not copied
     * @return the content
     */
    public static Content of(byte[] bytes) {
        return new Content(bytes);
    }

    /**
     * Tensors.
     *
     * @param tensors the tensors
     * @return the content
     */
    public static Content of(Tensor... tensors) {
        return of(List.of(tensors));
    }

    /**
     * Tensors.
     *
     * @param tensors the tensors
     * @return the content
     */
    public static Content of(List<Tensor> tensors) {
        return new Content(List.copyOf(tensors));
    }

    /**
     * Numbers in nested lists; over HTTP only.
     *
     * @param array the numbers
     * @return the content
     */
    public static Content of(NdArray array) {
        return new Content(array);
    }

    /**
     * Nothing.
     *
     * @return the content
     */
    public static Content empty() {
        return EMPTY;
    }

    /**
     * The text.
     *
     * @return the text
     * @throws IllegalStateException if it is something else
     */
    public String text() {
        return as(String.class, "a text");
    }

    /**
     * The bytes.
     *
     * @return the bytes
     * @throws IllegalStateException if it is something else
     */
    public byte[] bytes() {
        return as(byte[].class, "bytes");
    }

    /**
     * The tensors.
     *
     * @return the tensors
     * @throws IllegalStateException if it is something else
     */
    public List<Tensor> tensors() {
        List<Tensor> tensors = new ArrayList<>();
        for (Object each : as(List.class, "tensors")) {
            tensors.add((Tensor) each);
        }
        return tensors;
    }

    /**
     * A tensor by its name.
     *
     * @param name the name
     * @return the tensor
     * @throws IllegalStateException if there is none of this name
     */
    public Tensor tensor(String name) {
        return tensors().stream().filter(each -> each.name().equals(name)).findFirst()
                .orElseThrow(() -> new IllegalStateException(
                        "there is no tensor '" + name + "' in " + tensors()));
    }

    /**
     * The numbers of nested lists.
     *
     * @return the numbers
     * @throws IllegalStateException if it is something else
     */
    public NdArray ndArray() {
        return as(NdArray.class, "an ndarray");
    }

    /**
     * The value as it is: a String, a byte[], a List of Tensor or an NdArray.
     *
     * @return the value
     */
    public Object value() {
        return value;
    }

    private <T> T as(Class<T> type, String name) {
        if (!type.isInstance(value)) {
            throw new IllegalStateException("this is not " + name + " but a "
                    + value.getClass().getSimpleName());
        }
        return type.cast(value);
    }

    @Override
    public String toString() {
        return value instanceof byte[] ? ((byte[]) value).length + " bytes" : value.toString();
    }
}
