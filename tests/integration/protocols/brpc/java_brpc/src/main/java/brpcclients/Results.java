package brpcclients;

import java.util.concurrent.Callable;

/** Prints the outcome of each call on a line of its own: a name, a tab, and what came back. */
final class Results {
    private Results() {}

    static void print(String name, Callable<String> call) {
        String outcome;
        try {
            outcome = call.call();
        } catch (Exception error) {
            Throwable cause = error;
            while (cause.getCause() != null) {
                cause = cause.getCause();
            }
            outcome = "failed: " + cause.getMessage();
        }
        System.out.println(name + "\t" + String.valueOf(outcome).replace('\n', ' '));
    }
}
