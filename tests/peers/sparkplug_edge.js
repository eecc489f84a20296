// An edge node of another stack, driven by JSON lines: node sparkplug_edge.js <port> <group> <edge>
// {"birth": {...}, "device": "D01"}  {"data": [...], "device": "D01"}  {"die": "device"}  {"stop": true}
"use strict";
const readline = require("node:readline");
console.log = console.error; // stdout is for answers alone
const sparkplug = require("sparkplug-client");

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

const [port, groupId, edgeNode] = process.argv.slice(2);
const client = sparkplug.newClient({
  serverUrl: `mqtt://127.0.0.1:${port}`,
  username: "",
  password: "",
  groupId,
  edgeNode,
  clientId: `edge-${edgeNode}`,
  version: "spBv1.0",
  keepalive: 5,
});
const births = {}; // device → metrics: told again at each rebirth
let rebirths = 0;

function tellBirths() {
  client.publishNodeBirth({
    timestamp: Date.now(),
    metrics: [{ name: "Node Control/Rebirth", type: "Boolean", value: false }],
  });
  for (const [device, metrics] of Object.entries(births)) {
    client.publishDeviceBirth(device, { timestamp: Date.now(), metrics });
  }
}
client.on("error", (error) => console.error(String(error)));
client.on("birth", () => tellBirths());
client.on("ncmd", (payload) => {
  if (payload.metrics.some((metric) => metric.name === "Node Control/Rebirth" && metric.value)) {
    rebirths += 1;
    tellBirths();
  }
});

(async () => {
  await new Promise((resolve) => client.on("connect", resolve));
  say({ ready: true });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    if (command.birth) {
      births[command.device] = command.birth;
      client.publishDeviceBirth(command.device, { timestamp: Date.now(), metrics: command.birth });
    }
    if (command.data) {
      client.publishDeviceData(command.device, { timestamp: Date.now(), metrics: command.data });
    }
    if (command.die) client.publishDeviceDeath(command.die, { timestamp: Date.now() });
    if (command.skip) client.seq = (client.seq + command.skip) % 256; // as if messages were lost
    if (command.stop) client.stop();
    say({ done: true, rebirths });
  }
})();
