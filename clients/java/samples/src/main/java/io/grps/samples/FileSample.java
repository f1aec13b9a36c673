package io.grps.samples;

import io.grps.client.GrpsClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Sends a file, such as an image, as it is. */
public final class FileSample {
    private FileSample() {}

    /**
     * Runs the sample.
     *
     * @param arguments host:port of HTTP, and the path of a file
     */
    public static void main(String[] arguments) throws IOException {
        byte[] file = Files.readAllBytes(Path.of(arguments[1]));
        try (GrpsClient client = new GrpsClient(arguments[0])) {
            System.out.println(client.predict(file).bytes().length);
        }
    }
}
