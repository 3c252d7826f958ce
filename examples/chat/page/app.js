// The page of the chat example: what connects the connection (link.js) with what is on the screen (log.js). What the two ends say
// to each other is described in protocol.rs.
//
// Nothing that comes from the network or from a field is ever parsed as HTML: it goes into `textContent`.
"use strict";

const TEXT_MAX = 4_000;
const HISTORY_MAX = 50;

const outbox = new Outbox();
const log = new Log();
const members = new Members();
const link = new Link(showPhase, showTrip, receive);
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
  if (link.send({ type: "say", id: item.id, text })) {
    log.sent(item.id, true);
    link.measure();
  }
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
  for (const { id, text } of outbox.of(identity.room)) log.sent(id, link.send({ type: "say", id, text }));
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
  // What left and was not acknowledged may be lost: it waits to be sent again.
  if (link.phase !== "up") for (const { id } of outbox.of(identity?.room)) log.sent(id, false);
  clearInterval(countdown);
  if (link.phase === "waiting") countdown = setInterval(showTrouble, 250);
  showTrouble();
  showTrip();
  showUnsent();
}

function showTrouble() {
  const seconds = Math.max(1, Math.ceil((link.nextAt - Date.now()) / 1000));
  const trouble = {
    opening: link.retry === 0 ? "Connecting…" : `Connecting, attempt ${link.retry}…`,
    waiting: `No connection. Attempt ${link.retry} in ${seconds} s.`,
    held: "You are offline.",
  };
  $("trouble").textContent = trouble[link.phase] ?? "";
}

function showTrip() {
  const trip = link.phase === "up" ? link.trip : null;
  $("trip").hidden = trip === null;
  if (trip !== null) $("trip").textContent = trip < 1 ? "< 1 ms" : `${Math.round(trip)} ms`;
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
// Where it is there, it tells of a change from one network to another.
navigator.connection?.addEventListener("change", () => navigator.onLine && link.wake());
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
