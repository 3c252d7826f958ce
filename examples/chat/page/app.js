// The page of the chat example. Four parts: the connection, what is not yet acknowledged, what is on the screen, and the
// wiring of the three. What the two ends say to each other is described in protocol.rs.
//
// Nothing that comes from the network or from a field is ever parsed as HTML: it goes into `textContent`.
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
/** Messages kept on the screen. */
const LOG_MAX = 1_000;
/** Notices kept between two messages. */
const NOTICES_MAX = 8;
/** Messages of one sender closer than this are shown as one group. */
const GROUP_GAP = 5 * 60_000;
const TEXT_MAX = 4_000;
const HISTORY_MAX = 50;
const UNSENT_KEY = "longwire.unsent";

const $ = (id) => document.getElementById(id);

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
  #socket = null;
  #hello = null;
  #failures = 0;
  #upSince = 0;
  #timer = 0;
  #notify;
  #receive;

  /** `notify()` after each change of phase; `receive(message)` for each message of a socket that is not given up. */
  constructor(notify, receive) {
    this.#notify = notify;
    this.#receive = receive;
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

  send(message) {
    if (this.phase === "up") this.#socket.send(JSON.stringify(message));
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
      }
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
    this.send({ type: "ping" });
    this.#after(patience, () => this.#lost());
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

// ---------------------------------------------------------------------------------------------------------------------
// What is on the screen: the log

/**
 * `#log` has one item a message and nothing else. First come those the server has, in the server's order; then those that
 * wait. Notices belong to the message they come after.
 */
class Log {
  #items = new Map();
  #list = $("log");
  #scroller = $("scroller");
  #atEnd = true;

  constructor() {
    this.#scroller.addEventListener("scroll", () => {
      const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
      this.#atEnd = scrollHeight - scrollTop - clientHeight < 60;
      if (this.#atEnd) $("latest").hidden = true;
    }, { passive: true });
    const keepEnd = new ResizeObserver(() => this.#atEnd && this.toEnd());
    keepEnd.observe(this.#scroller);
    keepEnd.observe(this.#list);
  }

  has(id) {
    return this.#items.has(id);
  }

  get empty() {
    return this.#items.size === 0;
  }

  clear() {
    this.#items.clear();
    this.#list.replaceChildren();
    $("notices").replaceChildren();
    $("quiet").hidden = false;
    this.toEnd();
  }

  /** A message of the server's. */
  add(message, own) {
    const item = this.#create(message, own);
    this.#list.insertBefore(item, this.#firstWaiting());
    regroup(item);
    if (this.#items.size > LOG_MAX) this.#forget(this.#list.firstElementChild);
    this.#arrived();
  }

  /** A message that waits to be sent. */
  addWaiting(message) {
    const item = this.#create(message, true);
    item.classList.add("pending");
    mark(item, "waiting");
    this.#list.append(item);
    regroup(item);
    this.toEnd();
  }

  /** The server has a message that was waiting. */
  confirm(id, at, name) {
    const item = this.#items.get(id);
    if (!item?.classList.contains("pending")) return;
    const first = this.#firstWaiting();
    item.classList.remove("pending");
    mark(item, "");
    if (name !== undefined) item.querySelector(".name").textContent = name;
    if (at !== undefined) stamp(item.querySelector("time"), at);
    if (item !== first) {
      const next = item.nextElementSibling;
      this.#list.insertBefore(item, first);
      if (next !== null) regroup(next);
    }
    regroup(item);
  }

  /** The server does not want a message. */
  refuse(id, reason) {
    const item = this.#items.get(id);
    if (item === undefined) return;
    item.classList.remove("pending");
    item.classList.add("failed");
    mark(item, `not sent: ${reason}`);
  }

  /** Something happened: words, of which one may be a name. */
  notice(at, before, name = "", after = "") {
    const note = document.createElement("p");
    note.className = "notice";
    const who = document.createElement("bdi");
    who.textContent = name;
    const time = document.createElement("time");
    stamp(time, at);
    note.append(`${before} `, who, ` ${after} `, time);
    const waiting = this.#firstWaiting();
    const last = waiting === null ? this.#list.lastElementChild : waiting.previousElementSibling;
    const place = last === null ? $("notices") : last.querySelector(".notices");
    place.append(note);
    if (place.childElementCount > NOTICES_MAX) place.firstElementChild.remove();
    if (waiting !== null) regroup(waiting);
    if (this.#atEnd) this.toEnd();
  }

  toEnd() {
    this.#atEnd = true;
    $("latest").hidden = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #arrived() {
    if (this.#atEnd) this.toEnd();
    else $("latest").hidden = false;
  }

  #firstWaiting() {
    return this.#list.querySelector(":scope > .pending");
  }

  #forget(item) {
    this.#items.delete(item.dataset.id);
    item.remove();
  }

  #create({ id, name, text, at }, own) {
    $("quiet").hidden = true;
    const item = document.createElement("li");
    item.className = own ? "message own" : "message";
    item.dataset.id = id;
    item.dataset.sender = name;
    item.dataset.initial = initial(name);
    item.style.setProperty("--hue", hue(name));

    const bubble = document.createElement("div");
    bubble.className = "bubble";
    const who = document.createElement("bdi");
    who.className = "name";
    who.textContent = name;
    const words = document.createElement("div");
    words.className = "text";
    words.dir = "auto";
    words.textContent = text;
    const meta = document.createElement("div");
    meta.className = "meta";
    const time = document.createElement("time");
    stamp(time, at);
    const state = document.createElement("span");
    state.className = "state";
    meta.append(time, " ", state);
    bubble.append(who, " ", words, " ", meta);

    const notices = document.createElement("div");
    notices.className = "notices";
    item.append(bubble, notices);
    this.#items.set(id, item);
    return item;
  }
}

function mark(item, state) {
  item.querySelector(".state").textContent = state;
}

/** Sees to it that of neighbours by the same sender only the first shows the name. Also for the one after. */
function regroup(item) {
  for (const each of [item, item.nextElementSibling]) {
    if (each === null) continue;
    const before = each.previousElementSibling;
    const continues = before !== null
      && before.dataset.sender === each.dataset.sender
      && before.classList.contains("own") === each.classList.contains("own")
      && before.querySelector(".notices").childElementCount === 0
      && moment(each) - moment(before) < GROUP_GAP;
    each.classList.toggle("continued", continues);
  }
}

function moment(item) {
  return Date.parse(item.querySelector("time").dateTime);
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayAndClock = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "2-digit", minute: "2-digit" });
const everything = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

function stamp(element, at) {
  const date = new Date(Number.isFinite(at) ? at : Date.now());
  const today = date.toDateString() === new Date().toDateString();
  element.dateTime = date.toISOString();
  element.title = everything.format(date);
  element.textContent = (today ? clock : dayAndClock).format(date);
}

/** The same colour for a name wherever it appears. */
function hue(name) {
  let hash = 2_166_136_261;
  for (const character of name) hash = Math.imul(hash ^ character.codePointAt(0), 16_777_619);
  // The low bits of this hash are the poor ones.
  return String(((hash ^ (hash >>> 15)) >>> 0) % 360);
}

function initial(name) {
  const first = Array.from(name).find((character) => /[\p{L}\p{N}]/u.test(character)) ?? Array.from(name)[0] ?? "?";
  return first.toUpperCase();
}

// ---------------------------------------------------------------------------------------------------------------------
// What is on the screen: the members

class Members {
  #items = new Map();
  #order = [];
  #list = $("members");
  #collator = new Intl.Collator();

  reset(names, self) {
    this.#items.clear();
    this.#order = [];
    this.#list.replaceChildren();
    for (const name of names) this.add(name, name === self);
    this.#count();
  }

  add(name, self) {
    if (this.#items.has(name)) return;
    const item = document.createElement("li");
    item.className = self ? "member self" : "member";
    item.dataset.initial = initial(name);
    item.style.setProperty("--hue", hue(name));
    const who = document.createElement("bdi");
    who.textContent = name;
    item.append(who);
    const index = this.#place(name);
    this.#list.insertBefore(item, this.#items.get(this.#order[index]) ?? null);
    this.#order.splice(index, 0, name);
    this.#items.set(name, item);
    this.#count();
  }

  remove(name) {
    const item = this.#items.get(name);
    if (item === undefined) return;
    item.remove();
    this.#items.delete(name);
    this.#order.splice(this.#order.indexOf(name), 1);
    this.#count();
  }

  #place(name) {
    let [low, high] = [0, this.#order.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#collator.compare(this.#order[middle], name) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #count() {
    $("count").textContent = String(this.#order.length);
    $("present-title").dataset.count = String(this.#order.length);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// The wiring

const outbox = new Outbox();
const log = new Log();
const members = new Members();
const link = new Link(showPhase, receive);
/** Known to the server and to this page only; by it the server recognises the page that comes back. */
const session = token();
/** `{ name, room }` as asked for; null before. */
let identity = null;
/** The name the server gave; null before the first welcome. */
let self = null;
let unread = 0;
let countdown = 0;

function join(name, room) {
  if (identity?.name === name && identity.room === room) {
    link.wake();
    showRoom();
    return;
  }
  const moved = identity?.room !== room;
  identity = { name, room };
  self = null;
  refuse("");
  if (moved) {
    log.clear();
    members.reset([], null);
    for (const item of outbox.of(room)) log.addWaiting({ ...item, name });
  }
  history.replaceState(null, "", `?${new URLSearchParams({ name, room })}`);
  showRoom();
  link.start({ type: "hello", room, name, session });
}

function say(text) {
  const item = outbox.add(identity.room, text);
  log.addWaiting({ ...item, name: self ?? identity.name });
  link.send({ type: "say", id: item.id, text });
  showUnsent();
}

function receive(message) {
  switch (message.type) {
    case "welcome":
      welcome(message);
      break;
    case "message":
      show(message);
      if (document.hidden) showUnread(unread + 1);
      break;
    case "seen":
      outbox.settle(message.id);
      log.confirm(message.id);
      break;
    case "joined":
      members.add(message.name, false);
      log.notice(message.at, "", message.name, "joined");
      break;
    case "left":
      members.remove(message.name);
      log.notice(message.at, "", message.name, "left");
      break;
    case "error":
      fault(message);
      break;
  }
  showUnsent();
}

function welcome({ room, name, members: names, history: said }) {
  const first = self === null;
  self = name;
  $("title").textContent = room;
  members.reset(names, name);
  // What was said before is there to be read, not to be read out.
  $("scroller").setAttribute("aria-busy", "true");
  const gap = !log.empty && said.length >= HISTORY_MAX && !said.some(({ id }) => log.has(id));
  if (gap) log.notice(said[0].at, "Some messages may be missing here");
  said.forEach(show);
  if (first) log.notice(Date.now(), "You joined as", name);
  $("scroller").setAttribute("aria-busy", "false");
  for (const { id, text } of outbox.of(identity.room)) link.send({ type: "say", id, text });
}

/** A message of the room, which may be the echo of one of ours, or one that we know already. */
function show(message) {
  if (outbox.settle(message.id)) log.confirm(message.id, message.at, message.name);
  if (!log.has(message.id)) log.add(message, message.name === self);
}

function fault({ id, text }) {
  if (id !== undefined) {
    if (outbox.settle(id)) log.refuse(id, text);
  } else if (self === null) {
    identity = null;
    link.stop();
    showLobby();
    refuse(text);
  } else {
    log.notice(Date.now(), text);
    link.fail();
  }
}

function showPhase() {
  const status = { up: "connected", opening: "reconnecting", waiting: "reconnecting", held: "offline", idle: "offline" };
  const element = $("status");
  element.textContent = status[link.phase];
  element.dataset.state = status[link.phase];
  // Who is there is what was last heard.
  document.body.toggleAttribute("data-stale", link.phase !== "up");
  $("banner").hidden = link.phase === "up" || link.phase === "idle";
  $("retry").hidden = link.phase === "opening";
  clearInterval(countdown);
  if (link.phase === "waiting") countdown = setInterval(showTrouble, 250);
  showTrouble();
  showUnsent();
}

function showTrouble() {
  const seconds = Math.max(1, Math.ceil((link.nextAt - Date.now()) / 1000));
  const trouble = { opening: "Connecting…", waiting: `No connection. Next try in ${seconds} s.`, held: "You are offline." };
  $("trouble").textContent = trouble[link.phase] ?? "";
}

function showUnsent() {
  if (identity === null) return;
  const count = outbox.of(identity.room).length;
  const waiting = count === 1 ? "1 message waits to be sent." : `${count} messages wait to be sent.`;
  const promise = link.phase === "opening" ? "" : "What you write is sent later.";
  $("unsent").textContent = count === 0 ? promise : waiting;
}

function showUnread(count) {
  unread = count;
  const title = identity === null ? "Longwire chat" : `${identity.room} · Longwire chat`;
  document.title = count > 0 ? `(${count}) ${title}` : title;
}

function showLobby() {
  document.body.dataset.view = "lobby";
  showSide(false);
  showUnread(0);
}

function showRoom() {
  document.body.dataset.view = "room";
  $("title").textContent = identity.room;
  showSide(false);
  showUnread(0);
  log.toEnd();
  $("message").focus();
}

const narrow = matchMedia("(max-width: 47.99rem)");

/** The side column is a drawer where there is no space for it beside the conversation. */
function showSide(open) {
  const drawer = narrow.matches && document.body.dataset.view === "room";
  document.body.toggleAttribute("data-side", drawer && open);
  $("people").setAttribute("aria-expanded", String(drawer && open));
  $("side").inert = drawer && !open;
  if (drawer && open) $("close").focus();
}

function closeSide() {
  if (!document.body.hasAttribute("data-side")) return;
  showSide(false);
  $("people").focus();
}

function refuse(text) {
  $("refusal").textContent = text;
  $("refusal").hidden = text === "";
}

/** One line, as the server will have it. */
function tidy(text) {
  return text.replace(/\s+/gu, " ").trim();
}

function fit() {
  const field = $("message");
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
  const left = TEXT_MAX - field.value.length;
  $("left").textContent = left < 200 ? `${left} left` : "";
  $("composer").classList.toggle("ready", field.value.trim() !== "");
}

$("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  const [name, room] = [tidy($("name").value), tidy($("room").value)];
  if (name === "" || room === "") refuse(name === "" ? "Please give a name." : "Please name a room.");
  else join(name, room);
});

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("message").value.trim();
  $("message").focus();
  if (text === "") return;
  $("message").value = "";
  fit();
  say(text);
});

$("message").addEventListener("input", fit);
$("message").addEventListener("keydown", (event) => {
  // Enter also ends the composition of a character; that one is not for us.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("composer").requestSubmit();
});

$("latest").addEventListener("click", () => log.toEnd());
$("retry").addEventListener("click", () => link.wake());
$("people").addEventListener("click", () => showSide(true));
$("close").addEventListener("click", closeSide);
$("shade").addEventListener("click", closeSide);
narrow.addEventListener("change", () => showSide(false));
document.addEventListener("keydown", (event) => event.key === "Escape" && closeSide());

window.addEventListener("offline", () => link.hold());
window.addEventListener("online", () => link.wake());
window.addEventListener("pageshow", (event) => event.persisted && link.wake());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  showUnread(0);
  // Without a network only `online` helps.
  if (link.phase !== "held" || navigator.onLine) link.wake();
});

const asked = new URLSearchParams(location.search);
$("name").value = tidy(asked.get("name") ?? "");
$("room").value = tidy(asked.get("room") ?? "");
if ($("name").value !== "" && $("room").value !== "") join($("name").value, $("room").value);
else ($("name").value === "" ? $("name") : $("room")).focus();
