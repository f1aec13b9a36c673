package io.grps.client.internal.http;

import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import io.grps.client.DataType;
import java.io.IOException;
import java.lang.reflect.Array;
import java.nio.charset.StandardCharsets;
import java.util.Base64;

/** Reads the elements of a tensor into an array of its type. */
final class Elements {
    private Elements() {}

    static Object read(JsonReader json, DataType type) throws IOException {
        Class<?> element = type.arrayClass().getComponentType();
        Object array = Array.newInstance(element, 16);
        int capacity = 16;
        int size = 0;
        json.beginArray();
        while (json.hasNext()) {
            if (size == capacity) {
                capacity *= 2;
                array = resized(array, size, capacity);
            }
            set(json, type, array, size++);
        }
        json.endArray();
        return resized(array, size, size);
    }

    private static Object resized(Object array, int used, int size) {
        Object other = Array.newInstance(array.getClass().getComponentType(), size);
        System.arraycopy(array, 0, other, 0, used);
        return other;
    }

    private static void set(JsonReader json, DataType type, Object array, int index)
            throws IOException {
        switch (type) {
            case UINT8:
            case INT8:
                ((byte[]) array)[index] = (byte) json.nextInt();
                break;
            case INT16:
                ((short[]) array)[index] = (short) json.nextInt();
                break;
            case INT32:
                ((int[]) array)[index] = json.nextInt();
                break;
            case INT64:
                ((long[]) array)[index] = json.nextLong();
                break;
            case FLOAT64:
                ((double[]) array)[index] = Double.parseDouble(json.nextString());
                break;
            case STRING:
                ((byte[][]) array)[index] = bytes(json);
                break;
            default:
                ((float[]) array)[index] = Float.parseFloat(json.nextString());
        }
    }

    private static byte[] bytes(JsonReader json) throws IOException {
        if (json.peek() != JsonToken.BEGIN_OBJECT) {
            return json.nextString().getBytes(StandardCharsets.UTF_8);
        }
        json.beginObject();
        json.nextName();
        byte[] bytes = Base64.getDecoder().decode(json.nextString());
        json.endObject();
        return bytes;
    }
}
