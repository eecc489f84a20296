// An OPC UA server of another stack, driven by JSON lines:
// node opcua_server.js <port> <history 0|1> [{"certificate", "key", "trusts", "store", "user": {name: password}}]
// {"write": {"Good": 5}, "at": epoch ms, "status": code?}  {"burst": "Good", "from": n, "count": n, "every_us": n}
"use strict";
const fs = require("node:fs");
const readline = require("node:readline");
console.log = console.error; // stdout is for answers alone
const opcua = require("node-opcua");

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

const TYPES = { State: "Int16", Good: "UInt32", Vibration: "Double" };

// Basic256Sha256 alone, one client trusted, one user known.
async function secured({ certificate, key, trusts, store, user }) {
  const certificates = new opcua.OPCUACertificateManager({ rootFolder: store, disableFileWatchers: true });
  await certificates.initialize();
  const [, body] = /-----BEGIN CERTIFICATE-----([^-]+)/.exec(fs.readFileSync(trusts, "utf8"));
  await certificates.trustCertificate(Buffer.from(body, "base64"));
  return {
    certificateFile: certificate,
    privateKeyFile: key,
    serverCertificateManager: certificates,
    userCertificateManager: certificates,
    securityPolicies: [opcua.SecurityPolicy.Basic256Sha256],
    securityModes: [opcua.MessageSecurityMode.SignAndEncrypt],
    userManager: { isValidUser: (name, password) => user[name] === password },
  };
}

async function main(port, hasHistory, security) {
  const server = new opcua.OPCUAServer({
    port,
    ...(security ? await secured(security) : {}),
    hostname: "127.0.0.1",
    resourcePath: "/",
    nodeset_filename: [opcua.nodesets.standard],
    serverCapabilities: { minSupportedSampleRate: 0 }, // tell each change
  });
  await server.initialize();
  const addressSpace = server.engine.addressSpace;
  const namespace = addressSpace.registerNamespace("urn:peer"); // index 2
  const index = namespace.index;
  const nodes = {};
  for (const [name, dataType] of Object.entries(TYPES)) {
    nodes[name] = namespace.addVariable({
      organizedBy: addressSpace.rootFolder.objects,
      nodeId: `ns=${index};s=A01.${name}`,
      browseName: name,
      dataType,
      minimumSamplingInterval: 0,
    });
    nodes[name].setValueFromSource({ dataType: opcua.DataType[dataType], value: 0 });
    if (hasHistory) addressSpace.installHistoricalDataNode(nodes[name], { maxOnlineValues: 20000 });
  }
  await server.start();
  const write = (name, value, at, status) =>
    nodes[name].setValueFromSource(
      { dataType: opcua.DataType[TYPES[name]], value },
      status === undefined ? opcua.StatusCodes.Good : opcua.getStatusCodeFromCode(status),
      at,
    );
  say({ ready: true, index });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    for (const [name, value] of Object.entries(command.write ?? {})) {
      write(name, value, new Date(command.at ?? Date.now()), command.status);
    }
    const told = [];
    for (let i = 0; i < (command.burst?.count ?? 0); i++) {
      const at = new Date((command.at ?? Date.now()) + i * command.burst.every_ms);
      write(command.burst.name, command.burst.from + i, at);
      told.push(at.getTime());
      await new Promise(setImmediate); // the server looks at a changed value in its own turn
    }
    say({ done: true, told });
  }
  await server.shutdown(0);
}

main(Number(process.argv[2]), process.argv[3] === "1", JSON.parse(process.argv[4] ?? "null"));
