package brpcclients;

/** Calls a service with both clients. Arguments: its port and its admin token. */
public final class Main {
    private Main() {}

    /** Longer than the service keeps a connection without calls. */
    private static final long IDLE_MS = 2500;

    public static void main(String[] arguments) throws InterruptedException {
        int port = Integer.parseInt(arguments[0]);
        String token = arguments[1];
        BrpcJava brpc = new BrpcJava(port, token);
        Jprotobuf jprotobuf = new Jprotobuf(port, token);
        brpc.run();
        jprotobuf.run();
        Thread.sleep(IDLE_MS);
        brpc.runAgain();
        jprotobuf.runAgain();
        System.out.println("end\tok");
        System.out.flush();
        // Threads of the clients would keep the process.
        Runtime.getRuntime().halt(0);
    }
}
