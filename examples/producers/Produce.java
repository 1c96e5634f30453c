// Enqueues COUNT jobs with nothing but the JDK: REDIS_URL=redis://127.0.0.1:6379 java Produce.java COUNT
import java.io.*;
import java.net.*;
import java.util.*;
class Produce {
    static String command(String key, int n) {
        var more = n % 10 == 0 || n % 7 == 0; // a key or a delay needs the function
        var head = more ? List.of("FCALL", "pond_enqueue", "1", key) : List.of("XADD", key + ":ready", "*");
        var words = new ArrayList<>(head);
        words.addAll(List.of("kind", "order.ship", "data", "{\"order\":" + n + "}", "correlation_id", "import-java"));
        if (n % 10 == 0) words.addAll(List.of("key", "order-" + n));
        if (n % 7 == 0) words.addAll(List.of("delay_ms", "2000"));
        words.replaceAll(word -> "$" + word.length() + "\r\n" + word + "\r\n"); // all is ASCII: a letter is a byte
        return "*" + words.size() + "\r\n" + String.join("", words);
    }
    static String read(Scanner in) { // the first text of an answer; none here has a line end in it
        var line = in.hasNextLine() ? in.nextLine() : "-the server closed the connection";
        if (line.startsWith("-")) { System.err.println(line.substring(1)); System.exit(1); }
        if (!line.startsWith("*")) return line.startsWith("$") ? in.nextLine() : line;
        var first = read(in);
        for (var left = Integer.parseInt(line.substring(1)) - 1; left > 0; left--) read(in);
        return first;
    }
    public static void main(String[] arguments) throws IOException {
        String queue = System.getenv().getOrDefault("MILLPOND_QUEUE", "orders");
        var url = URI.create(System.getenv().getOrDefault("REDIS_URL", "redis://127.0.0.1:6379"));
        var batch = new StringBuilder("SADD mp:queues " + queue + "\r\n"); // known before a worker serves it
        int jobs = Integer.parseInt(arguments[0]), held = 0, duplicate = 0;
        try (var socket = new Socket(url.getHost(), url.getPort()); var in = new Scanner(socket.getInputStream())) {
            for (int n = 1, sent = 1; n <= jobs; n++) {
                batch.append(command("mp:{" + queue + "}", n));
                if (++sent < 500 && n < jobs) continue;
                socket.getOutputStream().write(batch.toString().getBytes()); // one round trip for many
                for (batch.setLength(0); sent > 0; sent--)
                    switch (read(in)) { case "held" -> held++; case "duplicate" -> duplicate++; default -> {} }
            }
        }
        System.out.printf("{\"enqueued\":%d,\"held\":%d,\"duplicate\":%d}%n", jobs - held - duplicate, held, duplicate);
    }
}
