// The connection of the chat example's page, and what is not yet acknowledged. What the two ends say to each other is
// described in protocol.rs.
"use strict";

const BACKOFF_FIRST = 500;
const BACKOFF_MAX = 10_000;
/** A connection that lasted this long counts as a success: the back-off begins anew after it. */
const STABLE_AFTER = 5_000;
/** How long a connection may take to get to the welcome. */
const OPENING_MAX = 10_000;
/** After that much silence the server is asked for a sign of life... */
const SILENCE_MAX = 20_000;
/** ...and has that long to give it. */
const ANSWER_MAX = 10_000;
/** The same when there is reason for doubt: the page was in the background, the network changed. */
const DOUBT_MAX = 4_000;
/** The round trip is measured at most this often by what is said. */
const MEASURE_GAP = 10_000;
const UNSENT_KEY = "longwire.unsent";

// ---------------------------------------------------------------------------------------------------------------------
// The connection

/**
 * One WebSocket after the other. `phase` is one of
 *
 *   idle        nothing wanted
 *   opening     a socket is on its way to the welcome
 *   up          welcomed
 *   waiting     lost; the next attempt is at `nextAt`
 *   held        the browser has told us that there is no network; it will tell when there is
 */
class Link {
  phase = "idle";
  nextAt = 0;
  /** How long the server took to answer, in milliseconds, when it was last asked on this socket; or null. */
  trip = null;
  #socket = null;
  #hello = null;
  #failures = 0;
  #upSince = 0;
  #timer = 0;
  /** When the pings were sent that are not answered: pongs come in the order of the pings. */
  #asked = [];
  #measuredAt = 0;
  #notify;
  #measured;
  #receive;

  /**
   * `notify()` after each change of phase; `measured()` when there is a new `trip`; `receive(message)` for each message of a
   * socket that is not given up.
   */
  constructor(notify, measured, receive) {
    this.#notify = notify;
    this.#measured = measured;
    this.#receive = receive;
  }

  /** Which attempt it is since a connection lasted, the first that is made again being 1. */
  get retry() {
    return this.#failures;
  }

  start(hello) {
    this.#drop();
    this.#hello = hello;
    this.#failures = 0;
    this.#open();
  }

  stop() {
    this.#drop();
    this.#hello = null;
    this.#become("idle");
  }

  /** Whether there is a socket that takes it. */
  send(message) {
    const up = this.phase === "up" && this.#socket.readyState === WebSocket.OPEN;
    if (up) this.#socket.send(JSON.stringify(message));
    return up;
  }

  /** Finds out how long the server takes to answer, unless that was done a moment ago. */
  measure() {
    if (performance.now() - this.#measuredAt > MEASURE_GAP) this.#ping();
  }

  /** There may be a network again, or the user is impatient. */
  wake() {
    if (this.phase === "waiting" || this.phase === "held") {
      this.#drop();
      this.#open();
    } else if (this.phase === "up") {
      this.#ask(DOUBT_MAX);
    }
  }

  /** There is no network. */
  hold() {
    if (this.phase === "idle") return;
    this.#drop();
    this.#become("held");
  }

  /** The server does not want this attempt; it may want a later one. */
  fail() {
    if (this.phase === "opening") this.#lost();
  }

  #open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws`);
    this.#socket = socket;
    this.#after(OPENING_MAX, () => this.#lost());
    socket.onopen = () => socket.send(JSON.stringify(this.#hello));
    socket.onclose = () => this.#lost();
    socket.onmessage = ({ data }) => {
      const message = parse(data);
      if (message === null) return;
      if (this.phase === "up") {
        this.#listen();
      } else if (message.type === "welcome") {
        this.#upSince = Date.now();
        this.#listen();
        this.#become("up");
        this.#ping();
      }
      if (message.type === "pong") this.#answered();
      this.#receive(message);
    };
    this.#become("opening");
  }

  #lost() {
    if (this.phase === "up" && Date.now() - this.#upSince > STABLE_AFTER) this.#failures = 0;
    this.#drop();
    // Half of the delay is chance, so that the pages of a server that went down do not come back all at once.
    const delay = Math.min(BACKOFF_MAX, BACKOFF_FIRST * 2 ** this.#failures) * (0.5 + Math.random() / 2);
    this.#failures += 1;
    this.nextAt = Date.now() + delay;
    this.#after(delay, () => this.#open());
    this.#become("waiting");
  }

  #listen() {
    this.#after(SILENCE_MAX, () => this.#ask(ANSWER_MAX));
  }

  #ask(patience) {
    this.#ping();
    this.#after(patience, () => this.#lost());
  }

  #ping() {
    if (!this.send({ type: "ping" })) return;
    this.#measuredAt = performance.now();
    this.#asked.push(this.#measuredAt);
  }

  #answered() {
    const askedAt = this.#asked.shift();
    if (askedAt === undefined) return;
    this.trip = performance.now() - askedAt;
    this.#measured();
  }

  /** The one timer there is. */
  #after(delay, action) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(action, delay);
  }

  /** Has nothing more to do with the socket. A close handshake with a peer that is gone can take minutes. */
  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    this.#asked = [];
    this.trip = null;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #become(phase) {
    this.phase = phase;
    this.#notify();
  }
}

function parse(data) {
  try {
    const message = JSON.parse(data);
    return typeof message === "object" ? message : null;
  } catch {
    return null;
  }
}

/** Unguessable. `crypto.randomUUID` would need HTTPS, and this server may be tried from a phone in the same house. */
function token() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// ---------------------------------------------------------------------------------------------------------------------
// What is not yet acknowledged

/**
 * Messages from the moment they are typed to the moment the server has shown that it has them: in order, each with the id
 * by which the server and the other pages recognise it if it is sent twice. Survives a reload, not the tab.
 */
class Outbox {
  #items = load();

  add(room, text) {
    const item = { id: token(), room, text, at: Date.now() };
    this.#items.push(item);
    this.#save();
    return item;
  }

  /** Takes a message out; whether it was in. */
  settle(id) {
    const index = this.#items.findIndex((item) => item.id === id);
    if (index < 0) return false;
    this.#items.splice(index, 1);
    this.#save();
    return true;
  }

  of(room) {
    return this.#items.filter((item) => item.room === room);
  }

  #save() {
    try {
      sessionStorage.setItem(UNSENT_KEY, JSON.stringify(this.#items));
    } catch {
      // No storage or no space in it: the messages live as long as the page.
    }
  }
}

function load() {
  try {
    const items = JSON.parse(sessionStorage.getItem(UNSENT_KEY) ?? "[]");
    const whole = (item) => [item.id, item.room, item.text].every((field) => typeof field === "string");
    return Array.isArray(items) ? items.filter(whole) : [];
  } catch {
    return [];
  }
}
