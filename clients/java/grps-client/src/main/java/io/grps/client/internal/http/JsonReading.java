package io.grps.client.internal.http;

import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import io.grps.client.Content;
import io.grps.client.DataType;
import io.grps.client.NdArray;
import io.grps.client.Result;
import io.grps.client.Tensor;
import io.grps.client.errors.Failure;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/** Reads a message of JSON. */
final class JsonReading {
    private int code = 200;
    private String text = "";
    private String model = "";
    private Content content = Content.empty();

    private JsonReading() {}

    /** The result in a message; throws what its status says. */
    static Result result(byte[] body) {
        JsonReading read = new JsonReading();
        try {
            read.message(body);
        } catch (IOException | RuntimeException error) {
            throw new Failure(500, "the response is no message of GRPS: " + error.getMessage())
                    .cause(error).exception();
        }
        if (read.code != 200) {
            throw new Failure(read.code, read.text).exception();
        }
        return new Result(read.content, read.model);
    }

    /** The text of an error in a body, which may be no JSON. */
    static String errorText(byte[] body) {
        JsonReading read = new JsonReading();
        try {
            read.message(body);
            return read.text;
        } catch (IOException | RuntimeException error) {
            return new String(body, StandardCharsets.UTF_8).strip();
        }
    }

    private void message(byte[] body) throws IOException {
        try (JsonReader json = new JsonReader(new InputStreamReader(
                new ByteArrayInputStream(body), StandardCharsets.UTF_8))) {
            json.beginObject();
            while (json.hasNext()) {
                member(json, json.nextName());
            }
            json.endObject();
        }
    }

    private void member(JsonReader json, String name) throws IOException {
        switch (name) {
            case "status":
                status(json);
                break;
            case "model":
                model = json.nextString();
                break;
            case "str_data":
                content = Content.of(json.nextString());
                break;
            case "bin_data":
                content = Content.of(Base64.getDecoder().decode(json.nextString()));
                break;
            case "gtensors":
                content = tensors(json);
                break;
            case "ndarray":
                content = Content.of(ndArray(json));
                break;
            default:
                json.skipValue();
        }
    }

    private void status(JsonReader json) throws IOException {
        json.beginObject();
        while (json.hasNext()) {
            switch (json.nextName()) {
                case "code":
                    code = json.nextInt();
                    break;
                case "msg":
                    text = json.nextString();
                    break;
                default:
                    json.skipValue();
            }
        }
        json.endObject();
    }

    private static NdArray ndArray(JsonReader json) throws IOException {
        List<Integer> sizes = new ArrayList<>();
        Numbers numbers = new Numbers();
        nested(json, 0, sizes, numbers);
        return new NdArray(sizes.stream().mapToInt(Integer::intValue).toArray(),
                numbers.doubles());
    }

    private static void nested(JsonReader json, int depth, List<Integer> sizes, Numbers numbers)
            throws IOException {
        if (json.peek() != JsonToken.BEGIN_ARRAY) {
            numbers.add(Double.parseDouble(json.nextString()));
            return;
        }
        if (sizes.size() == depth) {
            sizes.add(0);
        }
        int size = 0;
        json.beginArray();
        while (json.hasNext()) {
            nested(json, depth + 1, sizes, numbers);
            size++;
        }
        json.endArray();
        sizes.set(depth, size);
    }

    private static Content tensors(JsonReader json) throws IOException {
        List<Tensor> tensors = new ArrayList<>();
        json.beginObject();
        while (json.hasNext()) {
            if (!json.nextName().equals("tensors")) {
                json.skipValue();
                continue;
            }
            json.beginArray();
            while (json.hasNext()) {
                tensors.add(tensor(json));
            }
            json.endArray();
        }
        json.endObject();
        return Content.of(tensors);
    }

    private static Tensor tensor(JsonReader json) throws IOException {
        String name = "";
        DataType type = DataType.FLOAT32;
        int[] shape = {};
        Object elements = null;
        json.beginObject();
        while (json.hasNext()) {
            String key = json.nextName();
            if (key.equals("name")) {
                name = json.nextString();
            } else if (key.equals("dtype")) {
                type = DataType.valueOf(json.nextString().substring("DT_".length()));
            } else if (key.equals("shape")) {
                shape = (int[]) Elements.read(json, DataType.INT32);
            } else if (key.startsWith("flat_")) {
                elements = Elements.read(json, type);
            } else {
                json.skipValue();
            }
        }
        json.endObject();
        if (elements == null) {
            elements = java.lang.reflect.Array.newInstance(type.arrayClass().getComponentType(), 0);
        }
        return new Tensor(name, type, shape, elements);
    }
}
