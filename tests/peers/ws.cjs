// The package ws of npm as a client of the agent. Prints one line of JSON a test; FAILED ones end the run with 1.
//   node ws.cjs ws://127.0.0.1:PORT/ws [TOKEN]
"use strict";
const assert = require("node:assert");
const WebSocket = require("ws");

const [url, token] = process.argv.slice(2);
const options = { headers: { authorization: `Bearer ${token}` } };

// A socket whose messages can be waited for one by one.
function open(path = "/ws", more = {}) {
  const socket = new WebSocket(url + path, { ...options, ...more });
  const waiting = [], came = [];
  socket.on("message", (data, binary) => {
    assert(!binary);
    const message = { ...JSON.parse(data), at: performance.now() };
    waiting.length > 0 ? waiting.shift()(message) : came.push(message);
  });
  socket.next = () => came.length > 0 ? Promise.resolve(came.shift()) : new Promise((resolve) => waiting.push(resolve));
  socket.until = async (type) => {
    for (;;) {
      const message = await socket.next();
      if (message.type === type) return message;
    }
  };
  socket.event = (name) => new Promise((resolve) => socket.once(name, (...given) => resolve(given)));
  return socket;
}

// How many updates come in these milliseconds.
async function updates(socket, ms) {
  const end = performance.now() + ms;
  let count = 0;
  for (;;) {
    const message = await socket.until("metrics_update");
    if (message.at > end) return count;
    count++;
  }
}

const tests = {
  async initial_data_then_updates() {
    for (const path of ["/ws", "/"]) {
      const socket = open(path);
      const first = await socket.next();
      assert.equal(first.type, "initial_data");
      assert.deepEqual(Object.keys(first.data), ["current", "alerts", "bottlenecks", "config"]);
      const update = await socket.until("metrics_update");
      assert.deepEqual(Object.keys(update.data), ["timestamp", "system", "tracing", "agents", "queries", "ui", "metrics"]);
      assert.deepEqual(Object.keys(update.data.system), ["cpuUsage", "memoryUsage", "diskUsage", "networkLatency"]);
      assert(update.data.system.cpuUsage >= 0 && update.data.system.cpuUsage <= 100);
      assert(update.data.system.memoryUsage > 0 && update.data.system.memoryUsage < 100);
      const later = await socket.until("metrics_update");
      assert(Date.parse(later.data.timestamp) > Date.parse(update.data.timestamp));
      assert.equal(socket.extensions, "");
      socket.close(1000, "bye");
      const [code] = await socket.event("close");
      assert.equal(code, 1000);
    }
  },

  async pings_of_both_sides_are_answered() {
    const socket = open();
    let pings = 0;
    socket.on("ping", () => pings++);
    await socket.until("initial_data");
    socket.ping("are you there");
    const [payload] = await socket.event("pong");
    assert.equal(payload.toString(), "are you there");
    await socket.event("ping");
    await socket.event("ping"); // the answer to the first one was heard, else this would be the last
    await socket.event("ping");
    await socket.event("ping");
    assert.equal(socket.readyState, WebSocket.OPEN);
    socket.terminate();
  },

  async who_does_not_answer_pings_is_let_go() {
    const socket = open("/ws", { autoPong: false });
    const began = performance.now();
    await socket.event("close");
    assert(performance.now() - began < 8000);
  },

  async subscriptions_have_their_metrics_and_rate() {
    const socket = open();
    await socket.until("initial_data");
    socket.send(JSON.stringify({ type: "subscribe", metrics: ["system.cpuUsage", "system.memory.utilization * 100"], interval: "1s" }));
    const answer = await socket.until("subscribed");
    assert.deepEqual(answer.data, { metrics: ["system.cpuUsage", "system.memory.utilization * 100"], interval_s: 1 });
    const update = await socket.until("metrics_update");
    assert.deepEqual(Object.keys(update.data), ["timestamp", "metrics"]);
    assert.deepEqual(Object.keys(update.data.metrics), answer.data.metrics);
    const slow = await updates(socket, 4000);
    assert(slow >= 3 && slow <= 5, `${slow} updates in 4 s at one a second`);
    socket.send(JSON.stringify({ type: "unsubscribe" }));
    await socket.until("subscribed");
    const quick = await updates(socket, 2000);
    assert(quick >= 6 && quick <= 10, `${quick} updates in 2 s at four a second`);
    socket.terminate();
  },

  async mistakes_are_told_and_harm_nothing() {
    const socket = open();
    for (const text of ["nonsense", "{}", '{"type":"subscribe","metrics":["no.such"]}', '{"type":"subscribe","interval":5}']) {
      socket.readyState === WebSocket.OPEN || await socket.event("open");
      socket.send(text);
      assert((await socket.until("error")).data.error.length > 0);
    }
    socket.send(Buffer.from([1, 2, 3])); // binary means nothing
    await socket.until("metrics_update");
    socket.send("x".repeat(20000));
    const [code] = await socket.event("close");
    assert.equal(code, 1009);
  },

  async without_the_token_there_is_no_socket() {
    const [error] = await open("/ws", { headers: {} }).event("error");
    assert.match(error.message, /401/);
    const [other] = await open("/ws", { origin: "http://evil.example" }).event("error");
    assert.match(other.message, /403/);
  },
};

(async () => {
  let failed = 0;
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test();
      console.log(`passed  ws: ${name}`);
    } catch (error) {
      failed++;
      console.log(`FAILED  ws: ${name}: ${error.stack}`);
    }
  }
  process.exit(failed > 0 ? 1 : 0);
})();
