package io.grps.client.internal.http;

import com.google.gson.stream.JsonWriter;
import io.grps.client.Content;
import io.grps.client.NdArray;
import io.grps.client.Tensor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Locale;

/** Writes messages as JSON. */
final class JsonWriting {
    private JsonWriting() {}

    /** A message with this content; bytes are not sent as JSON. */
    static byte[] message(Content content) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (JsonWriter json = new JsonWriter(
                new OutputStreamWriter(bytes, StandardCharsets.UTF_8))) {
            json.setHtmlSafe(false);
            json.beginObject();
            if (content.value() instanceof String) {
                json.name("str_data").value(content.text());
            } else if (content.value() instanceof NdArray) {
                NdArray array = content.ndArray();
                json.name("ndarray");
                nested(json, array.shape(), 0, array.elements(), new int[1]);
            } else {
                json.name("gtensors").beginObject().name("tensors").beginArray();
                for (Tensor each : content.tensors()) {
                    tensor(json, each);
                }
                json.endArray().endObject();
            }
            json.endObject();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return bytes.toByteArray();
    }

    private static void nested(
            JsonWriter json, int[] shape, int depth, double[] elements, int[] next)
            throws IOException {
        if (depth == shape.length) {
            number(json, elements[next[0]++]);
            return;
        }
        json.beginArray();
        for (int index = 0; index < shape[depth]; index++) {
            nested(json, shape, depth + 1, elements, next);
        }
        json.endArray();
    }

    private static void tensor(JsonWriter json, Tensor tensor) throws IOException {
        json.beginObject();
        json.name("name").value(tensor.name());
        json.name("dtype").value("DT_" + tensor.type());
        json.name("shape").beginArray();
        for (int size : tensor.shape()) {
            json.value(size);
        }
        json.endArray();
        json.name("flat_" + tensor.type().name().toLowerCase(Locale.ROOT)).beginArray();
        elements(json, tensor);
        json.endArray().endObject();
    }

    private static void elements(JsonWriter json, Tensor tensor) throws IOException {
        switch (tensor.type()) {
            case UINT8:
                for (byte each : (byte[]) tensor.elements()) {
                    json.value(each & 0xff);
                }
                break;
            case INT8:
                for (byte each : (byte[]) tensor.elements()) {
                    json.value(each);
                }
                break;
            case INT16:
                for (short each : (short[]) tensor.elements()) {
                    json.value(each);
                }
                break;
            case INT32:
                for (int each : tensor.ints()) {
                    json.value(each);
                }
                break;
            case INT64:
                for (long each : tensor.longs()) {
                    json.value(each);
                }
                break;
            case FLOAT64:
                for (double each : tensor.doubles()) {
                    number(json, each);
                }
                break;
            case STRING:
                for (byte[] each : (byte[][]) tensor.elements()) {
                    string(json, each);
                }
                break;
            default:
                for (float each : tensor.floats()) {
                    if (Float.isFinite(each)) {
                        json.value(Float.valueOf(each));
                    } else {
                        json.value(Float.toString(each));
                    }
                }
        }
    }

    private static void number(JsonWriter json, double value) throws IOException {
        if (Double.isFinite(value)) {
            json.value(value);
        } else {
            json.value(Double.toString(value));
        }
    }

    private static void string(JsonWriter json, byte[] element) throws IOException {
        try {
            json.value(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(element))
                    .toString());
        } catch (CharacterCodingException error) {
            json.beginObject().name("b64")
                    .value(Base64.getEncoder().encodeToString(element)).endObject();
        }
    }
}
