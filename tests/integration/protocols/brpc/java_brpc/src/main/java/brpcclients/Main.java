package brpcclients;

/** Calls a service with both clients. Arguments: its port and its admin token. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        int port = Integer.parseInt(arguments[0]);
        String token = arguments[1];
        new BrpcJava(port, token).run();
        new Jprotobuf(port, token).run();
        System.out.println("end\tok");
        System.out.flush();
        // Threads of the clients would keep the process.
        Runtime.getRuntime().halt(0);
    }
}
