package io.grps.client;

import java.util.List;

/** What a model returned: the whole response, or a piece of a stream. */
public final class Result {
    private final Content content;
    private final String model;

    /**
     * A result.
     *
     * @param content what it carries
     * @param model the model that the response names; may be empty
     */
    public Result(Content content, String model) {
        this.content = content;
        this.model = model;
    }

    /**
     * What it carries.
     *
     * @return the content
     */
    public Content content() {
        return content;
    }

    /**
     * The model that the response names.
     *
     * @return the name; may be empty
     */
    public String model() {
        return model;
    }

    /**
     * The text; see {@link Content#text}.
     *
     * @return the text
     */
    public String text() {
        return content.text();
    }

    /**
     * The bytes; see {@link Content#bytes}.
     *
     * @return the bytes
     */
    public byte[] bytes() {
        return content.bytes();
    }

    /**
     * The tensors; see {@link Content#tensors}.
     *
     * @return the tensors
     */
    public List<Tensor> tensors() {
        return content.tensors();
    }

    /**
     * A tensor by its name; see {@link Content#tensor}.
     *
     * @param name the name
     * @return the tensor
     */
    public Tensor tensor(String name) {
        return content.tensor(name);
    }

    /**
     * The numbers of nested lists; see {@link Content#ndArray}.
     *
     * @return the numbers
     */
    public NdArray ndArray() {
        return content.ndArray();
    }

    @Override
    public String toString() {
        return content.toString();
    }
}
