package io.grps.client.internal.http;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.grps.client.Content;
import io.grps.client.NdArray;
import io.grps.client.Result;
import io.grps.client.Tensor;
import io.grps.client.errors.ModelException;
import io.grps.client.errors.NotFoundException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** Messages are read as they were written. */
class MessagesOfJsonTest {
    private static Result read(String json) {
        return JsonReading.result(json.getBytes(StandardCharsets.UTF_8));
    }

    private static String written(Content content) {
        return new String(JsonWriting.message(content), StandardCharsets.UTF_8);
    }

    @Test
    void textIsEscaped() {
        assertEquals("{\"str_data\":\"é\\n\\\"\"}", written(Content.of("é\n\"")));
    }

    @Test
    void tensorsComeBack() {
        Tensor floats = Tensor.of("x", new int[] {3}, 0.1f, Float.NaN, Float.NEGATIVE_INFINITY);
        Tensor texts = Tensor.of("y", new int[] {1, 2}, "a", "é");
        assertEquals(Content.of(floats, texts).tensors(),
                read(written(Content.of(floats, texts))).tensors());
    }

    @Test
    void elementsThatAreNoTextAreBase64() {
        byte[] element = {(byte) 0xff, 0};
        Tensor sent = new Tensor("x", io.grps.client.DataType.STRING, new int[] {1},
                new byte[][] {element});
        String json = written(Content.of(sent));
        assertEquals(true, json.contains("{\"b64\":\"/wA=\"}"));
        assertArrayEquals(element, ((byte[][]) read(json).tensor("x").elements())[0]);
    }

    @Test
    void nestedListsComeBack() {
        NdArray sent = new NdArray(new int[] {2, 1, 2}, 1, 2.5, -3, 1e9);
        assertEquals(sent, read(written(Content.of(sent))).ndArray());
    }

    @Test
    void statusIsAnError() {
        NotFoundException error = assertThrows(NotFoundException.class,
                () -> read("{\"status\":{\"code\":404,\"msg\":\"no model\"}}"));
        assertEquals("no model", error.getMessage());
    }

    @Test
    void otherBodiesAreErrors() {
        assertThrows(ModelException.class, () -> read("<html>"));
        assertEquals("busy", JsonReading.errorText("busy\n".getBytes(StandardCharsets.UTF_8)));
    }
}
