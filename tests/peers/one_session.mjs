// One session for all connections of a database, a transaction at a time.
import { copyIn, isIdle, message, nameAt, query, typeOf, withoutCopyIn } from "./wire.mjs";

const PATIENCE_MS = 10_000; // then two connections of one test wait for each other
const COPY_IN = /\bcopy\b[^;]*\bfrom\s+stdin\b/i;
const BINARY = /\bbinary\b/i;
const DEALLOCATE_ALL = /^\s*deallocate\s+all\b/i;
const BEGIN = [ // this engine preloads nothing and has settings of its own
  "load 'timescaledb'",
  'set search_path to "$user", public',
  "set timezone to 'UTC'",
];
const END = [ // what goes with a session in PostgreSQL, but for prepared statements
  "rollback",
  "close all",
  "set session authorization default",
  "reset all",
  "unlisten *",
  "select pg_advisory_unlock_all()",
  "discard temp",
  "discard sequences",
];

/** The session of an engine, lent to one connection after the other. */
export class Session {
  #engine;
  #holder = null;
  #waiting = [];

  constructor(engine) {
    this.#engine = engine;
    for (const statement of BEGIN) this.run(query(statement));
  }

  /** The answer to a message, copied out of the engine's memory. */
  run(bytes) {
    return Buffer.from(this.#engine.execProtocolRawSync(bytes));
  }

  isOf(who) {
    return this.#holder === who;
  }

  /** Whether it is `who`'s from now on, until given back. */
  async take(who) {
    this.#holder ??= who;
    if (this.#holder === who) return true;
    return new Promise((resolve) => {
      const place = { who, resolve, timer: setTimeout(() => this.#giveUp(place), PATIENCE_MS) };
      this.#waiting.push(place);
    });
  }

  give(who) {
    if (this.#holder !== who) return;
    const next = this.#waiting.shift();
    this.#holder = next?.who ?? null;
    clearTimeout(next?.timer);
    next?.resolve(true);
  }

  #giveUp(place) {
    this.#waiting.splice(this.#waiting.indexOf(place), 1);
    place.resolve(false);
  }
}

/** A client's connection: holds the session from its first message to the transaction's end. */
export class Connection {
  #session;
  #number;
  #settings;
  #prepared = new Set();
  #copied = null;

  /** `settings`: the statements that make the session this client's. */
  constructor(session, number, settings) {
    this.#session = session;
    this.#number = number;
    this.#settings = settings;
  }

  /** The answer to a message; null: another connection did not end its transaction. */
  async answer(bytes) {
    const begins = !this.#session.isOf(this);
    if (!(await this.#session.take(this))) return null;
    if (begins) for (const statement of this.#settings) this.#session.run(query(statement));
    if (this.#copied) return this.#copy(bytes);
    const own = this.#named(bytes);
    const statement = typeOf(own) === "Q" ? own.toString("utf8", 5) : "";
    return COPY_IN.test(statement) ? this.#beginCopy(own, statement) : this.#run(own);
  }

  async leave() {
    if (!(await this.#session.take(this))) return;
    for (const statement of [...END, ...this.#deallocate(), ...BEGIN]) {
      this.#session.run(query(statement));
    }
    this.#session.give(this);
  }

  #run(bytes) {
    const found = this.#session.run(bytes);
    if (isIdle(found)) this.#session.give(this);
    return found;
  }

  /** The engine can't pause within a statement, so it gets the whole copy at once; the client is
   * told to go on before, and of a statement that fails at the end. */
  #beginCopy(bytes, statement) {
    this.#copied = [bytes];
    return copyIn(BINARY.test(statement));
  }

  #copy(bytes) {
    this.#copied.push(bytes);
    const isOver = "cf".includes(typeOf(bytes));
    if (!isOver) return Buffer.alloc(0);
    const whole = Buffer.concat(this.#copied);
    this.#copied = null;
    return withoutCopyIn(this.#run(whole));
  }

  /** The message with the connection's number before the name of a prepared statement. */
  #named(bytes) {
    const type = typeOf(bytes);
    const at = nameAt(bytes);
    if (type === "Q" && DEALLOCATE_ALL.test(bytes.toString("utf8", 5))) {
      const [last = "", ...others] = this.#deallocate(); // the client expects one answer
      for (const statement of others) this.#session.run(query(statement));
      return query(last);
    }
    if (at === 0 || bytes[at] === 0) return bytes;
    const end = bytes.indexOf(0, at);
    const name = `${this.#number}.${bytes.toString("utf8", at, end)}`;
    if (type === "P") this.#prepared.add(name);
    if (type === "C") this.#prepared.delete(name);
    return message(type, bytes.subarray(5, at), Buffer.from(name), bytes.subarray(end));
  }

  #deallocate() {
    const statements = [...this.#prepared].map((name) => `deallocate "${name}"`);
    this.#prepared.clear();
    return statements;
  }
}
