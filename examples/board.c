/* A client of the board: ./board [USER [CHANNEL [TEXT [BROKER [PROXY]]]]]; needs libzmq and jansson, speaks JSON. */
#include <jansson.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

static const char *args[] = {"", "ana", "geral", "Bom dia!", "tcp://127.0.0.1:5555", "tcp://127.0.0.1:5558"};
static void *broker;
static json_int_t lamport; /* one more before each request, and never less than a clock that was received */

/* Send a request until it is answered: however often its id comes, it takes effect once. */
static json_t *ask(const char *service, json_int_t last) {
    static char frame[1 << 20], id[64];
    static int asked;
    static json_t *reply;
    const char *answered = "", *refusal = NULL;
    json_int_t clock = 0; double wait = 0;
    sprintf(id, "%lx-%x-%d", (long)time(NULL), getpid(), ++asked);
    for (; (strcmp(answered, id) && !refusal) || wait; sleep(wait)) {
        json_t *request = json_pack("{s:s, s:{s:s, s:s, s:s, s:I, s:s, s:I, s:f}}", "service", service, "data",
            "user", args[1], "channel", args[2], "message", args[3], /* what an operation does not need is ignored */
            "desde", last, "id", id, "clock", ++lamport, "timestamp", (double)time(NULL));
        if (!request) exit((puts("This is not UTF-8."), 2));
        zmq_send(broker, frame, json_dumpb(request, frame, sizeof frame, 0), 0);
        json_decref(request);
        int size = zmq_recv(broker, frame, sizeof frame, 0);
        if (size < 0) continue; /* no answer in time */
        json_decref(reply);
        reply = json_loadb(frame, size, 0, NULL);
        wait = 0, refusal = NULL;
        json_unpack(reply, "{s:{s:I, s?s, s?s, s?F}}", "data", "clock", &clock, "id", &answered,
            "description", &refusal, "tente_em", &wait);
        lamport = clock > lamport ? clock : lamport;
    }
    if (refusal) exit((puts(refusal), 1));
    return json_object_get(json_object_get(reply, "data"), "messages");
}

int main(int argc, char **argv) {
    int five = 5000, two = 2000;
    memcpy(args, argv, sizeof *argv * (argc < 6 ? argc : 6));
    void *context = zmq_ctx_new(), *proxy = zmq_socket(context, ZMQ_SUB);
    broker = zmq_socket(context, ZMQ_DEALER);
    zmq_setsockopt(broker, ZMQ_RCVTIMEO, &five, sizeof five);
    zmq_connect(broker, args[4]);
    zmq_setsockopt(proxy, ZMQ_RCVTIMEO, &two, sizeof two);
    zmq_setsockopt(proxy, ZMQ_SUBSCRIBE, args[2], strlen(args[2]));
    zmq_connect(proxy, args[5]);
    ask("login", 0), ask("channel", 0), ask("publish", 0);
    for (json_int_t last = 0, clock;; zmq_recv(proxy, NULL, 0, 0)) { /* a publication, or 2 s, and we ask again */
        json_t *posts = ask("history", last), *post;
        const char *user, *text;
        for (size_t i = 0; (post = json_array_get(posts, i)); i++) {
            json_unpack(post, "{s:I, s:s, s:s, s:I}", "seq", &last, "user", &user, "message", &text, "clock", &clock);
            printf("#%lld %s: %s (clock %lld)\n", last, user, text, clock);
        }
        fflush(stdout);
    }
}
