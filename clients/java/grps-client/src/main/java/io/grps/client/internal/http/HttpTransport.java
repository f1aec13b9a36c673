package io.grps.client.internal.http;

import io.grps.client.ClientOptions;
import io.grps.client.Content;
import io.grps.client.Result;
import io.grps.client.errors.Failure;
import io.grps.client.errors.GrpsException;
import io.grps.client.internal.Authorities;
import io.grps.client.internal.Call;
import io.grps.client.internal.Futures;
import io.grps.client.internal.Transport;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** GRPS over HTTP, by the HTTP client of Java. */
public final class HttpTransport implements Transport {
    private static final String PREDICT = "/grps/v1/infer/predict";

    private final ClientOptions options;
    private final String base;
    private final HttpClient http;
    private final Permits permits;
    private final ScheduledExecutorService timer;

    /** Connects at the first call. */
    public HttpTransport(String address, ClientOptions options, ScheduledExecutorService timer) {
        this.options = options;
        this.timer = timer;
        this.base = (options.hasTls() ? "https://" : "http://") + address;
        this.permits = new Permits(options.connections());
        HttpClient.Builder builder = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(options.connectTimeout());
        if (options.ca() != null) {
            builder.sslContext(Authorities.context(options.ca()));
        }
        this.http = builder.build();
    }

    @Override
    public CompletableFuture<Result> predict(Call call) {
        return Futures.map(send(call, post(call, PREDICT + query(call, ""), call.content)),
                HttpTransport::result);
    }

    @Override
    public CompletableFuture<String> modelMetadata(Call call) {
        return Futures.map(
                send(call, post(call, "/grps/v1/metadata/model", Content.of(call.model))),
                response -> result(response).text());
    }

    @Override
    public CompletableFuture<String> serverMetadata(Call call) {
        return Futures.map(send(call, request(call, "/grps/v1/metadata/server").GET()),
                response -> result(response).text());
    }

    @Override
    public CompletableFuture<Boolean> isReady(Call call) {
        return Futures.map(send(call, request(call, "/grps/v1/health/ready").GET()), response -> {
            if (response.statusCode() != 503) {
                result(response);
            }
            return response.statusCode() == 200;
        });
    }

    @Override
    public Flow.Publisher<Result> stream(Call call) {
        return subscriber -> {
            LineSubscription lines = new LineSubscription(
                    subscriber, options.maxResponseBytes(), HttpTransport::asError);
            subscriber.onSubscribe(lines);
            HttpRequest request;
            try {
                request = post(call, PREDICT + query(call, "streaming=true"), call.content)
                        .header("Accept", "application/x-ndjson").build();
                if (call.hasDeadline()) {
                    var end = timer.schedule(() -> lines.abort(Failure.deadline()),
                            call.left().toNanos(), TimeUnit.NANOSECONDS);
                    lines.getBody().whenComplete((none, error) -> end.cancel(false));
                }
            } catch (GrpsException error) {
                lines.abort(error);
                return;
            }
            open(request, lines);
        };
    }

    private void open(HttpRequest request, LineSubscription lines) {
        CompletableFuture<HttpResponse<byte[]>> opened = http.sendAsync(request, head -> {
            if (head.statusCode() == 200) {
                return HttpResponse.BodySubscribers.mapping(lines, none -> new byte[0]);
            }
            return new LimitedBody(options.maxResponseBytes());
        });
        lines.onCancel(() -> opened.cancel(true));
        opened.whenComplete((response, error) -> {
            if (error != null) {
                lines.fail(error);
            } else if (response.statusCode() != 200) {
                lines.abort(failure(response));
            }
        });
    }

    private CompletableFuture<HttpResponse<byte[]>> send(
            Call call, HttpRequest.Builder request) {
        CompletableFuture<HttpResponse<byte[]>> result = new CompletableFuture<>();
        CompletableFuture<Void> turn = permits.acquire();
        Futures.linkCancel(result, turn);
        turn.thenRun(() -> {
            CompletableFuture<HttpResponse<byte[]>> sent;
            try {
                if (call.hasDeadline()) {
                    Duration left = call.left();
                    request.timeout(left).setHeader(
                            "X-Request-Timeout-Ms", String.valueOf(left.toMillis() + 1));
                }
                sent = http.sendAsync(
                        request.build(), head -> new LimitedBody(options.maxResponseBytes()));
            } catch (RuntimeException error) {
                permits.release();
                result.completeExceptionally(error);
                return;
            }
            Futures.linkCancel(result, sent);
            sent.whenComplete((response, error) -> {
                permits.release();
                if (error == null) {
                    result.complete(response);
                } else {
                    result.completeExceptionally(asError(error));
                }
            });
        });
        return result;
    }

    private HttpRequest.Builder post(Call call, String path, Content content) {
        boolean isBytes = content.value() instanceof byte[];
        byte[] body = isBytes ? content.bytes() : JsonWriting.message(content);
        return request(call, path)
                .header("Content-Type", isBytes ? "application/octet-stream" : "application/json")
                .POST(HttpRequest.BodyPublishers.ofByteArray(body));
    }

    private HttpRequest.Builder request(Call call, String path) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(base + path));
        if (!options.key().isEmpty()) {
            request.header("Authorization", "Bearer " + options.key());
        }
        if (!call.traceparent.isEmpty()) {
            request.header("traceparent", call.traceparent);
        }
        if (call.hasDeadline()) {
            request.header("X-Request-Timeout-Ms", String.valueOf(call.left().toMillis() + 1));
        }
        return request;
    }

    private static String query(Call call, String more) {
        String query = more;
        if (call.content.value() instanceof io.grps.client.NdArray && more.isEmpty()) {
            query = "return-ndarray=true";
        }
        if (!call.model.isEmpty()) {
            query += (query.isEmpty() ? "" : "&") + "model="
                    + URLEncoder.encode(call.model, StandardCharsets.UTF_8);
        }
        return query.isEmpty() ? "" : "?" + query;
    }

    private static Result result(HttpResponse<byte[]> response) {
        if (response.statusCode() != 200) {
            throw failure(response);
        }
        String type = response.headers().firstValue("Content-Type").orElse("");
        if (type.startsWith("application/json")) {
            return JsonReading.result(response.body());
        }
        return new Result(Content.of(response.body()), "");
    }

    private static GrpsException failure(HttpResponse<byte[]> response) {
        Duration wait = response.headers().firstValue("Retry-After")
                .filter(text -> text.matches("\\d{1,9}"))
                .map(text -> Duration.ofSeconds(Long.parseLong(text))).orElse(null);
        return new Failure(response.statusCode(), JsonReading.errorText(response.body()))
                .retryAfter(wait).exception();
    }

    private static Throwable asError(Throwable error) {
        Throwable cause = Futures.unwrapped(error);
        for (Throwable each = cause; each != null; each = each.getCause()) {
            if (each instanceof GrpsException) {
                return each;
            }
        }
        if (cause instanceof HttpTimeoutException
                && !(cause instanceof HttpConnectTimeoutException)) {
            return Failure.deadline();
        }
        boolean isUnsent = cause instanceof ConnectException
                || cause instanceof HttpConnectTimeoutException;
        return new Failure(0, "the connection failed: " + cause).mayRepeat(isUnsent)
                .cause(cause).exception();
    }

    @Override
    public void close() {
        // Its threads end when nothing refers to it; idle connections close with it.
    }
}
