// A client of the board: node board.js [USER [CHANNEL [TEXT [BROKER [PROXY]]]]]; first: npm install
const { randomBytes } = require("node:crypto");
const { setTimeout: sleep } = require("node:timers/promises");
const { decode, encode } = require("@msgpack/msgpack");
const { Request, Subscriber } = require("zeromq");

const [user = "ana", channel = "geral", text = "Bom dia!", ...endpoints] = process.argv.slice(2);
const [brokerAt = "tcp://127.0.0.1:5555", proxyAt = "tcp://127.0.0.1:5558"] = endpoints;
let clock = 0; // Lamport's: one more before each request, and never less than a clock that was received
let wanted = 1; // the number of the next post to show
// Relaxed: what was not answered can be sent again; correlate: and its late answer is dropped.
const broker = new Request({ relaxed: true, correlate: true, receiveTimeout: 5000 });
broker.connect(brokerAt);
const proxy = new Subscriber({ receiveTimeout: 2000 });
proxy.subscribe(channel);
proxy.connect(proxyAt);

// Send a request until it is answered: however often its id comes, it takes effect once.
async function ask(service, fields) {
  const id = randomBytes(8).toString("hex");
  for (;;) {
    clock += 1;
    const data = { ...fields, id, timestamp: Date.now() / 1000, clock };
    await broker.send(encode({ service, data }));
    const answer = await broker.receive().catch(() => null);
    if (!answer) continue;
    const reply = decode(answer[0]).data;
    clock = Math.max(clock, reply.clock);
    if (reply.status !== "erro") return reply;
    if (!("tente_em" in reply)) throw new Error(reply.description);
    await sleep(1000 * reply.tente_em);
  }
}

// Print a post if it is the next; false if one before it is missing.
function show(post) {
  clock = Math.max(clock, post.clock);
  if (post.seq === wanted && "message" in post) {
    console.log(`#${wanted} ${post.user}: ${post.message} (clock ${post.clock})`);
    wanted += 1;
  }
  return post.seq < wanted;
}

async function main() {
  await ask("login", { user });
  await ask("channel", { channel, user });
  await ask("publish", { user, channel, message: text });
  for (let complete = false, checked = 0; ; ) {
    if (!complete || Date.now() > checked + 2000) { // publications may be lost, the history has all
      const page = await ask("history", { channel, desde: wanted - 1 });
      complete = page.messages.every(show) && !page.mais;
      checked = Date.now();
    } else {
      const [topic, body] = await proxy.receive().catch(() => []);
      if (topic?.toString() === channel) complete = show(decode(body)); // "geral2" comes to "geral", too
    }
  }
}
main().catch((error) => { console.error(error.message); process.exit(1); });
