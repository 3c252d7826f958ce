// What is on the screen of the chat example: the log, and the members.
"use strict";

/** Messages kept on the screen. */
const LOG_MAX = 1_000;
/** Notices kept between two messages. */
const NOTICES_MAX = 8;
/** Messages of one sender closer than this are shown as one group. */
const GROUP_GAP = 5 * 60_000;

const $ = (id) => document.getElementById(id);

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

  /** A message that is not acknowledged has been handed to the connection, or waits for the next one. */
  sent(id, sent) {
    const item = this.#items.get(id);
    if (!item?.classList.contains("pending")) return;
    item.classList.toggle("sent", sent);
    mark(item, sent ? "sent" : "waiting");
  }

  /** The server has a message that was waiting. */
  confirm(id, at, name) {
    const item = this.#items.get(id);
    if (!item?.classList.contains("pending")) return;
    const first = this.#firstWaiting();
    item.classList.remove("pending", "sent");
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
    item.classList.remove("pending", "sent");
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
