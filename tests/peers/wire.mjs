// PostgreSQL's wire protocol, as far as a server before a single session must understand it.

const VERSION_3 = 3;

export const text = (value) => Buffer.from(`${value}\0`);

function int32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function message(type, ...parts) {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

export const query = (statement) => message("Q", text(statement));
export const typeOf = (bytes) => String.fromCharCode(bytes[0]);

/** Whole messages of a stream, whose chunks begin and end anywhere; no type byte before startup. */
export async function* framed(socket) {
  let rest = Buffer.alloc(0);
  let head = 0;
  for await (const chunk of socket) {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const end = rest.length < head + 4 ? Infinity : head + rest.readInt32BE(head);
      if (rest.length < end) break;
      const whole = rest.subarray(0, end);
      rest = rest.subarray(end);
      if (head === 0 && isStartup(whole)) head = 1;
      yield whole;
    }
  }
}

/** Of the messages without a type byte; the others ask for TLS or GSSAPI, or cancel. */
export const isStartup = (bytes) => bytes.readInt16BE(4) === VERSION_3;

/** The database that a startup message names. */
export const databaseOf = (startup) => wordOf(startup, "database");

/** Its settings (`-c name=value -c …`), as statements. */
export function settingsOf(startup) {
  const asked = [...(wordOf(startup, "options") ?? "").matchAll(/-c (\S+?)=(\S+)/g)];
  return asked.map(([, name, value]) => `select set_config('${name}', '${value}', false)`);
}

function wordOf(startup, name) {
  const words = startup.toString("utf8", 8).split("\0");
  return words.includes(name) ? words[words.indexOf(name) + 1] : undefined;
}

/** What a server says to a client that came in. */
export function greeting(number) {
  const told = {
    server_version: "17.5",
    server_encoding: "UTF8",
    client_encoding: "UTF8",
    DateStyle: "ISO, MDY",
    TimeZone: "UTC",
    integer_datetimes: "on",
    standard_conforming_strings: "on",
  };
  return Buffer.concat([
    message("R", int32(0)),
    ...Object.entries(told).map(([name, value]) => message("S", text(name), text(value))),
    message("K", int32(number), int32(0)),
    message("Z", Buffer.from("I")),
  ]);
}

export function fatal(sqlstate, words) {
  const fields = ["SFATAL", "VFATAL", `C${sqlstate}`, `M${words}`, ""];
  return message("E", ...fields.map(text));
}

/** Whether an answer ends with "ready", outside a transaction. */
export function isIdle(answer) {
  const ready = answer.subarray(-6);
  return typeOf(ready) === "Z" && ready[5] === "I".charCodeAt(0);
}

/** A client may go on with its copy; of the columns it need not know. */
export const copyIn = (isBinary) => message("G", Buffer.from([isBinary ? 1 : 0, 0, 0]));

/** An answer without the word to go on that it begins with. */
export const withoutCopyIn = (answer) =>
  typeOf(answer) === "G" ? answer.subarray(1 + answer.readInt32BE(1)) : answer;

/** Where in a message the name of a prepared statement stands; 0: it has none. */
export function nameAt(bytes) {
  const type = typeOf(bytes);
  if (type === "P") return 5;
  if (type === "B") return bytes.indexOf(0, 5) + 1; // behind the portal's
  return "DC".includes(type) && bytes[5] === "S".charCodeAt(0) ? 6 : 0;
}
